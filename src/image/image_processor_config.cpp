#include "src/image/image_processor_config.h"

#include <cfloat>

#include "src/base/json.h"
#include "src/base/json_fields.h"
#include "src/image/image.h"

namespace beit {
namespace {

constexpr int64_t kMaxSide = 65536;

// get_size_dict: an int, a pair, or an object of height and width. A form that only other models'
// processors have is an error where the size is used, and nothing where it is not.
Status readSize(JsonFields& fields, std::string_view name, bool used, Size& size) {
  const JsonValue field = fields.take(name);
  if (!field.isObject()) return fields.size(name, 1, kMaxSide, size);
  if (field.find("height").exists() && field.find("width").exists()) {
    JsonFields sides(field);
    BEIT_TRY(sides.integer("height", 1, kMaxSide, size.height));
    return sides.integer("width", 1, kMaxSide, size.width);
  }
  if (!used) return {};
  std::string keys;
  for (const JsonMember member : field.members()) keys += (keys.empty() ? "" : ", ") + std::string(member.key);
  return mismatch(ErrorCode::kUnsupported, std::string(name), keys.empty() ? "an empty object" : keys, "height and width");
}

Status readResample(JsonFields& fields, Resample& resample) {
  const JsonValue field = fields.take("resample");
  if (!field.exists()) return {};
  const auto number = field.asInt64();
  if (!number || *number < 0 || *number > static_cast<int>(Resample::kHamming)) {
    return badField("resample", field, "0 (nearest), 1 (lanczos), 2 (bilinear), 3 (bicubic), 4 (box) or 5 (hamming)");
  }
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
  BEIT_TRY(fields.flag("do_resize", config.do_resize));
  BEIT_TRY(readSize(fields, "size", config.do_resize, config.size));
  BEIT_TRY(readResample(fields, config.resample));
  BEIT_TRY(fields.flag("do_center_crop", config.do_center_crop));
  BEIT_TRY(readSize(fields, "crop_size", config.do_center_crop, config.crop_size));
  BEIT_TRY(fields.flag("do_rescale", config.do_rescale));
  BEIT_TRY(fields.real("rescale_factor", -FLT_MAX, FLT_MAX, config.rescale_factor));
  BEIT_TRY(fields.flag("do_normalize", config.do_normalize));
  BEIT_TRY(readStatistic(fields, "image_mean", false, config.image_mean));
  BEIT_TRY(readStatistic(fields, "image_std", true, config.image_std));
  BEIT_TRY(fields.flag("do_reduce_labels", config.do_reduce_labels));
  BEIT_TRY(fields.flag("reduce_labels", config.do_reduce_labels));  // from_dict: the old name decides
  BEIT_TRY(fields.text("image_processor_type", config.image_processor_type));
  BEIT_TRY(fields.text("feature_extractor_type", config.feature_extractor_type));
  config.unknown_fields = fields.unknown();
  return config;
}

}  // namespace beit
