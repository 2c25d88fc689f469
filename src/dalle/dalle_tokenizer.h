// The image tokenizer of DALL-E, a discrete variational autoencoder: its encoder turns an image into
// the visual tokens that BEiT predicts, its decoder turns tokens into an image again. Reference:
// dall_e/{encoder,decoder,utils}.py of the DALL-E repository (https://arxiv.org/abs/2102.12092).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "src/dalle/dalle_block.h"
#include "src/model/model.h"

namespace beit {

// The sizes of a half of a tokenizer. Defaults are those of the published one.
struct DalleConfig {
  int64_t vocab_size = 8192;
  int64_t n_hid = 256;
  int64_t n_init = 128;  // decoder only
  int64_t group_count = 4;
  int64_t n_blk_per_group = 2;

  // Returns the pixels of a token's side: every group but one halves the image.
  int64_t downsampling() const { return int64_t{1} << (group_count - 1); }
};

// Returns the config in a JSON object with those names; absent ones keep their defaults. Errors:
// those of Json::parse; kBadConfig for a value of the wrong type or range.
Result<DalleConfig> parseDalleConfig(std::string_view json);

class DalleEncoder : public Model {
 public:
  static constexpr std::string_view kClassName = "DalleEncoder";
  DalleEncoder(const DalleConfig& config, const Execution& execution);

 protected:
  // Takes pixel_values (B, 3, height, width) of 0..1, both sides multiples of downsampling(). Puts out
  // logits (B, vocab_size, h, w) and tokens (B, h, w), each the first of the largest.
  Status addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs, const ForwardOptions& options) override;
  Result<ForwardInputs> typicalInputs() const override;

 private:
  Status check(const ForwardInputs& inputs) const;
  // Whether a block is the last of a group that another follows: the size changes behind it.
  bool endsGroup(size_t block) const {
    return (block + 1) % static_cast<size_t>(config_.n_blk_per_group) == 0 && block + 1 < blocks_.size();
  }

  const DalleConfig config_;
  DalleConvolution input_, output_;
  std::vector<std::unique_ptr<DalleBlock>> blocks_;
};

class DalleDecoder : public Model {
 public:
  static constexpr std::string_view kClassName = "DalleDecoder";
  DalleDecoder(const DalleConfig& config, const Execution& execution);

 protected:
  // Takes tokens (B, h, w). Puts out decoder_stats (B, 6, height, width), whose first three channels
  // are the image's logits, and reconstruction (B, 3, height, width) of 0..1.
  Status addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs, const ForwardOptions& options) override;
  Result<ForwardInputs> typicalInputs() const override;

 private:
  Status check(const ForwardInputs& inputs) const;
  // Whether a block is the last of a group that another follows: the size changes behind it.
  bool endsGroup(size_t block) const {
    return (block + 1) % static_cast<size_t>(config_.n_blk_per_group) == 0 && block + 1 < blocks_.size();
  }
  Result<FeatureMap> embed(const int32_t* tokens, Size size) const;

  const DalleConfig config_;
  FloatBuffer input_weight_, input_bias_;  // (n_init, vocab_size, 1, 1) and (n_init)
  DalleConvolution output_;
  std::vector<std::unique_ptr<DalleBlock>> blocks_;
};

}  // namespace beit
