#include "src/image/image_processor_config.h"

#include <cfloat>
#include <utility>

#include "src/base/json.h"
#include "src/base/json_fields.h"
#include "src/image/image.h"

namespace beit {
namespace {

constexpr int64_t kMaxSide = 65536;

// What a class assumes where its file says nothing, in transformers 5. Classes whose pictures take
// more than a resize, a crop and a normalisation are not here.
struct ClassDefaults {
  char name[12];
  int16_t size;
  uint8_t resample;  // Pillow's number
  bool do_center_crop;
  bool by_shortest_edge;          // what `size` above is
  bool default_to_square;         // what a `size` of one number is
  const double (*statistics)[3];  // mean and deviation; null: 0.5
};

constexpr uint8_t kBilinear = 2, kBicubic = 3;
constexpr double kImageNet[2][3] = {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};
constexpr double kOpenAi[2][3] = {{0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}};

constexpr ClassDefaults kClasses[] = {
    {"Beit", 224, kBicubic, false, false, true, nullptr},        {"ViT", 224, kBilinear, false, false, true, nullptr},
    {"DeiT", 256, kBicubic, true, false, true, nullptr},         {"Segformer", 512, kBilinear, false, false, true, kImageNet},
    {"DPT", 384, kBicubic, false, false, true, nullptr},         {"CLIP", 224, kBicubic, true, true, false, kOpenAi},
    {"Siglip", 224, kBicubic, false, false, false, nullptr},     {"Bit", 224, kBicubic, true, true, false, kOpenAi},
    {"Blip", 384, kBicubic, false, false, true, kOpenAi},        {"Pvt", 224, kBicubic, false, false, true, kImageNet},
    {"MobileNetV2", 256, kBilinear, true, true, false, nullptr}, {"TimmWrapper", 224, kBicubic, true, true, false, kImageNet},
};

// Returns the class of that name, without "ImageProcessor"; null for one that is not here.
constexpr const ClassDefaults* classOf(std::string_view name) {
  for (const ClassDefaults& each : kClasses)
    if (each.name == name) return &each;
  return nullptr;
}

constexpr const char* kClassNames =
    "Beit-, ViT-, DeiT-, Segformer-, DPT-, CLIP-, Siglip-, Bit-, Blip-, Pvt-, MobileNetV2- or TimmWrapperImageProcessor";

// Fills the defaults of the class that the file names, of BEiT's where it names none; null for a class that is not here.
const ClassDefaults* applyClass(JsonValue file, std::string_view name, BeitImageProcessorConfig& config) {
  const auto drop = [&](std::string_view suffix) {
    const bool there = name.ends_with(suffix);
    if (there) name.remove_suffix(suffix.size());
    return there;
  };
  const bool later = drop("Fast") || drop("Pil");
  drop("ImageProcessor") || drop("FeatureExtractor");
  const ClassDefaults* const type = classOf(name);
  if (!type) return nullptr;
  config.size = {type->size, type->size};
  config.shortest_edge = type->by_shortest_edge ? type->size : 0;
  config.resample = static_cast<Resample>(type->resample);
  config.do_center_crop = type->do_center_crop;
  for (size_t i = 0; i < 3 && type->statistics; ++i) {
    config.image_mean[i] = type->statistics[0][i];
    config.image_std[i] = type->statistics[1][i];
  }
  // BEiT's older files leave out what transformers 4 assumed; null is an answer, and transformers 5's.
  if (type == classOf("Beit") && !later) {
    if (!file.find("size").exists()) config.size = {256, 256};
    if (!file.find("do_center_crop").exists()) config.do_center_crop = true;
  }
  return type;
}

// get_size_dict: an int, a pair, or an object of height and width or, where `shortest_edge` is given, of that.
// A form that only other models' processors have is an error where the size is used, and nothing where it is not.
Status readSize(JsonFields& fields, std::string_view name, bool used, bool square, Size& size, int64_t* shortest_edge) {
  const JsonValue field = fields.take(name);
  if (!field.exists()) return {};
  const bool object = field.isObject(), both = field.find("height").exists() && field.find("width").exists();
  JsonFields sides(field);
  if (shortest_edge) {
    const bool edge =
        object ? !both && field.find("shortest_edge").exists() && !field.find("longest_edge").exists() : !square && !field.isArray();
    if (edge) return (object ? sides : fields).integer(object ? "shortest_edge" : name, 1, kMaxSide, *shortest_edge);
    *shortest_edge = 0;
  }
  if (!object) return fields.size(name, 1, kMaxSide, size);
  if (both) {
    BEIT_TRY(sides.integer("height", 1, kMaxSide, size.height));
    return sides.integer("width", 1, kMaxSide, size.width);
  }
  if (!used) return {};
  return mismatch(ErrorCode::kUnsupported, std::string(name), field.describe(), "height and width, or size's shortest_edge alone");
}

// Pillow's number, or its name: "bicubic", "PILImageResampling.BICUBIC".
Status readResample(JsonFields& fields, Resample& resample) {
  const JsonValue field = fields.take("resample");
  if (!field.exists()) return {};
  const std::string expected = "0 (nearest), 1 (lanczos), 2 (bilinear), 3 (bicubic), 4 (box) or 5 (hamming)";
  auto number = field.asInt64();
  if (const auto text = field.asString()) {
    std::string name;
    for (const char letter : *text) {
      if (letter == '.') name.clear();
      else name += static_cast<char>(letter | 0x20);
    }
    const size_t at = expected.find('(' + name + ')');
    if (at != std::string::npos) number = expected[at - 2] - '0';
  }
  if (!number || *number < 0 || *number > static_cast<int>(Resample::kHamming)) return badField("resample", field, expected);
  resample = static_cast<Resample>(*number);
  return {};
}

// image_mean and image_std: a number, or one for each channel.
Status readStatistic(JsonFields& fields, std::string_view name, bool divisor, std::vector<double>& values) {
  const JsonValue field = fields.take(name);
  if (!field.exists()) return {};
  const std::string expected = divisor ? "a number that is not 0, or one for each channel" : "a number, or one for each channel";
  std::vector<double> numbers;
  const auto add = [&](JsonValue value) {
    const auto number = value.asDouble();
    // What float32 cannot hold, or holds as 0 where it divides, gives no pixel values.
    if (!number || !(*number >= -FLT_MAX && *number <= FLT_MAX)) return false;
    if (divisor && static_cast<float>(*number) == 0.0f) return false;
    numbers.push_back(*number);
    return true;
  };
  if (!field.isArray()) {
    if (!add(field)) return badField(name, field, expected);
  } else if (field.size() == 0 || field.size() > static_cast<size_t>(kMaxImageChannels)) {
    return badField(name, field, expected);
  }
  for (const JsonValue item : field.items()) {
    if (!add(item)) return badField(name, item, expected);
  }
  values = std::move(numbers);
  return {};
}

}  // namespace

Result<BeitImageProcessorConfig> parseImageProcessorConfig(std::string_view json) {
  BEIT_ASSIGN(const Json document, Json::parse(json, "preprocessor_config.json"));
  if (!document.root().isObject()) {
    return badField("preprocessor_config.json", document.root(), "an object");
  }
  JsonFields fields(document.root());
  BeitImageProcessorConfig config;
  BEIT_TRY(fields.text("image_processor_type", config.image_processor_type));
  BEIT_TRY(fields.text("feature_extractor_type", config.feature_extractor_type));
  const JsonValue named = document.root().find(config.image_processor_type.empty() ? "feature_extractor_type" : "image_processor_type");
  const ClassDefaults* const type = applyClass(document.root(), named.asString().value_or("Beit"), config);
  if (!type) return mismatch(ErrorCode::kUnsupported, "image_processor_type", named.describe(), kClassNames);
  bool square = type->default_to_square;
  // The old name of do_reduce_labels comes after it: from_dict lets it decide.
  const std::pair<std::string_view, bool*> flags[] = {
      {"default_to_square", &square},
      {"do_resize", &config.do_resize},
      {"do_center_crop", &config.do_center_crop},
      {"do_rescale", &config.do_rescale},
      {"do_normalize", &config.do_normalize},
      {"do_reduce_labels", &config.do_reduce_labels},
      {"reduce_labels", &config.do_reduce_labels},
  };
  for (const auto& [flag, value] : flags) BEIT_TRY(fields.flag(flag, *value));
  config.crops_as_torchvision = type == classOf("TimmWrapper");
  if (type == classOf("Segformer")) config.do_center_crop = false;  // its class has the field and no crop
  BEIT_TRY(readSize(fields, "size", config.do_resize, square, config.size, &config.shortest_edge));
  BEIT_TRY(readResample(fields, config.resample));
  BEIT_TRY(readSize(fields, "crop_size", config.do_center_crop, true, config.crop_size, nullptr));
  BEIT_TRY(fields.real("rescale_factor", -FLT_MAX, FLT_MAX, config.rescale_factor));
  BEIT_TRY(readStatistic(fields, "image_mean", false, config.image_mean));
  BEIT_TRY(readStatistic(fields, "image_std", true, config.image_std));
  fields.take("do_convert_rgb");  // pictures are always made RGB
  if (type == classOf("DPT")) {
    // What its class does beside, and this one does not.
    for (const std::string_view other : {"do_pad", "keep_aspect_ratio", "ensure_multiple_of"}) {
      const JsonValue field = fields.take(other);
      if (field.asBool().value_or(field.asInt64().value_or(1) != 1))
        return mismatch(ErrorCode::kUnsupported, std::string(other), field.describe(), "a picture that is resized to size");
    }
  }
  config.unknown_fields = fields.unknown();
  return config;
}

}  // namespace beit
