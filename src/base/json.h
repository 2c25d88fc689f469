// A read-only view of JSON text: what the configs, the shard index and safetensors headers need.
// The parser underneath is yyjson, which does not recurse, so nesting depth cannot exhaust the stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/result.h"

struct yyjson_doc;
struct yyjson_val;

namespace beit {

enum class JsonKind { kNull, kBool, kInteger, kReal, kString, kArray, kObject };

class JsonItems;
class JsonMembers;

// One value of a document: a pointer, to be passed by value, valid as long as its Json lives.
// A default-constructed value is an absent one: it has kind null, and exists() is false.
class JsonValue {
 public:
  JsonValue() = default;
  explicit JsonValue(const yyjson_val* value) : value_(value) {}

  // Returns false for what find() did not find.
  bool exists() const { return value_ != nullptr; }

  JsonKind kind() const;
  bool isNull() const { return kind() == JsonKind::kNull; }
  bool isArray() const { return kind() == JsonKind::kArray; }
  bool isObject() const { return kind() == JsonKind::kObject; }

  // Each returns the value, or nothing when the kind is another one. Nothing is converted, except:
  // - asInt64 refuses integers outside [-2^63, 2^63) and every real, 1.0 too;
  // - asDouble takes integers as well, rounded to the nearest double.
  // A string is UTF-8, and may contain NUL.
  std::optional<bool> asBool() const;
  std::optional<int64_t> asInt64() const;
  std::optional<double> asDouble() const;
  std::optional<std::string_view> asString() const;

  // Returns the number of elements of an array or members of an object, else 0.
  size_t size() const;

  // Returns the member of that name, or an absent value (also when this is no object). Of members
  // with the same name the last one counts, as in Python's json. Takes time linear in size().
  JsonValue find(std::string_view key) const;

  // Ranges over the elements of an array, and over the members {key, value} of an object, in the
  // order of the text, duplicate keys included. Empty for a value of another kind.
  JsonItems items() const;
  JsonMembers members() const;

  // Returns a short text for error sentences: 17, true, null, "text" (cut off where long),
  // "an array of 3", "an object".
  std::string describe() const;

 private:
  friend class JsonItems;
  friend class JsonMembers;

  const yyjson_val* value_ = nullptr;
};

struct JsonMember {
  std::string_view key;
  JsonValue value;
};

// The elements of an array.
class JsonItems {
 public:
  class Iterator {
   public:
    using value_type = JsonValue;
    using difference_type = std::ptrdiff_t;

    Iterator(const yyjson_val* at, size_t left) : at_(at), left_(left) {}
    JsonValue operator*() const { return JsonValue(at_); }
    Iterator& operator++();
    bool operator==(std::default_sentinel_t) const { return left_ == 0; }

   private:
    const yyjson_val* at_;
    size_t left_;
  };

  explicit JsonItems(JsonValue array) : array_(array) {}
  Iterator begin() const;
  std::default_sentinel_t end() const { return {}; }

 private:
  JsonValue array_;
};

// The members of an object.
class JsonMembers {
 public:
  class Iterator {
   public:
    using value_type = JsonMember;
    using difference_type = std::ptrdiff_t;

    Iterator(const yyjson_val* at, size_t left) : at_(at), left_(left) {}
    JsonMember operator*() const;
    Iterator& operator++();
    bool operator==(std::default_sentinel_t) const { return left_ == 0; }

   private:
    const yyjson_val* at_;
    size_t left_;
  };

  explicit JsonMembers(JsonValue object) : object_(object) {}
  Iterator begin() const;
  std::default_sentinel_t end() const { return {}; }

 private:
  JsonValue object_;
};

// A parsed document, which owns a copy of all its text.
class Json {
 public:
  // Returns the document, or an error that names `where` (a file name) and the byte position:
  // kHtml for a web page, kTruncated for text that ends too early, kOutOfMemory, else kMalformed.
  // Beyond the standard it reads NaN, Infinity and -Infinity, which Python's json writes, and a
  // UTF-8 byte order mark; white space may follow the document (safetensors pads with it).
  static Result<Json> parse(std::string_view text, std::string_view where);

  JsonValue root() const;

 private:
  struct Free {
    void operator()(yyjson_doc* document) const;
  };
  std::unique_ptr<yyjson_doc, Free> document_;
};

}  // namespace beit
