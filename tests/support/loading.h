// Loading from files in memory, as the binding layer does it from sources.
#pragma once

#include <algorithm>
#include <map>
#include <span>
#include <string>

#include "tests/support/safetensors_bytes.h"
#include "weights/reading/checkpoint.h"

namespace beit::test {

using Files = std::map<std::string, Bytes>;

// Gives the checkpoint what it wants of one stage, in pieces of at most `piece` bytes, and tells it
// where a file ends. `asked`, if not null, grows by the bytes that were wanted.
inline Status feed(Checkpoint& checkpoint, const Files& files, size_t piece, int64_t* asked = nullptr) {
  while (const auto read = checkpoint.next()) {
    const Bytes& file = files.at(read->file);
    const auto begin = static_cast<size_t>(std::min<int64_t>(read->offset, static_cast<int64_t>(file.size())));
    const auto end = static_cast<size_t>(std::min<int64_t>(read->offset + read->length, static_cast<int64_t>(file.size())));
    if (asked) *asked += read->length;
    for (size_t at = begin; at < end; at += piece) {
      // A copy: AddressSanitizer sees whether more than the piece is read.
      const Bytes bytes(file.begin() + static_cast<ptrdiff_t>(at), file.begin() + static_cast<ptrdiff_t>(std::min(end, at + piece)));
      BEIT_TRY(checkpoint.supply(bytes));
    }
    if (static_cast<int64_t>(end) < read->offset + read->length) return checkpoint.ended();
  }
  return {};
}

// Reads both stages into the parameters.
inline Result<BindReport> load(Checkpoint& checkpoint, ParameterList& parameters, const Files& files, size_t piece, bool known_size) {
  for (const auto& [name, bytes] : files)
    BEIT_TRY(checkpoint.addFile(name, known_size ? std::optional(static_cast<int64_t>(bytes.size())) : std::nullopt));
  BEIT_TRY(feed(checkpoint, files, piece));
  BEIT_ASSIGN(BindReport report, checkpoint.bind(parameters));
  BEIT_TRY(feed(checkpoint, files, piece));
  return report;
}

}  // namespace beit::test
