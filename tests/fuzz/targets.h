// What is fuzzed: every reader of bytes that others made, and what is done with what they read.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace beit::fuzz {

// Reads the bytes. Returns nothing (null), whether they were accepted or refused, or what must never
// be: a promise that the reader broke.
using Target = const char* (*)(std::span<const uint8_t> bytes);

// A checkpoint of whatever kind its first bytes say, with a known size and as a stream: its index, then
// its tensors into parameters that it fits.
const char* readCheckpoint(std::span<const uint8_t> bytes);
// A pickle as such, without the container around it that makes damage rare.
const char* readPickle(std::span<const uint8_t> bytes);
// config.json, preprocessor_config.json, the index of shards.
const char* readConfig(std::span<const uint8_t> bytes);
// A picture.
const char* readImage(std::span<const uint8_t> bytes);
#ifdef BEIT_DECODERS
// A picture that the module `codecs`, or `avif`, decodes.
const char* readCodecs(std::span<const uint8_t> bytes);
const char* readAvif(std::span<const uint8_t> bytes);
#endif

// Those that go on from what was parsed, as far as it is small (model_targets.cpp).

// config.json: a model of each class, estimated, filled and run on one picture.
const char* runConfig(std::span<const uint8_t> bytes);
// A tokenizer's config: both halves, estimated, filled and run.
const char* runTokenizerConfig(std::span<const uint8_t> bytes);
// preprocessor_config.json: a picture and a segmentation map of 3 x 3 pixels.
const char* runProcessor(std::span<const uint8_t> bytes);
// A checkpoint's table without its elements: the config derived from it, and that model as above.
const char* runDerived(std::span<const uint8_t> bytes);

struct NamedTarget {
  std::string_view name;  // the folder of its inputs in tests/fuzz/corpus
  Target target;
};

inline constexpr NamedTarget kTargets[] = {
    {"safetensors", readCheckpoint},
    {"torch_zip", readCheckpoint},
    {"torch_legacy", readCheckpoint},
    {"flax_msgpack", readCheckpoint},
    {"pickle", readPickle},
    {"config", readConfig},
    {"image", readImage},
#ifdef BEIT_DECODERS
    {"codecs", readCodecs},
    {"avif", readAvif},
#endif
    {"model", runConfig},
    {"tokenizer", runTokenizerConfig},
    {"processor", runProcessor},
    {"derived", runDerived},
};

}  // namespace beit::fuzz
