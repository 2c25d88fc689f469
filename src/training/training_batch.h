// A batch of examples: pixels, labels, and what chance makes of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/base/result.h"
#include "src/base/tensor.h"
#include "src/training/training_model.h"
#include "src/training/training_settings.h"

namespace beit {

class TrainingBatch {
 public:
  // For `size` examples of (channels, height, width) pixel values, of which each is told by these or, with `states`, by what the frozen
  // layers make of them, (tokens, channels). Errors: kInvalidArgument, kOutOfMemory.
  static Result<TrainingBatch> allocate(int64_t size, const Shape& example, const Shape& states = {});

  int64_t size() const { return values_.shape[0]; }
  bool full() const { return static_cast<int64_t>(labels_.size()) == size(); }

  // Adds an example of a class from 0 to classes - 1. Errors: kInvalidArgument for another label or one example too many, kWrongShape.
  Status add(std::span<const float> values, int64_t label, int64_t classes);

  // Once it is full: mixes the examples as the settings say for that step, and makes targets of the labels. Error: kInvalidArgument, also
  // where states were to be mixed.
  Status mix(const TrainingSettings& settings, int64_t step, int64_t classes);

  // Returns examples [first, first + count) as a pass takes them: with targets where mix() has made them, and with each branch's scale by
  // those rates of drop path, which may be empty. The pass of a micro-batch is that of the whole batch, cut. Error: kInvalidArgument,
  // kOutOfMemory.
  Result<TrainingInputs> inputs(int64_t first, int64_t count, std::span<const double> drop_rates, int64_t seed, int64_t step) const;

 private:
  bool ofPixels() const { return values_.shape.size() == 4; }

  Shape example_;  // (channels, height, width)
  Tensor values_;  // (size, channels, height, width), or (size, tokens, channels)
  std::vector<int32_t> labels_;
  FloatBuffer targets_;  // (size, classes), or empty
};

}  // namespace beit
