#include "weights/reading/element_convert.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "src/base/real_text.h"

namespace beit {

namespace {

template <typename T>
T loadLittleEndian(const uint8_t* bytes) {
  static_assert(std::endian::native == std::endian::little, "every target of this project is");
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

float fromHalf(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16, magnitude = half & 0x7fffu;
  // Infinity and NaN keep an exponent of all ones.
  if (magnitude >= 0x7c00u) return fromBits(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  // The bits in place, taken as a float 2^112 too small; the product is exact, for subnormals too.
  const float value = fromBits(magnitude << 13) * fromBits(0x77800000u);
  return sign ? -value : value;
}

uint32_t toBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

uint16_t toHalf(float value) {
  const uint32_t bits = toBits(value), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);   // NaN
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65520 and more
  if (magnitude < 0x38800000u) {
    // Subnormal: added to 0.5 its last bit is 2^-24, the half's unit, and the addition rounds.
    return static_cast<uint16_t>(sign | (toBits(fromBits(magnitude) + 0.5f) - 0x3f000000u));
  }
  const uint32_t odd = magnitude >> 13 & 1u;
  return static_cast<uint16_t>(sign | (magnitude - 0x38000000u + 0xfffu + odd) >> 13);
}

uint16_t toBrain(float value) {
  const uint32_t bits = toBits(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16 & 0x8000u) | 0x7fc0u);  // NaN
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

template <typename Convert>
void encodeEach(std::span<const float> values, uint8_t* out, Convert convert) {
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t element = convert(values[i]);
    std::memcpy(out + i * sizeof element, &element, sizeof element);
  }
}

template <typename Element, typename Convert>
void convertEach(std::span<const uint8_t> bytes, float* out, Convert convert) {
  const size_t count = bytes.size() / sizeof(Element);
  for (size_t i = 0; i < count; ++i) out[i] = convert(loadLittleEndian<Element>(bytes.data() + i * sizeof(Element)));
}

}  // namespace

bool isWeightType(DType dtype) { return dtype == DType::kF64 || dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16; }

void convertElements(DType dtype, std::span<const uint8_t> bytes, float* out) {
  switch (dtype) {
    case DType::kF64: return convertEach<double>(bytes, out, [](double v) { return static_cast<float>(v); });
    case DType::kF32:
      if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());  // no bytes may be a null pointer
      return;
    case DType::kF16: return convertEach<uint16_t>(bytes, out, fromHalf);
    case DType::kBF16: return convertEach<uint16_t>(bytes, out, [](uint16_t v) { return fromBits(static_cast<uint32_t>(v) << 16); });
    default: assert(!"not a weight type");
  }
}

void encodeElements(DType dtype, std::span<const float> values, uint8_t* out) {
  switch (dtype) {
    case DType::kF32:
      if (!values.empty()) std::memcpy(out, values.data(), values.size_bytes());
      return;
    case DType::kF16: return encodeEach(values, out, toHalf);
    case DType::kBF16: return encodeEach(values, out, toBrain);
    default: assert(!"not a type to write");
  }
}

Status checkHeldBy(DType dtype, const std::string& name, std::span<const float> values) {
  constexpr float kHalfOverflow = 65520.0f;  // from here on the nearest half is infinity
  if (dtype != DType::kF16) return {};
  for (const float value : values)
    if (std::isfinite(value) && std::abs(value) >= kHalfOverflow)
      return mismatch(ErrorCode::kInvalidArgument, name, "a value of " + realText(static_cast<double>(value)),
                      "at most 65504, the largest of F16 (BF16 and F32 hold it)");
  return {};
}

}  // namespace beit
