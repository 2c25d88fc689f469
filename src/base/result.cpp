#include "src/base/result.h"

namespace beit {

std::string_view codeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid-argument";
    case ErrorCode::kNotFound: return "not-found";
    case ErrorCode::kMalformed: return "malformed";
    case ErrorCode::kTruncated: return "truncated";
    case ErrorCode::kHtml: return "html";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kBadConfig: return "bad-config";
    case ErrorCode::kBadImage: return "bad-image";
    case ErrorCode::kMissingTensor: return "missing-tensor";
    case ErrorCode::kWrongShape: return "wrong-shape";
    case ErrorCode::kWrongType: return "wrong-type";
    case ErrorCode::kOutOfMemory: return "out-of-memory";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

Error mismatch(ErrorCode code, std::string where, std::string got, std::string expected) {
  std::string message = where + ": got " + got + ", expected " + expected + ".";
  return {code, std::move(message), std::move(where), std::move(got), std::move(expected)};
}

Error failure(ErrorCode code, std::string where, std::string what) {
  std::string message = where + ": " + what + ".";
  return {code, std::move(message), std::move(where), std::move(what), {}};
}

Error outOfMemory(std::string_view purpose, int64_t count, int64_t element_size) {
  const std::string elements = std::to_string(count) + " elements of " + std::to_string(element_size) + " bytes";
  // A count that has wrapped, or whose bytes would, says nothing as a number.
  const bool countable = count >= 0 && count <= INT64_MAX / element_size;
  return Error{ErrorCode::kOutOfMemory,
               "No memory for " + elements + " of " + std::string(purpose) + ".",
               std::string(purpose),
               elements,
               {},
               countable ? count * element_size : 0};
}

void DeleteError::operator()(Error* error) const { delete error; }

BoxedError boxed(Error error) { return BoxedError(new Error(std::move(error))); }

}  // namespace beit
