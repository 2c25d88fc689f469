// Both halves of a tiny tokenizer against what the reference's modules answered.
#include "src/dalle/dalle_tokenizer.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "src/registry.h"
#include "tests/support/files.h"
#include "tests/support/named_tensors.h"
#include "weights/reading/checkpoint.h"

namespace {

using namespace beit;
namespace fs = std::filesystem;

const fs::path kFolder = fs::path(BEIT_FIXTURES) / "golden/dvae/dvae-tiny";

std::unique_ptr<Model> load(const char* class_name, const char* file, const Execution& execution) {
  auto model = createModel(R"({"n_hid": 16, "n_init": 8, "vocab_size": 96})", class_name, {}, execution);
  REQUIRE(model.ok());
  const auto bytes = test::readBytes(kFolder / file);
  Checkpoint checkpoint;
  REQUIRE(checkpoint.addFile(file, static_cast<int64_t>(bytes.size())).ok());
  for (int stage = 0; stage < 2; ++stage) {
    while (const auto read = checkpoint.next())
      REQUIRE(checkpoint.supply(std::span(bytes).subspan(static_cast<size_t>(read->offset), static_cast<size_t>(read->length))).ok());
    if (stage == 0) REQUIRE(checkpoint.bind((*model)->parameters()).ok());
  }
  return std::move(*model);
}

std::map<std::string, Tensor> run(Model& model, ForwardInputs inputs) {
  auto pass = model.begin(std::move(inputs), {});
  REQUIRE(pass.ok());
  for (bool done = false; !done;) {
    const auto step = (*pass)->step();
    REQUIRE(step.ok());
    done = *step;
  }
  std::map<std::string, Tensor> outputs;
  for (const auto& [name, tensor] : (*pass)->outputs()) outputs[name] = {tensor.shape, *FloatBuffer::copyOf(tensor.values.span(), name)};
  return outputs;
}

double largestDifference(const Tensor& got, const test::NamedValues& want) {
  REQUIRE(got.shape == want.shape);
  const auto values = want.values();
  double largest = 0.0;
  for (size_t i = 0; i < values.size(); ++i) largest = std::max(largest, std::abs(static_cast<double>(got.values.data()[i]) - values[i]));
  return largest;
}

}  // namespace

TEST_CASE("the tokenizer's halves answer as the reference's", "[dalle]") {
  const auto execution = Execution::create(1);
  const auto expected = test::readTensors(kFolder / "expected.safetensors");
  REQUIRE(expected.ok());
  // Float sums in another order, over values of about 1.
  constexpr double kTolerance = 2e-4;

  const auto encoder = load("DalleEncoder", "encoder.safetensors", **execution);
  const auto& image = expected->at("in.image");
  ForwardInputs pixels;
  pixels.pixel_values = *Tensor::allocate(image.shape, "image");
  const auto floats = image.floats();
  std::copy(floats.begin(), floats.end(), pixels.pixel_values.values.data());
  const auto encoded = run(*encoder, std::move(pixels));
  CHECK(largestDifference(encoded.at("logits"), expected->at("out.token_logits")) < kTolerance);
  CHECK(largestDifference(encoded.at("tokens"), expected->at("out.tokens")) == 0.0);

  const auto decoder = load("DalleDecoder", "decoder.safetensors", **execution);
  const auto& tokens = expected->at("out.tokens");
  const auto ids = tokens.values();
  ForwardInputs codes;
  codes.tokens = Labels{tokens.shape, std::vector<int32_t>(ids.begin(), ids.end())};
  const auto decoded = run(*decoder, std::move(codes));
  CHECK(largestDifference(decoded.at("decoder_stats"), expected->at("out.decoder_stats")) < kTolerance);
  CHECK(largestDifference(decoded.at("reconstruction"), expected->at("out.reconstruction")) < kTolerance);
}

TEST_CASE("the tokenizer refuses what does not fit", "[dalle]") {
  const auto execution = Execution::create(1);
  const auto encoder = load("DalleEncoder", "encoder.safetensors", **execution);
  ForwardInputs pixels;
  pixels.pixel_values = *Tensor::allocate({1, 3, 12, 16}, "image");
  const auto odd = encoder->begin(std::move(pixels), {});
  REQUIRE_FALSE(odd.ok());
  CHECK(odd.error().code == ErrorCode::kWrongShape);
  ForwardInputs few;
  few.pixel_values = *Tensor::allocate({12}, "image");
  few.pixel_values.shape = {1, 3, 64, 64};
  const auto short_of_values = encoder->begin(std::move(few), {});
  REQUIRE_FALSE(short_of_values.ok());
  CHECK(short_of_values.error().message == "pixel_values: got 12 values, expected as many as [1, 3, 64, 64] holds.");

  const auto decoder = load("DalleDecoder", "decoder.safetensors", **execution);
  ForwardInputs codes;
  codes.tokens = Labels{{1, 1, 2}, std::vector<int32_t>{5, 96}};
  const auto unknown = decoder->begin(std::move(codes), {});
  REQUIRE_FALSE(unknown.ok());
  CHECK(unknown.error().code == ErrorCode::kInvalidArgument);
  CHECK(unknown.error().message == "tokens: got 96, expected 0 to 95.");

  CHECK(parseDalleConfig(R"({"n_hid": 18})").error().code == ErrorCode::kBadConfig);
  CHECK(parseDalleConfig(R"({"vocab_size": "many"})").error().code == ErrorCode::kBadConfig);
}
