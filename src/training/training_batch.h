// A batch of examples: pixels, with labels and what chance makes of them, or with what is hidden and the tokens that it has.
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
  bool full() const { return examples_ == size(); }

  // Adds an example of a class from 0 to classes - 1. Errors: kInvalidArgument for another label or one example too many, kWrongShape.
  Status add(std::span<const float> values, int64_t label, int64_t classes);

  // Adds an example alone: hide() is to follow. Errors: kInvalidArgument where that is due already, or for one example too many;
  // kWrongShape.
  Status add(std::span<const float> values);
  // Tells which patches of the example that came last are hidden, one at least, and the tokens of all of them, of a codebook of
  // `vocab_size`. The same patches for each example. Errors: kInvalidArgument, kWrongShape.
  Status hide(std::span<const uint8_t> mask, std::span<const int32_t> tokens, int64_t vocab_size);

  // Returns what of the batch's loss is that of examples [first, first + count): as many of the examples, or of the hidden patches.
  double shareOf(int64_t first, int64_t count) const;

  // Once it is full: mixes the examples as the settings say for that step, and makes targets of the labels. Error: kInvalidArgument, also
  // where states were to be mixed.
  Status mix(const TrainingSettings& settings, int64_t step, int64_t classes);

  // Returns examples [first, first + count) as a pass takes them: with targets where mix() has made them, and with each branch's scale by
  // those rates of drop path, which may be empty. The pass of a micro-batch is that of the whole batch, cut. Error: kInvalidArgument,
  // kOutOfMemory.
  Result<TrainingInputs> inputs(int64_t first, int64_t count, std::span<const double> drop_rates, int64_t seed, int64_t step) const;

 private:
  bool ofPixels() const { return values_.shape.size() == 4; }
  Status addExample(std::span<const float> values);
  // Returns the tokens of the hidden patches of these examples.
  std::span<const int32_t> tokensOf(int64_t first, int64_t count) const;

  Shape example_;            // (channels, height, width)
  Tensor values_;            // (size, channels, height, width), or (size, tokens, channels)
  int64_t examples_ = 0;     // that are whole
  bool is_awaited_ = false;  // what is hidden of the last one
  std::vector<int32_t> labels_;
  std::vector<uint8_t> masks_;   // (size, patches), or empty
  std::vector<int32_t> tokens_;  // of the hidden patches, in order
  std::vector<size_t> ends_;     // of an example's tokens
  FloatBuffer targets_;          // (size, classes), or empty
};

}  // namespace beit
