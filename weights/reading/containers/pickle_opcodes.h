// Pickle's instructions: their codes, and how far each reaches.
// Reference: CPython's pickletools, which describes protocols 0 to 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "src/base/result.h"

namespace beit {

enum class PickleCode : uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kFloat = 'F',
  kInt = 'I',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kLong = 'L',
  kBinInt2 = 'M',
  kNone = 'N',
  kPersid = 'P',
  kBinPersid = 'Q',
  kReduce = 'R',
  kString = 'S',
  kBinString = 'T',
  kShortBinString = 'U',
  kUnicode = 'V',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kDict = 'd',
  kEmptyDict = '}',
  kAppends = 'e',
  kGet = 'g',
  kBinGet = 'h',
  kInst = 'i',
  kLongBinGet = 'j',
  kList = 'l',
  kEmptyList = ']',
  kObj = 'o',
  kPut = 'p',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kEmptyTuple = ')',
  kSetItems = 'u',
  kBinFloat = 'G',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kProto = 0x80,
  kNewObj = 0x81,
  kExt1 = 0x82,
  kExt2 = 0x83,
  kExt4 = 0x84,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kEmptySet = 0x8f,
  kAddItems = 0x90,
  kFrozenSet = 0x91,
  kNewObjEx = 0x92,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
  kByteArray8 = 0x96,
  kNextBuffer = 0x97,
  kReadonlyBuffer = 0x98,
};

// One instruction: its code, and its argument without a length before it (a text line, or two, keep
// the line feeds that end them).
struct PickleOp {
  PickleCode code = PickleCode::kStop;
  std::span<const uint8_t> argument;
  size_t length = 0;   // with code and argument
  size_t missing = 0;  // bytes that it needs, at least, behind the ones there are; 0 when it is whole
};

// How far the lines of an instruction's argument were looked through, so that asking again with more
// bytes does not begin again: a hostile file's line may be as long as the file.
struct PickleLineSearch {
  size_t lines = 0;  // whole ones
  size_t from = 1;   // where the search goes on, from the instruction's code on
};

// Returns the instruction at `at` (at most bytes.size()). Errors: kMalformed for a code that pickle
// does not have. `search` is a new one for each instruction.
Result<PickleOp> readPickleOp(std::span<const uint8_t> bytes, size_t at, PickleLineSearch& search, std::string_view where);

// Finds where a pickle that arrives in pieces ends.
class PickleExtent {
 public:
  // Returns how many bytes are missing at least, 0 when the pickle that begins at bytes[0] is whole.
  // `bytes` has all earlier ones. Errors: kMalformed.
  Result<size_t> missing(std::span<const uint8_t> bytes, std::string_view where);

  // The pickle's length; to be asked when nothing is missing.
  size_t length() const { return at_; }

 private:
  size_t at_ = 0;
  PickleLineSearch search_;
  bool stopped_ = false;
};

// Returns a little-endian unsigned number of at most 8 bytes.
uint64_t littleEndian(std::span<const uint8_t> bytes);

}  // namespace beit
