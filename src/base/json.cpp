#include "src/base/json.h"

#include <yyjson.h>

#include <limits>

#include "src/base/real_text.h"
#include "src/base/web_page.h"

namespace beit {
namespace {

// yyjson's accessors take pointers to non-const, though they do not write.
yyjson_val* raw(const yyjson_val* value) { return const_cast<yyjson_val*>(value); }

// A container is one flat array of values in the order of the text: its first child stands behind
// it, and a child's successor behind the whole of that child.
const yyjson_val* after(const yyjson_val* value) { return unsafe_yyjson_get_next(raw(value)); }

std::string_view stringOf(const yyjson_val* value) { return {unsafe_yyjson_get_str(raw(value)), unsafe_yyjson_get_len(raw(value))}; }

ErrorCode codeOf(yyjson_read_code code) {
  switch (code) {
    case YYJSON_READ_ERROR_MEMORY_ALLOCATION: return ErrorCode::kOutOfMemory;
    case YYJSON_READ_ERROR_UNEXPECTED_END: return ErrorCode::kTruncated;
    default: return ErrorCode::kMalformed;
  }
}

}  // namespace

JsonKind JsonValue::kind() const {
  switch (yyjson_get_type(raw(value_))) {
    case YYJSON_TYPE_BOOL: return JsonKind::kBool;
    case YYJSON_TYPE_NUM: return yyjson_is_int(raw(value_)) ? JsonKind::kInteger : JsonKind::kReal;
    case YYJSON_TYPE_STR: return JsonKind::kString;
    case YYJSON_TYPE_ARR: return JsonKind::kArray;
    case YYJSON_TYPE_OBJ: return JsonKind::kObject;
    default: return JsonKind::kNull;
  }
}

std::optional<bool> JsonValue::asBool() const {
  if (!yyjson_is_bool(raw(value_))) return std::nullopt;
  return unsafe_yyjson_get_bool(raw(value_));
}

std::optional<int64_t> JsonValue::asInt64() const {
  if (yyjson_is_sint(raw(value_))) return unsafe_yyjson_get_sint(raw(value_));
  if (!yyjson_is_uint(raw(value_))) return std::nullopt;
  const uint64_t number = unsafe_yyjson_get_uint(raw(value_));
  if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
  return static_cast<int64_t>(number);
}

std::optional<double> JsonValue::asDouble() const {
  if (!yyjson_is_num(raw(value_))) return std::nullopt;
  return unsafe_yyjson_get_num(raw(value_));
}

std::optional<std::string_view> JsonValue::asString() const {
  if (!yyjson_is_str(raw(value_))) return std::nullopt;
  return stringOf(value_);
}

size_t JsonValue::size() const { return isArray() || isObject() ? unsafe_yyjson_get_len(raw(value_)) : 0; }

JsonValue JsonValue::find(std::string_view key) const {
  JsonValue found;
  for (const JsonMember member : members()) {
    if (member.key == key) found = member.value;
  }
  return found;
}

JsonItems JsonValue::items() const { return JsonItems(isArray() ? *this : JsonValue()); }
JsonMembers JsonValue::members() const { return JsonMembers(isObject() ? *this : JsonValue()); }

std::string JsonValue::describe() const {
  constexpr size_t kLongest = 48;
  switch (kind()) {
    case JsonKind::kNull: return "null";
    case JsonKind::kBool: return *asBool() ? "true" : "false";
    case JsonKind::kArray: return "an array of " + std::to_string(size());
    case JsonKind::kObject: return "an object";
    case JsonKind::kInteger:
      return yyjson_is_sint(raw(value_)) ? std::to_string(unsafe_yyjson_get_sint(raw(value_)))
                                         : std::to_string(unsafe_yyjson_get_uint(raw(value_)));
    case JsonKind::kReal: return realText(*asDouble());
    case JsonKind::kString: {
      std::string_view text = stringOf(value_);
      if (text.size() <= kLongest) return '"' + std::string(text) + '"';
      // Not in the middle of a character: the bytes that continue one are 10xxxxxx.
      size_t length = kLongest;
      while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
      return '"' + std::string(text.substr(0, length)) + "…\"";
    }
  }
  return {};
}

JsonItems::Iterator JsonItems::begin() const {
  const size_t count = array_.size();
  return {count ? array_.value_ + 1 : nullptr, count};
}

JsonItems::Iterator& JsonItems::Iterator::operator++() {
  // The last element's successor may lie behind the document: it is not asked for.
  if (--left_ > 0) at_ = after(at_);
  return *this;
}

JsonMembers::Iterator JsonMembers::begin() const {
  const size_t count = object_.size();
  return {count ? object_.value_ + 1 : nullptr, count};
}

JsonMember JsonMembers::Iterator::operator*() const { return {stringOf(at_), JsonValue(at_ + 1)}; }

JsonMembers::Iterator& JsonMembers::Iterator::operator++() {
  if (--left_ > 0) at_ = after(at_ + 1);
  return *this;
}

void Json::Free::operator()(yyjson_doc* document) const { yyjson_doc_free(document); }

Result<Json> Json::parse(std::string_view text, std::string_view where) {
  const std::string name(where);
  if (looksLikeHtml(text)) return mismatch(ErrorCode::kHtml, name, "a web page", "JSON");
  const size_t mark = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  text.remove_prefix(mark);
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return mismatch(ErrorCode::kTruncated, name, "an empty file", "JSON");
  }
  yyjson_read_err error{};
  Json json;
  // Without the in-situ flag the text is copied and not written to.
  json.document_.reset(yyjson_read_opts(const_cast<char*>(text.data()), text.size(), YYJSON_READ_ALLOW_INF_AND_NAN, nullptr, &error));
  if (json.document_) return json;
  const std::string position = std::to_string(error.pos + mark);
  return failure(codeOf(error.code), name, "not valid JSON at byte " + position + " (" + error.msg + ")");
}

JsonValue Json::root() const { return JsonValue(yyjson_doc_get_root(document_.get())); }

}  // namespace beit
