#include "weights/container.h"

#include "src/html.h"
#include "weights/safetensors.h"

namespace beit {

namespace {

// Returns what the first bytes of a file that is not read tell of it, or nothing.
std::optional<Error> foreignFormat(const std::string& file, std::string_view first) {
  if (looksLikeHtml(first))
    return mismatch(ErrorCode::kHtml, file, "a web page (it begins with \"" + std::string(first) + "\")",
                    "a safetensors file");
  const auto is = [&](std::string_view magic) { return first.starts_with(magic); };
  // 80 02 and six zeros are a pickle's first bytes and the length of a header of 640 bytes.
  const bool is_length = first.ends_with(std::string_view("\0\0\0\0", 4));
  const char* kind = nullptr;
  if (is("PK\x03\x04")) kind = "a zip file (a PyTorch checkpoint, perhaps)";
  else if ((is("\x80\x02") || is("\x80\x03") || is("\x80\x04")) && !is_length) kind = "a Python pickle (an old PyTorch checkpoint, perhaps)";
  else if (is("version ")) kind = "a Git LFS pointer, not the file that it points to";
  else if (is("\x89HDF")) kind = "an HDF5 file (a TensorFlow checkpoint, perhaps)";
  else if (is("GGUF")) kind = "a GGUF file";
  if (!kind) return std::nullopt;
  return mismatch(ErrorCode::kUnsupported, file, kind, "a safetensors file");
}

}  // namespace

Result<std::unique_ptr<ContainerReader>> openContainer(std::string file_name, size_t file,
                                                       std::optional<int64_t> size,
                                                       std::span<const uint8_t> first) {
  if (auto error = foreignFormat(file_name, {reinterpret_cast<const char*>(first.data()), first.size()}))
    return *std::move(error);
  std::unique_ptr<ContainerReader> reader = std::make_unique<SafetensorsIndexer>(std::move(file_name), file, size);
  BEIT_TRY(reader->give(first));
  return reader;
}

}  // namespace beit
