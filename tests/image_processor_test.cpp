#include "src/image/image_processor.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/image/image_decode.h"
#include "tests/support/files.h"
#include "tests/support/named_tensors.h"

namespace beit {
namespace {

namespace fs = std::filesystem;

BeitImageProcessor processor(std::string_view json) {
  auto made = BeitImageProcessor::parse(json);
  if (!made.ok()) FAIL(made.error().message);
  return std::move(made).value();
}

Error errorOf(std::string_view json) {
  auto made = BeitImageProcessor::parse(json);
  if (made.ok()) FAIL("accepted: " << json);
  return made.error();
}

void refuses(const std::string& field, const std::string& value, ErrorCode code = ErrorCode::kBadConfig) {
  CAPTURE(field, value);
  const Error error = errorOf("{\"" + field + "\": " + value + "}");
  CHECK(error.code == code);
  CHECK_FALSE(error.got.empty());
}

}  // namespace

TEST_CASE("pixel values and labels are the reference's, bit for bit", "[image_processor][golden]") {
  size_t cases = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(BEIT_FIXTURES) / "golden/images")) {
    DYNAMIC_SECTION(entry.path().filename().string()) {
      BeitImageProcessorConfig config = processor(test::readText(entry.path() / "preprocessor_config.json")).config();
      const auto tensors = test::readTensors(entry.path() / "expected.safetensors");
      REQUIRE(tensors.ok());

      const auto& image = tensors->at("in.image");
      const auto pixels = BeitImageProcessor(config).preprocess({image.shape[1], image.shape[0], image.shape[2], image.bytes});
      if (!pixels.ok()) FAIL(pixels.error().message);
      const auto& expected = tensors->at("out.pixel_values");
      CHECK(pixels->shape == expected.shape);
      const std::vector<float> floats = expected.floats();
      CHECK(std::equal(floats.begin(), floats.end(), pixels->values.data(), pixels->values.data() + pixels->values.size()));

      config.do_reduce_labels = true;  // as make_images.py has it
      const auto& map = tensors->at("in.segmentation_map");
      const auto labels = BeitImageProcessor(config).preprocessSegmentationMap({map.shape[1], map.shape[0], 1, map.bytes});
      if (!labels.ok()) FAIL(labels.error().message);
      const auto& ids = tensors->at("out.labels_reduced");
      CHECK(labels->shape == ids.shape);
      const std::vector<double> numbers = ids.values();
      CHECK(std::equal(numbers.begin(), numbers.end(), labels->values.begin(), labels->values.end()));
    }
    ++cases;
  }
  CHECK(cases >= 15);
}

TEST_CASE("a file becomes the pixel values of its samples", "[image_processor]") {
  int jpegs = 0, refused = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(BEIT_FIXTURES) / "images")) {
    if (entry.path().extension() == ".py" || entry.path().extension() == ".safetensors") continue;
    CAPTURE(entry.path().filename().string());
    const auto file = test::readBytes(entry.path());
    const auto image = decodeImage(file);
    for (const char* json :
         {R"({"size": 20, "do_center_crop": false, "resample": 2})", R"({"size": {"shortest_edge": 9}, "crop_size": 12})",
          R"({"size": 16, "resample": 0, "do_center_crop": false})", R"({"do_resize": false, "do_center_crop": false})"}) {
      const BeitImageProcessor prepare = processor(json);
      const auto made = prepare.preprocessFile(file);
      REQUIRE(made.ok() == image.ok());
      if (!image.ok()) {
        CHECK(made.error().message == image.error().message);
        ++refused;
        continue;
      }
      const auto expected = prepare.preprocess(*image);
      REQUIRE(expected.ok());
      CHECK(made->size == image->size());
      CHECK(made->pixel_values.shape == expected->shape);
      const float* values = expected->values.data();
      CHECK(std::equal(values, values + expected->values.size(), made->pixel_values.values.data()));
      jpegs += entry.path().extension() == ".jpg";
    }
  }
  CHECK(jpegs >= 40);
  CHECK(refused >= 4);
  const auto wrong = processor(R"({"image_mean": [0.5, 0.5]})").preprocessFile(test::readBytes(fs::path(BEIT_FIXTURES) / "images/420.jpg"));
  REQUIRE_FALSE(wrong.ok());
  CHECK(wrong.error().code == ErrorCode::kWrongShape);
}

TEST_CASE("an empty preprocessor config is transformers 4's class default", "[image_processor]") {
  const BeitImageProcessorConfig config = processor("{}").config();
  CHECK(config.do_resize);
  CHECK(config.size == Size{256, 256});
  CHECK(config.resample == Resample::kBicubic);
  CHECK(config.do_center_crop);
  CHECK(config.crop_size == Size{224, 224});
  CHECK(config.do_rescale);
  CHECK(config.rescale_factor == 1.0 / 255);
  CHECK(config.do_normalize);
  CHECK(config.image_mean == std::vector<double>{0.5, 0.5, 0.5});
  CHECK(config.image_std == std::vector<double>{0.5, 0.5, 0.5});
  CHECK_FALSE(config.do_reduce_labels);
}

TEST_CASE("processors of other classes and sizes by the shortest edge give the reference's pixels", "[image_processor][cases]") {
  const fs::path cases = fs::path(BEIT_FIXTURES) / "cases";
  const auto photo = decodeImage(test::readBytes(cases / "photo.png"));
  REQUIRE(photo.ok());
  for (const char* name : {"01-vit-384", "02-null-ViTImageProcessorFast", "17-shortest-edge"}) {
    DYNAMIC_SECTION(name) {
      const auto tensors = test::readTensors(cases / name / "expected.safetensors");
      REQUIRE(tensors.ok());
      const auto& expected = tensors->at("out.every_16th");
      const std::vector<float> floats = expected.floats();
      const auto pixels = processor(test::readText(cases / name / "preprocessor_config.json")).preprocess(*photo);
      if (!pixels.ok()) FAIL(pixels.error().message);
      const int64_t height = pixels->shape[2], width = pixels->shape[3];
      REQUIRE(Shape{1, 3, (height + 15) / 16, (width + 15) / 16} == expected.shape);
      float largest = 0;
      size_t at = 0;
      for (int64_t c = 0; c < 3; ++c)
        for (int64_t y = 0; y < height; y += 16)
          for (int64_t x = 0; x < width; x += 16)
            largest = std::max(largest, std::abs(pixels->values.data()[(c * height + y) * width + x] - floats[at++]));
      CHECK(largest < 1e-5f);
    }
  }
}

TEST_CASE("a class's own defaults fill in what a file leaves out", "[image_processor]") {
  const auto of = [](const std::string& type, const std::string& rest = "") {
    return processor("{\"image_processor_type\": \"" + type + "\"" + rest + "}").config();
  };
  for (const char* type : {"ViTImageProcessor", "ViTImageProcessorFast", "ViTImageProcessorPil", "ViTFeatureExtractor"}) {
    const BeitImageProcessorConfig vit = of(type);
    CHECK(vit.size == Size{224, 224});
    CHECK_FALSE(vit.do_center_crop);
    CHECK(vit.resample == Resample::kBilinear);
  }
  CHECK(processor(R"({"feature_extractor_type": "ViTFeatureExtractor"})").config().resample == Resample::kBilinear);
  const BeitImageProcessorConfig segformer = of("SegformerImageProcessor", R"(, "do_center_crop": true)");
  CHECK(segformer.size == Size{512, 512});
  CHECK(segformer.image_mean == std::vector<double>{0.485, 0.456, 0.406});
  CHECK_FALSE(segformer.do_center_crop);
  CHECK(of("DPTImageProcessor").size == Size{384, 384});
  CHECK(of("DeiTImageProcessor").do_center_crop);
  CHECK(of("CLIPImageProcessor").shortest_edge == 224);
  CHECK(of("CLIPImageProcessor", R"(, "size": 336)").shortest_edge == 336);
  CHECK(of("CLIPImageProcessor", R"(, "size": [3, 4])").shortest_edge == 0);
  CHECK(of("ViTImageProcessor", R"(, "size": 336, "default_to_square": false)").shortest_edge == 336);
  CHECK(of("ViTImageProcessor", R"(, "resample": "PILImageResampling.BICUBIC")").resample == Resample::kBicubic);
  CHECK(of("ViTImageProcessor", R"(, "resample": "nearest")").resample == Resample::kNearest);

  // Transformers 4's where a key is not there, transformers 5's where it is null.
  const BeitImageProcessorConfig null = of("BeitImageProcessor", R"(, "do_center_crop": null, "size": null)");
  CHECK_FALSE(null.do_center_crop);
  CHECK(null.size == Size{224, 224});
  CHECK(of("BeitImageProcessor").do_center_crop);
  CHECK_FALSE(of("BeitImageProcessorFast").do_center_crop);

  CHECK(errorOf(R"({"image_processor_type": "ConvNextImageProcessor"})").code == ErrorCode::kUnsupported);
  CHECK(errorOf(R"({"image_processor_type": "DPTImageProcessor", "keep_aspect_ratio": true})").where == "keep_aspect_ratio");
  CHECK(errorOf(R"({"image_processor_type": "DPTImageProcessor", "ensure_multiple_of": 32})").where == "ensure_multiple_of");
}

TEST_CASE("the shortest edge decides both sides, rounded down", "[image_processor]") {
  const BeitImageProcessor five = processor(R"({"size": {"shortest_edge": 5}, "do_center_crop": false})");
  const std::vector<uint8_t> data(7 * 10 * 3, 9);
  CHECK(five.preprocess({10, 7, 3, data})->shape == Shape{1, 3, 5, 7});
  CHECK(five.preprocess({7, 10, 3, data})->shape == Shape{1, 3, 7, 5});
  CHECK(five.preprocessSegmentationMap({10, 7, 1, std::span(data).first(70)})->shape == Shape{1, 5, 7});
}

TEST_CASE("sizes may be a number, a pair or an object; old names are read; others are kept", "[image_processor]") {
  const BeitImageProcessorConfig config = processor(R"({"size": 384, "crop_size": [10, 20], "reduce_labels": true,
      "do_reduce_labels": false, "feature_extractor_type": "BeitFeatureExtractor", "image_mean": 0.25,
      "rescale_factor": 2, "resample": 1, "data_format": "channels_first"})")
                                              .config();
  CHECK(config.size == Size{384, 384});
  CHECK(config.crop_size == Size{10, 20});
  CHECK(config.do_reduce_labels);
  CHECK(config.feature_extractor_type == "BeitFeatureExtractor");
  CHECK(config.image_mean == std::vector<double>{0.25});
  CHECK(config.rescale_factor == 2.0);
  CHECK(config.resample == Resample::kLanczos);
  CHECK(config.unknown_fields == std::vector<std::string>{"data_format"});
  CHECK(processor(R"({"size": {"width": 3, "height": 2}})").config().size == Size{2, 3});
  // A form that BEiT's processor cannot have is of no matter where it is not used.
  CHECK(processor(R"({"do_center_crop": false, "crop_size": {"shortest_edge": 9}})").config().crop_size == Size{224, 224});
}

TEST_CASE("an unusable preprocessor config is an error that names the field", "[image_processor]") {
  refuses("size", R"({"shortest_edge": 224, "longest_edge": 448})", ErrorCode::kUnsupported);
  refuses("size", R"({"longest_edge": 448})", ErrorCode::kUnsupported);
  refuses("size", R"({"shortest_edge": 0})");
  refuses("crop_size", R"({"shortest_edge": 224})", ErrorCode::kUnsupported);
  refuses("size", "{}", ErrorCode::kUnsupported);
  for (const char* value : {"0", "-5", "65537", "\"224\"", "[1]", R"({"height": 0, "width": 5})", R"({"height": 5, "width": 1e9})"})
    refuses("size", value);
  for (const char* value : {"-1", "6", "2.5", "\"sinc\"", "\"\"", "true"}) refuses("resample", value);
  for (const char* value : {"1", "\"yes\""}) refuses("do_resize", value);
  for (const char* value : {"NaN", "Infinity", "\"1/255\"", "1e39"}) refuses("rescale_factor", value);
  for (const char* value : {"[]", "\"x\"", "[0.5, \"x\"]", "NaN", "[1e39]", "{}"}) refuses("image_mean", value);
  for (const char* value : {"0", "[0.5, 0, 0.5]", "1e-60", "Infinity"}) refuses("image_std", value);
  CHECK(errorOf("[1]").code == ErrorCode::kBadConfig);
  CHECK(errorOf("<html></html>").code == ErrorCode::kHtml);
  CHECK(errorOf("{").code == ErrorCode::kTruncated);
}

TEST_CASE("other channel counts need as many means and deviations", "[image_processor]") {
  std::vector<uint8_t> data(4 * 5 * 6, 200);
  const ImageView8 five{6, 4, 5, data};
  const char* size = R"("size": {"height": 2, "width": 3}, "do_center_crop": false)";
  const auto wrong = processor("{" + std::string(size) + "}").preprocess(five);
  REQUIRE_FALSE(wrong.ok());
  CHECK(wrong.error().code == ErrorCode::kWrongShape);
  CHECK(wrong.error().where == "image_mean");

  const auto each = processor("{" + std::string(size) + R"(, "image_mean": [0, 0.25, 0.5, 0.75, 1], "image_std": 0.5})").preprocess(five);
  REQUIRE(each.ok());
  CHECK(each->shape == Shape{1, 5, 2, 3});
  for (size_t i = 0; i < each->values.size(); ++i) {
    const float mean = 0.25f * static_cast<float>(i / 6);
    CHECK(each->values.data()[i] == (static_cast<float>(200 / 255.0) - mean) / 0.5f);
  }
  CHECK(processor("{" + std::string(size) + R"(, "do_normalize": false})").preprocess(five).ok());
}

TEST_CASE("center crop pads at the start and cuts at the end when the rest is odd", "[image_processor]") {
  const std::vector<uint8_t> data{10, 20, 30, 40};
  const auto crop = [&](const char* size) {
    const auto pixels =
        processor(std::string(R"({"do_resize": false, "do_rescale": false, "do_normalize": false, "crop_size": )") + size + "}")
            .preprocess({4, 1, 1, data});
    REQUIRE(pixels.ok());
    return std::vector<float>(pixels->values.data(), pixels->values.data() + pixels->values.size());
  };
  CHECK(crop("[1, 3]") == std::vector<float>{10, 20, 30});
  CHECK(crop("[1, 2]") == std::vector<float>{20, 30});
  CHECK(crop("[1, 7]") == std::vector<float>{0, 0, 10, 20, 30, 40, 0});
  CHECK(crop("[2, 3]") == std::vector<float>{0, 0, 0, 10, 20, 30});
}

TEST_CASE("labels: 0 becomes 255, 255 stays, others lose one", "[image_processor]") {
  std::vector<uint8_t> map(256);
  for (size_t i = 0; i < map.size(); ++i) map[i] = static_cast<uint8_t>(i);
  const ImageView8 view{256, 1, 1, map};
  const char* config = R"({"do_resize": false, "do_center_crop": false, "do_reduce_labels": true})";
  const auto labels = processor(config).preprocessSegmentationMap(view);
  REQUIRE(labels.ok());
  CHECK(labels->shape == Shape{1, 1, 256});
  CHECK(labels->values[0] == 255);
  CHECK(labels->values[255] == 255);
  for (size_t i = 1; i < 255; ++i) CHECK(labels->values[i] == static_cast<int32_t>(i) - 1);

  const auto wrong = processor(config).preprocessSegmentationMap({64, 2, 2, map});
  REQUIRE_FALSE(wrong.ok());
  CHECK(wrong.error().code == ErrorCode::kWrongShape);
}

TEST_CASE("images and outputs that cannot be are errors", "[image_processor]") {
  const std::vector<uint8_t> data(12);
  const BeitImageProcessor usual = processor("{}");
  for (const ImageView8& bad : {ImageView8{2, 2, 3, {}}, ImageView8{3, 2, 3, data}, ImageView8{0, 0, 3, {}}, ImageView8{-2, -2, 3, data}}) {
    CHECK(usual.preprocess(bad).error().code == ErrorCode::kInvalidArgument);
    CHECK(usual.preprocessSegmentationMap(bad).error().code == ErrorCode::kInvalidArgument);
  }
  // 65536 x 65536: more than kMaxImagePixels.
  CHECK(processor(R"({"size": 65536})").preprocess({2, 2, 3, data}).error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("a crop of more labels than memory can address is an error", "[image_processor]") {
  if (sizeof(size_t) > 4) SKIP("65536 x 65536 labels can be addressed here: only the 32 bits of wasm wrap to 0.");
  const std::vector<uint8_t> map(9);
  const auto labels = processor(R"({"do_resize": false, "crop_size": 65536})").preprocessSegmentationMap({3, 3, 1, map});
  REQUIRE_FALSE(labels.ok());
  CHECK(labels.error().code == ErrorCode::kOutOfMemory);
}

}  // namespace beit
