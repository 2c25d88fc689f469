// Recognises the commonest wrong file of all: the web page that a server sends, often with status
// 200, in place of what was asked for (a login form, a "not found" page, a repository viewer).
#pragma once

#include <string_view>

namespace beit {

// Returns whether `text` begins as HTML or XML does: '<' after an optional UTF-8 byte order mark and
// white space. No format that this library reads (JSON, safetensors, images) begins so.
inline bool looksLikeHtml(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '<';
}

}  // namespace beit
