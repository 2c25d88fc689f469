#include "src/image/jpeg_kernels.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/image/jpeg_decoder.h"
#include "tests/support/files.h"

// The reference: portable code that is nowhere else compiled. What scans leave out is zero in both.
#define STBI_MALLOC(size) std::calloc(1, size)
#define STBI_REALLOC std::realloc
#define STBI_FREE std::free
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_NO_SIMD
#define STBI_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb_image.h>
#pragma GCC diagnostic pop

namespace beit {
namespace {

using Bytes = std::vector<uint8_t>;

struct Rows : RowSink {
  Status begin(Size of, int64_t) override {
    size = of;
    samples.resize(static_cast<size_t>(3 * of.height * of.width));
    return {};
  }
  uint8_t* row() override { return samples.data() + 3 * size.width * taken; }
  void take() override { ++taken; }

  Size size{0, 0};
  Bytes samples;
  int64_t taken = 0;
};

}  // namespace

TEST_CASE("the inverse transform is the reference's for any coefficients", "[jpeg_kernels]") {
  std::mt19937 random(1);
  const auto within = [&](int most) { return static_cast<int>(random() % static_cast<unsigned>(2 * most + 1)) - most; };
  for (int round = 0; round < 12000; ++round) {
    std::array<int16_t, 64> block{};
    for (size_t i = 0; i < block.size(); ++i) {
      switch (round % 6) {
        case 0: block[i] = static_cast<int16_t>(within(200)); break;
        case 1: block[i] = static_cast<int16_t>(random() % 8 ? 0 : within(1000)); break;
        case 2: block[i] = static_cast<int16_t>(i ? 0 : within(32767)); break;
        case 3: block[i] = static_cast<int16_t>(within(900)); break;  // on both sides of 16 bits
        case 4: block[i] = static_cast<int16_t>(within(4000)); break;
        case 5: block[i] = static_cast<int16_t>(random() % 2 ? 8191 : -8192) / (i ? 8 : 1); break;
      }
    }
    std::array<uint8_t, 8 * 11> expected{}, got{};
    auto copy = block;
    stbi__idct_block(expected.data(), 11, copy.data());
    inverseTransform(block.data(), got.data(), 11);
    REQUIRE(got == expected);
    if (round % 6 != 2) continue;
    got = {};
    inverseTransformFlat(block[0], got.data(), 11);
    REQUIRE(got == expected);
  }
}

TEST_CASE("rows are upsampled as the reference does, and as libjpeg where that is wrong, of any length", "[jpeg_kernels]") {
  std::mt19937 random(2);
  for (int count = 1; count < 70; ++count) {
    Bytes near(static_cast<size_t>(count)), far(near);
    for (auto* row : {&near, &far})
      for (uint8_t& sample : *row) sample = static_cast<uint8_t>(random() % 4 ? random() : random() % 2 * 255);
    for (const bool across_rows : {false, true}) {
      CAPTURE(count, across_rows);
      Bytes expected(2 * near.size()), got(expected);
      (across_rows ? stbi__resample_row_hv_2 : stbi__resample_row_h_2)(expected.data(), near.data(), far.data(), count, 2);
      if (!across_rows && count > 1) {
        const size_t last = near.size() - 1;
        expected[2 * last] = static_cast<uint8_t>((3 * near[last] + near[last - 1] + 2) >> 2);
      }
      upsampleRow(near.data(), across_rows ? far.data() : nullptr, count, got.data());
      CHECK(got == expected);
    }
  }
}

TEST_CASE("colours are the reference's", "[jpeg_kernels]") {
  for (int luma = 0; luma < 256; luma += 15) {
    constexpr int kAll = 1 << 16;
    Bytes y(kAll, static_cast<uint8_t>(luma)), cb(kAll), cr(kAll), expected(3 * kAll + 1), got(3 * kAll + 1);
    for (size_t i = 0; i < kAll; ++i) {
      cb[i] = static_cast<uint8_t>(i);
      cr[i] = static_cast<uint8_t>(i >> 8);
    }
    for (const int count : {kAll, 5, 21}) {
      stbi__YCbCr_to_RGB_row(expected.data(), y.data(), cb.data(), cr.data(), count, 3);
      colorRow(y.data(), cb.data(), cr.data(), count, got.data());
      expected.back() = got.back();  // it writes an opacity behind each pixel
      if (count < kAll) expected[static_cast<size_t>(3 * count)] = got[static_cast<size_t>(3 * count)];
      CHECK(got == expected);
    }
  }
}

TEST_CASE("a JPEG has the reference's samples, and is damaged where it is", "[jpeg_kernels]") {
  std::mt19937 random(3);
  int decoded = 0, refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(BEIT_FIXTURES) / "images")) {
    if (entry.path().extension() != ".jpg" || entry.path().filename() == "cmyk.jpg") continue;
    const Bytes whole = test::readBytes(entry.path());
    for (int round = 0; round < 20; ++round) {
      Bytes file = whole;
      // Damage to entropy-coded bytes; what only the markers hold is told differently.
      if (round) file[file.size() / 2 + random() % (file.size() / 2)] ^= static_cast<uint8_t>(1 << random() % 8);
      int width = 0, height = 0, channels = 0;
      uint8_t* const samples = stbi_load_from_memory(file.data(), static_cast<int>(file.size()), &width, &height, &channels, 3);
      Rows rows;
      const Status status = decodeJpeg(file, rows);
      CAPTURE(entry.path().filename().string(), round);
      if (round == 0) REQUIRE(samples);
      if (round == 0) REQUIRE(status.ok());
      if (status.ok()) {
        ++decoded;
        REQUIRE(samples);
        CHECK(rows.taken == height);
        CHECK(std::equal(rows.samples.begin(), rows.samples.end(), samples));
      } else {
        ++refused;
      }
      std::free(samples);
    }
  }
  CHECK(decoded > 100);
  CHECK(refused > 10);
}

}  // namespace beit
