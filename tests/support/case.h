// Runs a reference case: a folder with config.json, a checkpoint, expected.safetensors (inputs under
// "in.", answers under "out.") and case.json (class, options, tolerance).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/beit/model_options.h"
#include "src/kernels/execution.h"
#include "src/model/model.h"
#include "tests/support/named_tensors.h"

namespace beit::test {

struct CaseRow {
  std::string output;
  double largest_difference = 0.0;
  bool pass = false;  // |a - b| <= atol + rtol |b| everywhere, and the shapes are the same
};

// Fills the parameters from the safetensors (one, or shards) of a folder.
Status fill(ParameterList& parameters, const std::filesystem::path& folder, size_t piece);

// Returns what a case's "in." tensors are.
Result<ForwardInputs> inputsOf(const std::map<std::string, NamedValues>& tensors);

// Returns a filled model from a folder with config.json and safetensors (one, or shards). Bytes are
// given in pieces of `piece` bytes.
Result<std::unique_ptr<Model>> loadModel(const std::filesystem::path& folder, const std::string& class_name, const ModelOptions& options,
                                         const Execution& execution, size_t piece);

// Returns a row for each expected output.
Result<std::vector<CaseRow>> runCase(const std::filesystem::path& folder, const Execution& execution);

}  // namespace beit::test
