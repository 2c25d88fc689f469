// Where the time of forward passes goes, by kind of work: kept always, since a clock is read only
// some ten times a layer.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace beit {

enum class Work {
  kLinear,     // fully connected layers, with the quantisation of their inputs
  kAttention,  // scores, softmax, and their product with the values
  kActivation,
  kNorm,         // layer norms and the residual additions fused with them
  kEmbeddings,   // patches to columns, positions, masks; not their linear layer
  kConvolution,  // convolutions of 3 x 3 and larger
  kResize,       // bilinear resizing of feature maps
};
constexpr size_t kWorkKinds = 7;

// Returns "linear", "attention", …
constexpr std::string_view toString(Work work) {
  constexpr std::array<std::string_view, kWorkKinds> kNames{"linear",     "attention",   "activation", "norm",
                                                            "embeddings", "convolution", "resize"};
  return kNames[static_cast<size_t>(work)];
}

struct WorkProfile {
  struct Entry {
    double seconds = 0.0;
    double operations = 0.0;  // multiplications and additions, counted apart
    int64_t calls = 0;
  };
  std::array<Entry, kWorkKinds> entries{};
};

// Adds the time between its construction and its end to one entry.
class WorkTimer {
 public:
  WorkTimer(WorkProfile& profile, Work work, double operations = 0.0)
      : entry_(profile.entries[static_cast<size_t>(work)]), begin_(Clock::now()) {
    entry_.operations += operations;
    ++entry_.calls;
  }
  ~WorkTimer() { entry_.seconds += std::chrono::duration<double>(Clock::now() - begin_).count(); }
  WorkTimer(const WorkTimer&) = delete;
  WorkTimer& operator=(const WorkTimer&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  WorkProfile::Entry& entry_;
  Clock::time_point begin_;
};

}  // namespace beit
