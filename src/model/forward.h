// What goes into a forward pass, what comes out, and the pass itself as a list of steps.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "src/base/result.h"
#include "src/base/tensor.h"

namespace beit {

// Labels for a loss: class ids, or values.
struct Labels {
  Shape shape;
  std::variant<std::vector<int32_t>, std::vector<float>> values;
};

struct ForwardInputs {
  Tensor pixel_values;                   // (B, channels, height, width)
  std::optional<Shape> mask_shape;       // (B, P), when there is a mask
  std::vector<uint8_t> bool_masked_pos;  // not 0 = replaced by the mask token
  std::optional<Labels> labels;
  std::optional<Labels> tokens;  // a tokenizer's decoder: (B, h, w), its only input
};

struct ForwardOptions {
  bool output_hidden_states = false;
  bool output_attentions = false;
  // The mean of the patches' states, normalised without weights, of the embeddings and after each layer: the features on which a
  // classifier of fewer layers can be taught. No such output exists in the reference.
  bool output_pooled_states = false;
  // Accepted for the reference's sake: positions are resized to the input whenever its size is not
  // the pre-trained one, as transformers 5 does.
  bool interpolate_pos_encoding = true;
  // Multiplications and additions that each thread does in a step of the encoder at most, where the work can be cut there: into images,
  // and a layer into its parts. A pass can be dropped, and lets messages in, between steps; the default is some 30 ms of a core of 2024.
  // From 1 on.
  int64_t step_products = 750'000'000;
};

struct NamedTensor {
  std::string name;  // as in the reference: "last_hidden_state", "hidden_states.0", "loss"
  Tensor tensor;
};

// One forward pass. Between two steps the caller may do what it likes, and drop the pass to cancel.
// Steps hold what they need; a step that fails ends the pass.
class ForwardPass {
 public:
  using Step = std::function<Status(ForwardPass&)>;

  void add(Step step) { steps_.push_back(std::move(step)); }

  // Does the next step. Returns true when none is left.
  Result<bool> step();

  size_t stepsDone() const { return done_; }
  size_t stepsTotal() const { return steps_.size(); }

  void output(std::string name, Tensor tensor) { outputs_.push_back({std::move(name), std::move(tensor)}); }

  // The outputs so far, in the order in which they were made.
  const std::vector<NamedTensor>& outputs() const { return outputs_; }

 private:
  std::vector<Step> steps_;
  size_t done_ = 0;
  std::vector<NamedTensor> outputs_;
};

}  // namespace beit
