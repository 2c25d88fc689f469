#include "src/base/tensor.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace beit {

std::optional<int64_t> elementCount(const Shape& shape) {
  constexpr int64_t kMax = int64_t{1} << 53;
  int64_t count = 1;
  bool zero = false;
  for (int64_t size : shape) {
    if (size < 0) return std::nullopt;
    if (size == 0) {
      zero = true;
      continue;
    }
    if (count > kMax / size) return std::nullopt;
    count *= size;
  }
  return zero ? 0 : count;
}

std::string toString(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

namespace {
struct DTypeRow {
  DType dtype;
  std::string_view name;
  int64_t bytes;
};
constexpr std::array<DTypeRow, 13> kDTypes{{{DType::kF64, "F64", 8},
                                            {DType::kF32, "F32", 4},
                                            {DType::kF16, "F16", 2},
                                            {DType::kBF16, "BF16", 2},
                                            {DType::kI64, "I64", 8},
                                            {DType::kI32, "I32", 4},
                                            {DType::kI16, "I16", 2},
                                            {DType::kI8, "I8", 1},
                                            {DType::kU64, "U64", 8},
                                            {DType::kU32, "U32", 4},
                                            {DType::kU16, "U16", 2},
                                            {DType::kU8, "U8", 1},
                                            {DType::kBool, "BOOL", 1}}};
}  // namespace

int64_t elementSize(DType dtype) {
  for (const auto& row : kDTypes)
    if (row.dtype == dtype) return row.bytes;
  return 0;
}

std::string_view toString(DType dtype) {
  for (const auto& row : kDTypes)
    if (row.dtype == dtype) return row.name;
  return "";
}

std::optional<DType> parseDType(std::string_view name) {
  for (const auto& row : kDTypes)
    if (row.name == name) return row.dtype;
  return std::nullopt;
}

Result<FloatBuffer> FloatBuffer::allocate(int64_t count, std::string_view purpose, MemoryCount* counted) {
  constexpr size_t kAlignment = 64;
  const auto refuse = [&] { return outOfMemory(purpose, count, static_cast<int64_t>(sizeof(float))); };
  // Counted in 64 bits: on a 32-bit target a size that does not fit must fail, not wrap.
  constexpr uint64_t kMax = (SIZE_MAX / 2 - kAlignment) / sizeof(float) - kSlack;
  assert(count >= 0);
  if (static_cast<uint64_t>(count) > kMax) return refuse();
  const auto size = static_cast<size_t>(count);
  const size_t bytes = ((size + kSlack) * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
  FloatBuffer buffer;
  void* const memory = counted ? countMemory(*counted, static_cast<int64_t>(bytes)) : std::aligned_alloc(kAlignment, bytes);
  if (!memory) return refuse();
  buffer.data_.reset(static_cast<float*>(memory));
  buffer.size_ = size;
  // The slack is read by kernels: it must hold defined, finite values.
  if (!counted) std::fill_n(buffer.data() + size, kSlack, 0.0f);
  return buffer;
}

Result<FloatBuffer> FloatBuffer::copyOf(std::span<const float> values, std::string_view purpose) {
  BEIT_ASSIGN(FloatBuffer buffer, allocate(static_cast<int64_t>(values.size()), purpose));
  std::copy(values.begin(), values.end(), buffer.data());
  return buffer;
}

Result<Tensor> Tensor::allocate(Shape shape, std::string_view purpose, MemoryCount* counted) {
  const auto count = elementCount(shape);
  if (!count)
    return mismatch(ErrorCode::kWrongShape, std::string(purpose), toString(shape), "sizes of at least 0 whose product is countable");
  Tensor tensor;
  BEIT_ASSIGN(tensor.values, FloatBuffer::allocate(*count, purpose, counted));
  tensor.shape = std::move(shape);
  return tensor;
}

}  // namespace beit
