// Who takes a picture row by row, from the top.
#pragma once

#include <cstdint>

#include "src/base/result.h"
#include "src/base/size.h"

namespace beit {

class RowSink {
 public:
  virtual ~RowSink() = default;
  // Once, before the first row.
  virtual Status begin(Size size, int64_t channels) = 0;
  // Where the samples of the next row belong.
  virtual uint8_t* row() = 0;
  // They are there.
  virtual void take() = 0;
};

}  // namespace beit
