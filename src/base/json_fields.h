// Reads the named fields of a JSON object into variables that already hold their defaults. A field
// that is absent or null leaves its variable alone; one of the wrong type or range is a kBadConfig
// error whose `where` is the field's name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/json.h"
#include "src/base/result.h"
#include "src/base/size.h"

namespace beit {

class JsonFields {
 public:
  // `object` must be an object, and live longer than this.
  explicit JsonFields(JsonValue object) : object_(object) {}

  // Returns the field of that name, or an absent value when it is not there or null, and counts the
  // name as a known one.
  JsonValue take(std::string_view name);

  // Ranges include both ends. NaN is in no range.
  Status integer(std::string_view name, int64_t least, int64_t most, int64_t& value);
  Status real(std::string_view name, double least, double most, double& value);
  Status flag(std::string_view name, bool& value);
  Status text(std::string_view name, std::string& value);

  // Takes one integer for both sides or an array [height, width].
  Status size(std::string_view name, int64_t least, int64_t most, Size& value);

  // Take arrays of at most `longest` elements.
  Status integers(std::string_view name, int64_t least, int64_t most, size_t longest, std::vector<int64_t>& values);
  Status texts(std::string_view name, size_t longest, std::vector<std::string>& values);

  // Returns the names in the object that nothing has asked for, in the object's order.
  std::vector<std::string> unknown() const;

 private:
  JsonValue object_;
  std::vector<std::string_view> known_;
};

// Returns the kBadConfig error "NAME: got VALUE, expected EXPECTED."
Error badField(std::string_view name, JsonValue value, std::string expected);

}  // namespace beit
