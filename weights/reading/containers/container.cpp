#include "weights/reading/containers/container.h"

#include <algorithm>

#include "src/base/first_bytes.h"
#include "src/base/web_page.h"
#include "weights/reading/containers/flax_msgpack.h"
#include "weights/reading/containers/safetensors.h"
#include "weights/reading/containers/torch_legacy.h"
#include "weights/reading/containers/torch_zip.h"

namespace beit {

namespace {

std::string_view asText(std::span<const uint8_t> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// How a file of another kind begins, what it is, and what to do.
struct ForeignFile {
  std::string_view magic;
  const char* kind;
  const char* instead;
};

constexpr const char* kRead = "a safetensors, PyTorch or Flax file";
constexpr const char* kUnpacked = "a safetensors, PyTorch or Flax file: unpack it first";
constexpr const char* kExported = "the checkpoint that it was exported from: a safetensors, PyTorch or Flax file";

constexpr ForeignFile kForeignFiles[] = {
    {"version ", "a Git LFS pointer, not the file that it points to", kRead},
    {"\x89HDF", "an HDF5 file, TensorFlow's (tf_model.h5)",
     "a safetensors, PyTorch or Flax file (in Python with transformers 4: Data2VecVisionModel.from_pretrained(…, "
     "from_tf=True).save_pretrained(…))"},
    {"GGUF", "a GGUF file", kExported},
    {"\x93NUMPY", "an array of NumPy", kRead},
    {"\x1f\x8b\x08", "a gzip archive", kUnpacked},
    {"BZh", "a bzip2 archive", kUnpacked},
    {"\xfd"
     "7zXZ",
     "an xz archive", kUnpacked},
    {"7z\xbc\xaf", "a 7-Zip archive", kUnpacked},
    {"Rar!", "a RAR archive", kUnpacked},
    {"\x28\xb5\x2f\xfd", "a Zstandard archive", kUnpacked},
    {"%PDF", "a PDF document", kRead},
    {"\x89PNG", "a picture", kRead},
    {"\xff\xd8\xff", "a picture", kRead},
};

// Returns what the first bytes of a file that is not read tell of it, or nothing.
std::optional<Error> foreignFormat(const std::string& file, std::string_view first) {
  if (looksLikeHtml(first)) return mismatch(ErrorCode::kHtml, file, "a web page (it begins with \"" + std::string(first) + "\")", kRead);
  // Such is the upper half of the length of a safetensors header, which may have any lower half but an odd one.
  if (first.ends_with(std::string_view("\0\0\0\0", 4)) && (first[0] & 1) == 0) return std::nullopt;
  for (const ForeignFile& foreign : kForeignFiles)
    if (first.starts_with(foreign.magic)) return mismatch(ErrorCode::kUnsupported, file, foreign.kind, foreign.instead);
  // Field 1 of ONNX's ModelProto, its version, and field 2 (its producer) or 7 (the graph).
  if (first[0] == '\x08' && first[1] > 0 && first[1] < 0x20 && (first[2] == '\x12' || first[2] == '\x3a') && first[3] > 0)
    return mismatch(ErrorCode::kUnsupported, file, "an ONNX model", kExported);
  if (first.substr(4) == "TFL3") return mismatch(ErrorCode::kUnsupported, file, "a TensorFlow Lite model", kExported);
  return std::nullopt;
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
  return mismatch(ErrorCode::kMalformed, file_name, "a file that begins with " + firstBytes(asText(first)), kRead);
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
