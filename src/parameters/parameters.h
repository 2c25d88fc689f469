// The list of tensors that a model expects: name, shape, and who takes the values. It is derived
// from the config by the layers themselves, so what is expected and what is used cannot differ.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/base/result.h"
#include "src/base/tensor.h"

namespace beit {

// A matrix as a file may hold it: integers, and what those of each row are times.
struct QuantizedValues {
  std::span<const int8_t> values;  // (scales.size(), the rest of the shape), row-major
  std::span<const float> scales;
};

struct Parameter {
  std::string name;  // in the reference's naming, with the prefix "beit."
  Shape shape;
  // Takes the values, row-major, when all have arrived; called at most once. The memory is the
  // caller's, which uses it again for the next tensor: what is to stay is copied or packed. The
  // receiver may change the values in place.
  std::function<Status(std::span<float>)> receive;
  // Takes them quantised, in place of receive(). Present where the layer computes with integers: so
  // it tells, too, which matrices of a model a file may store so without loss.
  std::function<Status(QuantizedValues)> receive_quantized;
  int64_t bytes = 0;  // what is held of it once it has been received
  bool received = false;
  bool given = false;  // by its owner, in place of what a checkpoint may have: see ParameterList::give()
};

class ParameterList {
 public:
  // Adds a parameter of which `bytes` are held: by default, all as floats. Returns it, until the next is added.
  Parameter& add(std::string name, Shape shape, std::function<Status(std::span<float>)> receive, int64_t bytes = -1);

  // Adds a parameter whose values are kept as they are.
  void add(std::string name, Shape shape, FloatBuffer& keep);

  std::vector<Parameter>& all() { return parameters_; }
  const std::vector<Parameter>& all() const { return parameters_; }

  // Returns the parameter of that name, or null.
  Parameter* find(std::string_view name);

  // Hands the values to the parameter of that index. Errors: those of the receiver.
  Status deliver(size_t index, std::span<float> values);
  // The same for one that has receive_quantized().
  Status deliverQuantized(size_t index, QuantizedValues values);

  // Hands values to the parameter of that name before a checkpoint is bound, which then need not have it, and may have more of the
  // body than the parameters: they are a model of another head and of fewer layers. Errors: kNotFound for a name that is none's,
  // kWrongShape; those of the receiver.
  Status give(std::string_view name, const Shape& shape, std::span<float> values);

  // Returns an error that names every parameter that has not arrived, or success.
  Status complete() const;

  // Returns the bytes that are held of all parameters.
  int64_t bytes() const;
  // Returns the bytes of the largest parameter as floats.
  int64_t largestBytes() const;

 private:
  std::vector<Parameter> parameters_;
  std::unordered_map<std::string, size_t> by_name_;
};

// Returns "a, b, c and 9 more": names for an error sentence, at most `most` of them.
std::string listNames(const std::vector<std::string>& names, size_t most = 8);

}  // namespace beit
