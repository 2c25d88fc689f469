// Errors are values. Every function of the library that can fail on its caller's data returns a
// Result (or a Status, which is a Result without a value); nothing prints, aborts or throws across
// the public boundary. A bug of our own is an assert; bad data is an Error with a sentence.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace beit {

// What went wrong, in the words that reach JavaScript as BeitError.code (see codeName()).
enum class ErrorCode {
  kInvalidArgument,  // a value outside its documented range
  kNotFound,         // a file, a name or an option that does not exist
  kMalformed,        // bytes that do not follow their format
  kTruncated,        // a file that ends before what its own header promises
  kHtml,             // a web page where a checkpoint or an image was expected
  kUnsupported,      // a valid file of a kind that this library does not read
  kBadConfig,        // config.json or preprocessor_config.json with unusable values
  kBadImage,         // an image that cannot be decoded
  kMissingTensor,    // tensors that the model needs and the checkpoint lacks
  kWrongShape,       // a tensor or an input whose shape is not the expected one
  kWrongType,        // a tensor or an input whose element type cannot be used
  kOutOfMemory,      // an allocation that failed, with the bytes that were asked for
  kInternal,         // a library underneath that refused what should have been valid
};

// Returns the kebab-case name of a code, such as "wrong-shape". Never empty.
std::string_view codeName(ErrorCode code);

// One failure. `message` is a whole sentence that names the subject, what was got and what was
// expected; the three fields below carry the same facts apart, each empty when it does not apply.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string where;     // the tensor, file or argument
  std::string got;       // what was found there
  std::string expected;  // what should have been there
  int64_t bytes = 0;     // kOutOfMemory: what was asked for; 0 where the one who asked does not say
};

// Returns an Error whose sentence is "WHERE: got GOT, expected EXPECTED."
Error mismatch(ErrorCode code, std::string where, std::string got, std::string expected);

// Returns an Error whose sentence is "WHERE: WHAT."
Error failure(ErrorCode code, std::string where, std::string what);

// Returns kOutOfMemory for `count` elements of `element_size` bytes each: "No memory for 12 elements of 4 bytes of PURPOSE."
Error outOfMemory(std::string_view purpose, int64_t count, int64_t element_size);

// An Error as it travels: one pointer, since every call on its way back passes it on.
struct DeleteError {
  void operator()(Error* error) const;
};
using BoxedError = std::unique_ptr<Error, DeleteError>;
BoxedError boxed(Error error);

// Success, or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(boxed(std::move(error))) {}
  Status(BoxedError error) : error_(std::move(error)) {}

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }

  Error& error() & {
    assert(!ok());
    return *error_;
  }
  const Error& error() const& {
    assert(!ok());
    return *error_;
  }
  Error&& error() && {
    assert(!ok());
    return std::move(*error_);
  }
  BoxedError box() && { return std::move(error_); }

 private:
  BoxedError error_;
};

// Either a T or an Error. value() of a failure and error() of a success are our own bugs.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Error error) : status_(std::move(error)) {}
  Result(BoxedError error) : status_(std::move(error)) {}

  bool ok() const { return status_.ok(); }
  explicit operator bool() const { return ok(); }

  T& value() & {
    assert(ok());
    return *value_;
  }
  const T& value() const& {
    assert(ok());
    return *value_;
  }
  T&& value() && {
    assert(ok());
    return std::move(*value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & { return status_.error(); }
  const Error& error() const& { return status_.error(); }
  Error&& error() && { return std::move(status_).error(); }
  BoxedError box() && { return std::move(status_).box(); }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace beit

// Returns the error of `expression` from the enclosing function, if it is one.
#define BEIT_TRY(expression)                                                         \
  do {                                                                               \
    if (auto status_ = (expression); !status_.ok()) return std::move(status_).box(); \
  } while (false)

// Declares `variable` as the value of `expression`, or returns its error.
#define BEIT_ASSIGN(variable, expression) BEIT_ASSIGN_(BEIT_CONCAT_(result_, __LINE__), variable, expression)
#define BEIT_ASSIGN_(result, variable, expression)  \
  auto result = (expression);                       \
  if (!result.ok()) return std::move(result).box(); \
  variable = std::move(result).value()
#define BEIT_CONCAT_(a, b) BEIT_CONCAT_2_(a, b)
#define BEIT_CONCAT_2_(a, b) a##b
