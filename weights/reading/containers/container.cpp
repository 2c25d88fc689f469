#include "weights/reading/containers/container.h"

#include <algorithm>

#include "src/base/web_page.h"
#include "weights/reading/containers/flax_msgpack.h"
#include "weights/reading/containers/safetensors.h"
#include "weights/reading/containers/torch_legacy.h"
#include "weights/reading/containers/torch_zip.h"

namespace beit {

namespace {

std::string_view asText(std::span<const uint8_t> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Returns what the first bytes of a file that is not read tell of it, or nothing.
std::optional<Error> foreignFormat(const std::string& file, std::string_view first) {
  constexpr const char* kRead = "a safetensors, PyTorch or Flax file";
  if (looksLikeHtml(first)) return mismatch(ErrorCode::kHtml, file, "a web page (it begins with \"" + std::string(first) + "\")", kRead);
  const auto is = [&](std::string_view magic) { return first.starts_with(magic); };
  const char* kind = nullptr;
  if (is("version ")) kind = "a Git LFS pointer, not the file that it points to";
  else if (is("\x89HDF")) kind = "an HDF5 file (a TensorFlow checkpoint, perhaps)";
  else if (is("GGUF")) kind = "a GGUF file";
  if (!kind) return std::nullopt;
  return mismatch(ErrorCode::kUnsupported, file, kind, kRead);
}

Result<std::unique_ptr<ContainerIndexer>> makeIndexer(std::string file_name, size_t file, std::optional<int64_t> size,
                                                      std::span<const uint8_t> first) {
  using Made = std::unique_ptr<ContainerIndexer>;
  if (asText(first).starts_with("PK\x03\x04")) return TorchZipIndexer::create(std::move(file_name), file, size);
  if (TorchLegacyIndexer::isMagic(first)) return Made(new TorchLegacyIndexer(std::move(file_name), file, size));
  // Four zeros are the upper half of the length of a safetensors header. 80 02 and six zeros, a header
  // of 640 bytes, would otherwise be a pickle, and 81 a0 and six zeros a map.
  if (asText(first).ends_with(std::string_view("\0\0\0\0", 4))) return Made(new SafetensorsIndexer(std::move(file_name), file, size));
  if (first[0] == 0x80 && first[1] >= 2 && first[1] <= 5)
    return mismatch(ErrorCode::kUnsupported, file_name, "a Python pickle", "a PyTorch checkpoint, which begins with its magic number");
  if (FlaxMsgpackIndexer::looksLike(first)) return Made(new FlaxMsgpackIndexer(std::move(file_name), file, size));
  return Made(new SafetensorsIndexer(std::move(file_name), file, size));
}

}  // namespace

Result<std::unique_ptr<ContainerIndexer>> openContainer(std::string file_name, size_t file, std::optional<int64_t> size,
                                                        std::span<const uint8_t> first) {
  assert(static_cast<int64_t>(first.size()) == kSniffBytes);
  if (auto error = foreignFormat(file_name, asText(first))) return *std::move(error);
  BEIT_ASSIGN(std::unique_ptr<ContainerIndexer> reader, makeIndexer(std::move(file_name), file, size, first));
  for (size_t at = 0; at < first.size();) {
    const auto wanted = reader->next();
    if (!wanted || wanted->offset != static_cast<int64_t>(at)) break;
    const auto take = std::min(first.size() - at, static_cast<size_t>(wanted->length));
    BEIT_TRY(reader->supply(first.subspan(at, take)));
    at += take;
  }
  return reader;
}

}  // namespace beit
