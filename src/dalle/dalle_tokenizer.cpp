#include "src/dalle/dalle_tokenizer.h"

#include <algorithm>
#include <cmath>

#include "src/base/json.h"
#include "src/base/vector_size.h"

namespace beit {

namespace {

constexpr float kLogitLaplaceEpsilon = 0.1f;  // the reference's logit_laplace_eps
constexpr int64_t kUsualSide = 112;           // pixels: BEiT's second view

// Adds the blocks of all groups, from `channels` on; returns the last group's channels.
int64_t declareBlocks(const Execution& execution, ParameterList& parameters, const DalleConfig& config, DalleBlock::Kind kind,
                      int64_t channels, std::vector<std::unique_ptr<DalleBlock>>& blocks) {
  const auto layers = static_cast<float>(config.group_count * config.n_blk_per_group);
  for (int64_t group = 0; group < config.group_count; ++group) {
    const int64_t doublings = kind == DalleBlock::Kind::kEncoder ? group : config.group_count - 1 - group;
    const int64_t outputs = config.n_hid << doublings;
    for (int64_t block = 0; block < config.n_blk_per_group; ++block) {
      blocks.push_back(std::make_unique<DalleBlock>());
      blocks.back()->declare(execution, parameters, "blocks.group_" + std::to_string(group + 1) + ".block_" + std::to_string(block + 1),
                             kind, channels, outputs, 1.0f / (layers * layers));
      channels = outputs;
    }
  }
  return channels;
}

Result<FeatureMap> pooled(const Execution& execution, FeatureMap map) {
  BEIT_ASSIGN(FeatureMap half,
              FeatureMap::allocate(execution.workspace(), {map.size.height / 2, map.size.width / 2}, map.channels, "features"));
  maxPool2(execution, map, half);
  return half;
}

// Nearest upsampling by two.
Result<FeatureMap> doubled(const Execution& execution, FeatureMap map) {
  const int64_t channels = map.channels, width = 2 * map.size.width;
  BEIT_ASSIGN(FeatureMap twice, FeatureMap::allocate(execution.workspace(), {2 * map.size.height, width}, channels, "features"));
  execution.parallelFor(static_cast<size_t>(twice.size.height), [&](size_t, size_t row) {
    const auto y = static_cast<int64_t>(row);
    for (int64_t x = 0; x < width; ++x)
      std::copy_n(map.data() + ((y / 2) * map.size.width + x / 2) * channels, channels, twice.data() + (y * width + x) * channels);
  });
  return twice;
}

}  // namespace

Result<DalleConfig> parseDalleConfig(std::string_view json) {
  BEIT_ASSIGN(const Json document, Json::parse(json, "The tokenizer's config"));
  DalleConfig config;
  struct Field {
    const char* name;
    int64_t* value;
    int64_t most;
  };
  constexpr int64_t kMaxChannels = 65536, kMaxGroups = 8, kMaxBlocks = 64, kMaxTokens = 1 << 20;
  for (const Field& field : {Field{"vocab_size", &config.vocab_size, kMaxTokens}, Field{"n_hid", &config.n_hid, kMaxChannels},
                             Field{"n_init", &config.n_init, kMaxChannels}, Field{"group_count", &config.group_count, kMaxGroups},
                             Field{"n_blk_per_group", &config.n_blk_per_group, kMaxBlocks}}) {
    const JsonValue value = document.root().find(field.name);
    if (!value.exists()) continue;
    const auto number = value.asInt64();
    if (!number || *number < 1 || *number > field.most)
      return mismatch(ErrorCode::kBadConfig, field.name, value.describe(), "an integer from 1 to " + std::to_string(field.most));
    *field.value = *number;
  }
  if (config.n_hid % 4 != 0) return mismatch(ErrorCode::kBadConfig, "n_hid", std::to_string(config.n_hid), "a multiple of 4");
  return config;
}

DalleEncoder::DalleEncoder(const DalleConfig& config, const Execution& execution) : Model(kClassName, execution), config_(config) {
  input_.declare(execution, parameters_, "blocks.input", 3, config.n_hid, 7);
  const int64_t channels = declareBlocks(execution, parameters_, config, DalleBlock::Kind::kEncoder, config.n_hid, blocks_);
  output_.declare(execution, parameters_, "blocks.output.conv", channels, config.vocab_size, 1);
}

Status DalleEncoder::check(const ForwardInputs& inputs) const {
  const Shape& shape = inputs.pixel_values.shape;
  const int64_t side = config_.downsampling();
  if (shape.size() != 4 || shape[0] < 1 || shape[1] != 3 || shape[2] < side || shape[3] < side || shape[2] % side != 0 ||
      shape[3] % side != 0)
    return mismatch(ErrorCode::kWrongShape, "pixel_values", toString(shape),
                    "(batch, 3, height, width) with sides that are multiples of " + std::to_string(side));
  if (static_cast<int64_t>(inputs.pixel_values.values.size()) != elementCount(shape))
    return mismatch(ErrorCode::kWrongShape, "pixel_values", std::to_string(inputs.pixel_values.values.size()) + " values",
                    "as many as " + toString(shape) + " holds");
  return {};
}

Status DalleEncoder::addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs, const ForwardOptions&) {
  BEIT_TRY(check(*inputs));
  const Shape& shape = inputs->pixel_values.shape;
  const Size size{shape[2], shape[3]}, grid{size.height / config_.downsampling(), size.width / config_.downsampling()};
  auto logits = std::make_shared<Tensor>();
  BEIT_ASSIGN(*logits, execution_.workspace().tensor({shape[0], config_.vocab_size, grid.height, grid.width}, "logits"));
  auto tokens = std::make_shared<Tensor>();
  BEIT_ASSIGN(*tokens, execution_.workspace().tensor({shape[0], grid.height, grid.width}, "tokens"));
  for (int64_t b = 0; b < shape[0]; ++b) {
    auto map = std::make_shared<FeatureMap>();
    pass.add([=, this](ForwardPass&) -> Status {
      BEIT_ASSIGN(FeatureMap image, FeatureMap::allocate(execution_.workspace(), size, 3, "an image"));
      const float* from = inputs->pixel_values.values.data() + b * image.count();
      // map_pixels: (1 - 2 ε) x + ε
      execution_.compute([&] {
        for (int64_t c = 0; c < 3; ++c)
          for (int64_t i = 0; i < size.area(); ++i)
            image.data()[i * 3 + c] = (1 - 2 * kLogitLaplaceEpsilon) * from[c * size.area() + i] + kLogitLaplaceEpsilon;
      });
      BEIT_ASSIGN(*map, input_.run(execution_, image));
      return {};
    });
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const bool pools = endsGroup(i);
      pass.add([=, this](ForwardPass&) -> Status {
        BEIT_ASSIGN(*map, blocks_[i]->run(execution_, std::move(*map)));
        if (pools) {
          BEIT_ASSIGN(*map, pooled(execution_, std::move(*map)));
        }
        return {};
      });
    }
    pass.add([=, this](ForwardPass&) -> Status {
      relu(execution_, *map);
      BEIT_ASSIGN(const FeatureMap scores, output_.run(execution_, *map));
      hwcToChw(execution_, scores, logits->values.data() + b * scores.count());
      // torch.argmax(z_logits, axis=1)
      execution_.compute([&] {
        for (int64_t i = 0; i < grid.area(); ++i)
          tokens->values.data()[b * grid.area() + i] = static_cast<float>(argmax(scores.data() + i * scores.channels, scores.channels));
      });
      *map = {};
      return {};
    });
  }
  pass.add([=](ForwardPass& to) -> Status {
    to.output("logits", std::move(*logits));
    to.output("tokens", std::move(*tokens));
    return {};
  });
  return {};
}

Result<ForwardInputs> DalleEncoder::typicalInputs() const {
  ForwardInputs inputs;
  BEIT_ASSIGN(inputs.pixel_values, execution_.workspace().tensor({1, 3, kUsualSide, kUsualSide}, "pixel_values"));
  return inputs;
}

DalleDecoder::DalleDecoder(const DalleConfig& config, const Execution& execution) : Model(kClassName, execution), config_(config) {
  parameters_.add("blocks.input.w", {config.n_init, config.vocab_size, 1, 1}, input_weight_);
  parameters_.add("blocks.input.b", {config.n_init}, input_bias_);
  const int64_t channels = declareBlocks(execution, parameters_, config, DalleBlock::Kind::kDecoder, config.n_init, blocks_);
  output_.declare(execution, parameters_, "blocks.output.conv", channels, 6, 1);
}

Status DalleDecoder::check(const ForwardInputs& inputs) const {
  if (!inputs.tokens) return mismatch(ErrorCode::kInvalidArgument, "tokens", "none", "tokens (batch, h, w)");
  const Shape& shape = inputs.tokens->shape;
  const auto* ids = std::get_if<std::vector<int32_t>>(&inputs.tokens->values);
  if (!ids) return mismatch(ErrorCode::kWrongType, "tokens", "floats", "integers");
  constexpr int64_t kMaxSide = 4096;
  if (shape.size() != 3 || shape[0] < 1 || shape[1] < 1 || shape[2] < 1 || shape[1] > kMaxSide || shape[2] > kMaxSide ||
      elementCount(shape) != static_cast<int64_t>(ids->size()))
    return mismatch(ErrorCode::kWrongShape, "tokens", toString(shape), "(batch, h, w)");
  for (const int32_t id : *ids)
    if (id < 0 || id >= config_.vocab_size)
      return mismatch(ErrorCode::kInvalidArgument, "tokens", std::to_string(id), "0 to " + std::to_string(config_.vocab_size - 1));
  return {};
}

// The first convolution of a one-hot map is a column of its weights.
Result<FeatureMap> DalleDecoder::embed(const int32_t* tokens, Size size) const {
  BEIT_ASSIGN(FeatureMap map, FeatureMap::allocate(execution_.workspace(), size, config_.n_init, "embedded tokens"));
  execution_.compute([&] {
    for (int64_t i = 0; i < size.area(); ++i)
      for (int64_t c = 0; c < config_.n_init; ++c)
        map.data()[i * config_.n_init + c] = input_weight_.data()[c * config_.vocab_size + tokens[i]] + input_bias_.data()[c];
  });
  return map;
}

Status DalleDecoder::addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs, const ForwardOptions&) {
  BEIT_TRY(check(*inputs));
  const Shape& shape = inputs->tokens->shape;
  const Size grid{shape[1], shape[2]};
  const int64_t height = grid.height * config_.downsampling(), width = grid.width * config_.downsampling();
  auto stats = std::make_shared<Tensor>();
  BEIT_ASSIGN(*stats, execution_.workspace().tensor({shape[0], 6, height, width}, "decoder_stats"));
  for (int64_t b = 0; b < shape[0]; ++b) {
    auto map = std::make_shared<FeatureMap>();
    pass.add([=, this](ForwardPass&) -> Status {
      BEIT_ASSIGN(*map, embed(std::get<std::vector<int32_t>>(inputs->tokens->values).data() + b * grid.area(), grid));
      return {};
    });
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const bool doubles = endsGroup(i);
      pass.add([=, this](ForwardPass&) -> Status {
        BEIT_ASSIGN(*map, blocks_[i]->run(execution_, std::move(*map)));
        if (doubles) {
          BEIT_ASSIGN(*map, doubled(execution_, std::move(*map)));
        }
        return {};
      });
    }
    pass.add([=, this](ForwardPass&) -> Status {
      relu(execution_, *map);
      BEIT_ASSIGN(const FeatureMap scores, output_.run(execution_, *map));
      hwcToChw(execution_, scores, stats->values.data() + b * scores.count());
      *map = {};
      return {};
    });
  }
  pass.add([=, this](ForwardPass& to) -> Status {
    // unmap_pixels(sigmoid(stats[:, :3])): clamp((x - ε) / (1 - 2 ε), 0, 1)
    BEIT_ASSIGN(Tensor image, execution_.workspace().tensor({stats->shape[0], 3, height, width}, "reconstruction"));
    const int64_t area = 3 * height * width;
    execution_.parallelFor(vectorSize(stats->shape[0]), [&](size_t, size_t b) {
      const float* logits = stats->values.data() + 2 * static_cast<int64_t>(b) * area;
      float* pixels = image.values.data() + static_cast<int64_t>(b) * area;
      for (int64_t i = 0; i < area; ++i) {
        const float pixel = 1.0f / (1.0f + std::exp(-logits[i]));
        pixels[i] = std::clamp((pixel - kLogitLaplaceEpsilon) / (1 - 2 * kLogitLaplaceEpsilon), 0.0f, 1.0f);
      }
    });
    to.output("decoder_stats", std::move(*stats));
    to.output("reconstruction", std::move(image));
    return {};
  });
  return {};
}

Result<ForwardInputs> DalleDecoder::typicalInputs() const {
  const int64_t side = kUsualSide / config_.downsampling();
  ForwardInputs inputs;
  inputs.tokens = Labels{{1, side, side}, std::vector<int32_t>(vectorSize(side * side))};
  return inputs;
}

}  // namespace beit
