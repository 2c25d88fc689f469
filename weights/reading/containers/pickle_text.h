// Text as it stands in pickles of protocol 0, and in error sentences.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace beit {

// Returns the text of a Python 2 string literal ('a\n'), or nothing where the line is no such literal.
std::optional<std::string> fromPythonLiteral(std::string_view line);

// Returns, as UTF-8, a line in Python's raw-unicode-escape: Latin-1, with \uXXXX and \UXXXXXXXX. Nothing
// for an escape that is no character.
std::optional<std::string> fromRawUnicodeEscape(std::string_view line);

// Returns whether the text is UTF-8 as the standard has it: no overlong forms, no surrogates.
bool isUtf8(std::string_view text);

// Returns at most 100 characters of a text from a file, with all that is not printable ASCII as '?'.
std::string printable(std::string_view text);

}  // namespace beit
