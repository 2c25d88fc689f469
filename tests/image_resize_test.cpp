#include "src/image/image_resize.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/image/image_orientation.h"
#include "src/image/row_resizer.h"
#include "tests/support/named_tensors.h"

namespace beit {
namespace {

constexpr double kPi = 3.14159265358979323846;

// The filters by their definitions, for the reference below.
double filterValue(Resample filter, double x) {
  const double a = std::fabs(x);
  const auto sinc = [](double t) { return t == 0 ? 1.0 : std::sin(kPi * t) / (kPi * t); };
  switch (filter) {
    case Resample::kBox: return x > -0.5 && x <= 0.5 ? 1 : 0;
    case Resample::kBilinear: return a < 1 ? 1 - a : 0;
    case Resample::kHamming: return a < 1 ? sinc(a) * (0.54 + 0.46 * std::cos(kPi * a)) : 0;
    case Resample::kBicubic: return a < 1 ? 1.5 * a * a * a - 2.5 * a * a + 1 : a < 2 ? -0.5 * a * a * a + 2.5 * a * a - 4 * a + 2 : 0;
    case Resample::kLanczos: return a < 3 ? sinc(a) * sinc(a / 3) : 0;
    case Resample::kNearest: break;
  }
  return 0;
}

using Plane = std::vector<std::vector<double>>;

// Every input sample of a row weighed for every output sample, in double, rounded to a level.
Plane resizeRows(const Plane& in, size_t width, Resample filter) {
  Plane out(in.size(), std::vector<double>(width));
  const double scale = static_cast<double>(in[0].size()) / static_cast<double>(width);
  const double stretch = std::max(scale, 1.0);
  for (size_t y = 0; y < in.size(); ++y) {
    for (size_t x = 0; x < width; ++x) {
      double sum = 0, weights = 0;
      for (size_t i = 0; i < in[y].size(); ++i) {
        const double distance = static_cast<double>(i) + 0.5 - (static_cast<double>(x) + 0.5) * scale;
        const double weight = filterValue(filter, distance / stretch);
        sum += weight * in[y][i];
        weights += weight;
      }
      out[y][x] = std::clamp(std::floor(sum / weights + 0.5), 0.0, 255.0);
    }
  }
  return out;
}

Plane transposed(const Plane& in) {
  Plane out(in[0].size(), std::vector<double>(in.size()));
  for (size_t y = 0; y < in.size(); ++y)
    for (size_t x = 0; x < in[y].size(); ++x) out[x][y] = in[y][x];
  return out;
}

Image8 randomImage(std::mt19937& random, Size size, int64_t channels, bool contrast) {
  auto image = Image8::allocate(size, channels, "a test image");
  REQUIRE(image.ok());
  for (uint8_t& sample : image->data) sample = static_cast<uint8_t>(contrast ? (random() & 1) * 255 : random() & 255);
  return std::move(image).value();
}

}  // namespace

TEST_CASE("resizing gives Pillow's samples", "[image_resize]") {
  const auto tensors = test::readTensors(std::filesystem::path(BEIT_FIXTURES) / "images/resized.safetensors");
  REQUIRE(tensors.ok());
  int compared = 0;
  for (const auto& [name, out] : *tensors) {
    const size_t dot = name.find(".out.");
    if (dot == std::string::npos) continue;
    CAPTURE(name);
    const auto& in = tensors->at(name.substr(0, dot) + ".in");
    const auto filter = static_cast<Resample>(name.back() - '0');
    const auto resized = resizeImage({in.shape[1], in.shape[0], in.shape[2], in.bytes}, {out.shape[0], out.shape[1]}, filter);
    REQUIRE(resized.ok());
    CHECK(std::equal(resized->data.begin(), resized->data.end(), out.bytes.begin(), out.bytes.end()));
    ++compared;
  }
  CHECK(compared == 66);
}

TEST_CASE("resizing agrees with the filters' definitions in double, within a level", "[image_resize]") {
  std::mt19937 random(7);
  int compared = 0;
  for (int round = 0; round < 150; ++round) {
    const Size from{1 + static_cast<int64_t>(random() % 40), 1 + static_cast<int64_t>(random() % 40)};
    const Size to{1 + static_cast<int64_t>(random() % 40), 1 + static_cast<int64_t>(random() % 40)};
    // The fixtures check where Pillow resizes the height first; here the width comes first.
    if (from.height - to.height > 2 * (from.width - to.width)) continue;
    const int64_t channels = 1 + static_cast<int64_t>(random() % 5);
    const auto filter = static_cast<Resample>(1 + random() % 5);
    const Image8 image = randomImage(random, from, channels, round % 2);
    const auto resized = resizeImage(image, to, filter);
    REQUIRE(resized.ok());
    CAPTURE(from.height, from.width, to.height, to.width, channels, static_cast<int>(filter));
    for (int64_t c = 0; c < channels; ++c) {
      Plane plane(static_cast<size_t>(from.height), std::vector<double>(static_cast<size_t>(from.width)));
      for (int64_t y = 0; y < from.height; ++y) {
        for (int64_t x = 0; x < from.width; ++x) {
          plane[static_cast<size_t>(y)][static_cast<size_t>(x)] = image.view().row(y)[x * channels + c];
        }
      }
      if (from.width != to.width) plane = resizeRows(plane, static_cast<size_t>(to.width), filter);
      if (from.height != to.height) plane = transposed(resizeRows(transposed(plane), static_cast<size_t>(to.height), filter));
      double largest = 0;
      for (int64_t y = 0; y < to.height; ++y) {
        for (int64_t x = 0; x < to.width; ++x) {
          const double expected = plane[static_cast<size_t>(y)][static_cast<size_t>(x)];
          largest = std::max(largest, std::fabs(expected - resized->view().row(y)[x * channels + c]));
        }
      }
      // A level in the first pass can become a little more than one through lanczos' weights.
      CHECK(largest <= 2);
      ++compared;
    }
  }
  CHECK(compared > 100);
}

TEST_CASE("rows as they are stored become what the upright picture is resized to", "[image_resize]") {
  std::mt19937 random(9);
  int height_first = 0;
  for (int round = 0; round < 400; ++round) {
    const int orientation = 1 + round % 8;
    const auto side = [&](int64_t most) { return 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(most)); };
    Size from{side(60), side(60)}, to{side(40), side(40)};
    if (round % 5 == 0) to.width = orientation >= 5 ? from.height : from.width;
    if (round % 7 == 0) from.height = 20 * from.width;
    const int64_t channels = side(5);
    const auto filter = static_cast<Resample>(side(5));
    CAPTURE(orientation, from.height, from.width, to.height, to.width, channels, static_cast<int>(filter));
    Image8 image = randomImage(random, from, channels, round % 3 == 0);
    auto resizer = RowResizer::make(from, channels, to, filter, orientation);
    REQUIRE(resizer.ok());
    for (int64_t y = 0; y < from.height; ++y) {
      std::copy_n(image.row(y), from.width * channels, resizer->row());
      resizer->take(resizer->row());
    }
    const auto rows = resizer->finish();
    REQUIRE(rows.ok());
    const auto upright = makeUpright(std::move(image), orientation);
    REQUIRE(upright.ok());
    const auto whole = resizeImage(*upright, to, filter);
    REQUIRE(whole.ok());
    CHECK(rows->size() == to);
    CHECK(std::equal(rows->data.begin(), rows->data.end(), whole->data.begin(), whole->data.end()));
    height_first += upright->height - to.height > 2 * (upright->width - to.width);
  }
  CHECK(height_first > 50);
}

TEST_CASE("an axis that stays as long is weighed sample by sample", "[image_resize]") {
  for (int64_t size = 1; size <= 3000; size += size < 300 ? 1 : 97) {
    for (int filter = 1; filter < 6; ++filter) {
      const auto windows = ResampleWeights::make(size, size, static_cast<Resample>(filter), size % 2 == 0);
      REQUIRE(windows.ok());
      for (int64_t i = 0; i < size; ++i) {
        const ResampleTaps window = (*windows)[i];
        for (int64_t k = 0; k < window.count; ++k) {
          if (window.weights[k] != (window.first + k == i ? 1 << kResampleFractionBits : 0)) FAIL(size << " " << filter << " " << i);
        }
      }
    }
  }
}

TEST_CASE("resizing to the same size is a copy", "[image_resize]") {
  std::mt19937 random(8);
  const Image8 image = randomImage(random, {9, 7}, 3, false);
  for (int filter = 0; filter < 6; ++filter) {
    const auto copy = resizeImage(image, {9, 7}, static_cast<Resample>(filter));
    REQUIRE(copy.ok());
    CHECK(std::equal(copy->data.begin(), copy->data.end(), image.data.begin(), image.data.end()));
    CHECK(copy->data.data() != image.data.data());
  }
}

TEST_CASE("sizes that are no sizes are refused", "[image_resize]") {
  const std::vector<uint8_t> data(12);
  const ImageView8 image{2, 2, 3, data};
  for (const Size size :
       {Size{0, 1}, Size{1, 0}, Size{-1, 5}, Size{kMaxImageSide + 1, 1}, Size{INT64_MAX, INT64_MAX}, Size{1 << 15, 1 << 15}}) {
    const auto resized = resizeImage(image, size, Resample::kBilinear);
    REQUIRE_FALSE(resized.ok());
    CHECK(resized.error().code == ErrorCode::kInvalidArgument);
  }
  for (const ImageView8& bad : {ImageView8{2, 2, 4, data}, ImageView8{0, 2, 3, data}, ImageView8{2, -2, 3, data}, ImageView8{2, 2, 0, data},
                                ImageView8{INT64_MAX, 2, 3, data}, ImageView8{2, 2, 3, {}}, ImageView8{1 << 20, 1 << 20, 1024, data}}) {
    const auto resized = resizeImage(bad, {1, 1}, Resample::kBox);
    REQUIRE_FALSE(resized.ok());
    CHECK(resized.error().code == ErrorCode::kInvalidArgument);
    CHECK_FALSE(resized.error().got.empty());
  }
}

}  // namespace beit
