#include "weights/reading/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "src/base/order.h"
#include "weights/reading/element_convert.h"

namespace beit {

namespace {

// A gap between two wanted tensors that is read through rather than skipped: below this, a new
// request costs more than the bytes.
constexpr int64_t kSmallGap = 256 * 1024;

// How many elements are converted at once before they are put in their places.
constexpr size_t kScattered = 1024;

int64_t endOf(const TensorEntry& entry) { return entry.offset + entry.bytes; }

// Whether a tensor's elements can only be put in their places once all have come.
bool isGathered(const TensorEntry& entry) {
  return !entry.strides.empty() && !AxisScatter::create(entry.shape, entry.strides, TensorLayout::kSame);
}

// Returns a target's share of a tensor's values.
template <typename T>
std::span<T> shareOf(const ParameterShare& target, std::span<T> values) {
  const size_t size = values.size() / static_cast<size_t>(target.parts);
  return values.subspan(size * static_cast<size_t>(target.part), size);
}

// Returns whether these are the parameters of a whole BEiT, and not of a part of one.
bool hasBody(ParameterList& parameters) { return parameters.find("beit.embeddings.patch_embeddings.projection.weight"); }

// Returns whether a tensor is of what every class has of a BEiT, so that a model without it has other hidden states.
bool isOfBody(Dialect dialect, std::string_view tensor) {
  for (const auto& reading : candidates(dialect, tensor))
    for (const ParameterShare& target : reading)
      // Nothing has a bias of keys: it adds the same to all that a softmax compares.
      if ((target.parameter.starts_with("beit.encoder.") && !target.parameter.ends_with("key.bias")) ||
          target.parameter == "beit.embeddings.position_embeddings")
        return true;
  return false;
}

}  // namespace

Status Checkpoint::addFile(std::string name, std::optional<int64_t> size) {
  for (const File& file : files_)
    if (file.name == name) return failure(ErrorCode::kInvalidArgument, name, "the file was added twice");
  files_.push_back({std::move(name), size, {}, nullptr});
  return {};
}

std::optional<ByteRange> Checkpoint::wantedIndex() const {
  const File& file = files_[indexing_];
  if (file.reader) return file.reader->next();
  const auto have = static_cast<int64_t>(file.first.size());
  return ByteRange{have, kSniffBytes - have};
}

std::optional<Checkpoint::Read> Checkpoint::next() {
  if (failed_) return std::nullopt;
  if (!parameters_) {
    if (indexing_ == files_.size()) return std::nullopt;
    if (!asked_) asked_ = wantedIndex();
    assert(asked_);
    return Read{files_[indexing_].name, asked_->offset, asked_->length};
  }
  if (route_ == routes_.size()) return std::nullopt;
  // From where we are to the end of the last tensor that follows without a large gap.
  int64_t end = endOf(entryOf(route_));
  for (size_t r = route_ + 1;
       r < routes_.size() && entryOf(r).file == entryOf(route_).file && entryOf(r).offset >= end && entryOf(r).offset - end <= kSmallGap;
       ++r)
    end = endOf(entryOf(r));
  return Read{files_[entryOf(route_).file].name, position_, end - position_};
}

Status Checkpoint::supply(std::span<const uint8_t> bytes) {
  const auto wanted = next();
  if (!wanted || static_cast<int64_t>(bytes.size()) > wanted->length)
    return mismatch(ErrorCode::kInvalidArgument, "supply", std::to_string(bytes.size()) + " bytes",
                    "at most the " + std::to_string(wanted ? wanted->length : 0) + " that are wanted");
  Status status = parameters_ ? supplyWeights(bytes) : supplyIndex(bytes);
  if (!status) {
    failed_ = true;
    drop();
  }
  return status;
}

Status Checkpoint::ended() {
  const auto wanted = next();
  failed_ = true;
  drop();
  if (!wanted) return failure(ErrorCode::kInvalidArgument, "Checkpoint", "nothing more was wanted");
  return mismatch(ErrorCode::kTruncated, wanted->file, "an end after " + std::to_string(wanted->offset) + " bytes",
                  "at least " + std::to_string(wanted->offset + wanted->length) + " bytes");
}

void Checkpoint::drop() {
  staging_ = {};
  gathered_ = {};
  stored_.clear();
}

Status Checkpoint::supplyIndex(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const auto wanted = wantedIndex();
    auto take = static_cast<int64_t>(bytes.size());
    if (wanted && wanted->offset == asked_->offset) {
      take = std::min(take, wanted->length);
      BEIT_TRY(giveIndex(bytes.first(static_cast<size_t>(take))));
    } else if (wanted && wanted->offset > asked_->offset) {
      take = std::min(take, wanted->offset - asked_->offset);
    }
    asked_->offset += take;
    asked_->length -= take;
    bytes = bytes.subspan(static_cast<size_t>(take));
  }
  if (asked_->length > 0) return {};
  asked_.reset();
  if (wantedIndex()) return {};
  File& file = files_[indexing_];
  for (TensorEntry& entry : file.reader->entries()) entries_.push_back(std::move(entry));
  file.reader->entries().clear();
  if (++indexing_ == files_.size()) prefix_ = stripPrefix(entries_);
  return {};
}

Status Checkpoint::giveIndex(std::span<const uint8_t> bytes) {
  File& file = files_[indexing_];
  if (file.reader) return file.reader->supply(bytes);
  file.first.insert(file.first.end(), bytes.begin(), bytes.end());
  if (static_cast<int64_t>(file.first.size()) < kSniffBytes) return {};
  BEIT_ASSIGN(file.reader, openContainer(file.name, indexing_, file.size, file.first));
  return {};
}

std::vector<Checkpoint::Delivery> Checkpoint::deliveriesOf(Dialect dialect, std::string_view tensor, ParameterList& parameters) {
  for (const auto& reading : candidates(dialect, tensor)) {
    std::vector<Delivery> deliveries;
    for (const ParameterShare& target : reading)
      if (const Parameter* parameter = parameters.find(target.parameter))
        deliveries.push_back({static_cast<size_t>(parameter - parameters.all().data()), target});
    if (!deliveries.empty()) return deliveries;
  }
  return {};
}

Result<BindReport> Checkpoint::match(ParameterList& parameters, std::vector<Route>* routes) const {
  if (indexing_ != files_.size() || files_.empty())
    return failure(ErrorCode::kInvalidArgument, "Checkpoint", "its index has not been read yet");
  BEIT_ASSIGN(const Dialect dialect, requireDialect(entries_, files_[0].name));
  BindReport report;
  report.dialect = toString(dialect);
  if (!prefix_.empty()) report.dialect += ", each behind \"" + prefix_ + "\"";
  report.container = files_[0].reader->name();
  report.averaged = files_[0].reader->averaged();
  std::vector<bool> present(parameters.all().size()), used(entries_.size());
  const ScaleIndex scales(entries_);
  bool body = hasBody(parameters);
  for (size_t i = 0; i < present.size(); ++i) {
    present[i] = parameters.all()[i].given;
    body = body && !present[i];  // what is given in part may be of fewer layers
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    const TensorEntry& entry = entries_[i];
    if (isUnused(entry.name)) {
      report.skipped.push_back(entry.name);
      continue;
    }
    if (ScaleIndex::matrixOf(entry.name)) continue;  // comes with its matrix
    std::vector<Delivery> deliveries = deliveriesOf(dialect, entry.name, parameters);
    if (deliveries.empty()) {
      report.unexpected.push_back(entry.name);
      report.left_out |= body && isOfBody(dialect, entry.name);
      continue;
    }
    if (parameters.all()[deliveries.front().parameter].given) {
      report.skipped.push_back(entry.name);
      continue;
    }
    const TensorEntry* own = entry.dtype == DType::kI8 ? scales.of(entry.name) : nullptr;
    if (own) used[static_cast<size_t>(own - entries_.data())] = true;
    bool twice = false;
    for (const Delivery& delivery : deliveries) {
      twice = twice || present[delivery.parameter];
      present[delivery.parameter] = true;
    }
    const Delivery& first = deliveries.front();
    const Shape expected = fileShape(parameters.all()[first.parameter].shape, first.target);
    if (twice) {
      report.wrong.push_back(entry.name + " stands in the checkpoint twice");
    } else if (entry.shape != expected) {
      report.wrong.push_back(entry.name + " is " + toString(entry.shape) + " and should be " + toString(expected));
    } else if (canBeQuantized(entry, first.target.layout)) {
      const Shape expected_scales{entry.shape[0], 1};
      if (!own) {
        report.wrong_type = true;
        report.wrong.push_back(entry.name + " is of type I8 and should have its scales, " + ScaleIndex::nameOf(entry.name) + ", beside it");
      } else if (own->shape != expected_scales && own->shape != Shape{entry.shape[0]}) {
        report.wrong.push_back(own->name + " is " + toString(own->shape) + " and should be " + toString(expected_scales));
      } else if (!isWeightType(own->dtype) || !own->strides.empty()) {
        report.wrong_type = true;
        report.wrong.push_back(own->name + " is of type " + std::string(own->type()) + " and should be F32, F16, BF16 or F64");
      } else {
        report.fill_bytes += entry.bytes + own->bytes;
        if (routes) {
          routes->push_back({static_cast<size_t>(own - entries_.data()), deliveries, own});
          routes->push_back({i, std::move(deliveries), own});
        }
      }
    } else if (!isWeightType(entry.dtype)) {
      report.wrong_type = true;
      report.wrong.push_back(entry.name + " is of type " + std::string(entry.type()) + " and should be F32, F16, BF16 or F64");
    } else {
      report.fill_bytes += entry.bytes;
      if (routes) routes->push_back({i, std::move(deliveries)});
    }
  }
  reportStrayScales(dialect, parameters, scales, used, report);
  for (size_t i = 0; i < present.size(); ++i)
    if (!present[i]) report.missing.push_back(parameters.all()[i].name);
  return report;
}

void Checkpoint::reportStrayScales(Dialect dialect, ParameterList& parameters, const ScaleIndex& scales, const std::vector<bool>& used,
                                   BindReport& report) const {
  for (size_t i = 0; i < entries_.size(); ++i) {
    const TensorEntry& entry = entries_[i];
    const auto matrix = ScaleIndex::matrixOf(entry.name);
    if (!matrix || used[i] || isUnused(entry.name)) continue;
    if (deliveriesOf(dialect, *matrix, parameters).empty()) {
      report.unexpected.push_back(entry.name);
    } else if (scales.of(*matrix) != &entry) {
      report.wrong.push_back(entry.name + " stands in the checkpoint twice");
    } else {
      report.wrong_type = true;
      report.wrong.push_back(entry.name + " has no matrix of type I8 beside it, " + std::string(*matrix));
    }
  }
}

int64_t Checkpoint::stagedFloats(const Route& route, const ParameterList& parameters) const {
  const TensorEntry& entry = entries_[route.entry];
  const int64_t elements = entry.bytes / elementSize(entry.dtype);
  if (entry.dtype != DType::kI8) return elements;
  for (const Delivery& delivery : route.deliveries)
    if (!parameters.all()[delivery.parameter].receive_quantized) return elements;  // becomes floats
  return (elements + 3) / 4;
}

Result<BindReport> Checkpoint::inspect(ParameterList& parameters) const { return match(parameters, nullptr); }

Result<BindReport> Checkpoint::bind(ParameterList& parameters) {
  if (failed_) return failure(ErrorCode::kInvalidArgument, "Checkpoint", "reading it has failed");
  for (const Parameter& parameter : parameters.all())
    if (parameter.received && !parameter.given)
      return failure(ErrorCode::kInvalidArgument, parameter.name, "the model has been filled before");
  std::vector<Route> routes;
  BEIT_ASSIGN(BindReport report, match(parameters, &routes));
  if (!report.missing.empty() || !report.wrong.empty() || report.left_out) {
    // One sentence with all that is wrong, so that nobody mends one name a try.
    constexpr size_t kAll = 1000;
    std::string got;
    if (!report.missing.empty()) got += std::to_string(report.missing.size()) + " missing: " + listNames(report.missing, kAll);
    if (!report.wrong.empty()) got += (got.empty() ? "" : "; ") + listNames(report.wrong, kAll);
    if (!report.unexpected.empty())
      got += (got.empty() ? "some that it turns off: " : "; not expected: ") + listNames(report.unexpected, kAll);
    const ErrorCode wrong = report.wrong_type      ? ErrorCode::kWrongType
                            : report.wrong.empty() ? ErrorCode::kBadConfig
                                                   : ErrorCode::kWrongShape;
    return mismatch(report.missing.empty() ? wrong : ErrorCode::kMissingTensor,
                    "Tensors of " + files_[0].name + " (names of " + report.dialect + ")", got,
                    "the " + std::to_string(parameters.all().size()) + " tensors that the config asks for");
  }
  sortBy(routes, [&](const Route& route) {
    const TensorEntry& entry = entries_[route.entry];
    return SortKey(static_cast<int64_t>(entry.file), entry.offset);
  });
  // One buffer for all tensors in turn: memory that came and went between packed weights would leave
  // holes too small for the next (100 MB of them in a base model).
  int64_t largest = 0, largest_view = 0;
  for (const Route& route : routes) {
    const TensorEntry& entry = entries_[route.entry];
    largest = std::max(largest, stagedFloats(route, parameters));
    if (isGathered(entry)) largest_view = std::max(largest_view, *elementCount(entry.shape));
  }
  FloatBuffer gathered;
  BEIT_ASSIGN(FloatBuffer staging, FloatBuffer::allocate(largest, "the largest tensor"));
  if (largest_view > 0) {
    BEIT_ASSIGN(gathered, FloatBuffer::allocate(largest_view, "the largest view of a tensor"));
  }
  parameters_ = &parameters;
  routes_ = std::move(routes);
  route_ = 0;
  // What a fill that was left half-way had of a tensor goes with its buffers.
  staging_ = std::move(staging);
  gathered_ = std::move(gathered);
  split_.clear();
  stored_.clear();
  if (!routes_.empty()) {
    position_ = entryOf(0).offset;
    beginTensor();
  }
  return report;
}

Status Checkpoint::supplyWeights(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const TensorEntry& entry = entryOf(route_);
    if (position_ < entry.offset) {  // a small gap
      const auto gap = static_cast<size_t>(std::min<int64_t>(entry.offset - position_, static_cast<int64_t>(bytes.size())));
      position_ += static_cast<int64_t>(gap);
      bytes = bytes.subspan(gap);
      continue;
    }
    const auto take = static_cast<size_t>(std::min<int64_t>(endOf(entry) - position_, static_cast<int64_t>(bytes.size())));
    BEIT_TRY(fill(entry, bytes.first(take)));
    position_ += static_cast<int64_t>(take);
    bytes = bytes.subspan(take);
    if (position_ == endOf(entry)) BEIT_TRY(finishTensor());
  }
  return {};
}

void Checkpoint::beginTensor() {
  filled_ = 0;
  scatter_.reset();
  const TensorEntry& entry = entryOf(route_);
  const TensorLayout layout = routes_[route_].deliveries.front().target.layout;
  if (!entry.strides.empty() || layout != TensorLayout::kSame) scatter_ = AxisScatter::create(entry.shape, entry.strides, layout);
}

Status Checkpoint::fill(const TensorEntry& entry, std::span<const uint8_t> bytes) {
  const auto size = static_cast<size_t>(elementSize(entry.dtype));
  if (!split_.empty()) {
    const size_t rest = std::min(size - split_.size(), bytes.size());
    split_.insert(split_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(rest));
    bytes = bytes.subspan(rest);
    if (split_.size() < size) return {};
    place(entry.dtype, split_);
    split_.clear();
  }
  const size_t whole = bytes.size() / size * size;
  place(entry.dtype, bytes.first(whole));
  split_.assign(bytes.begin() + static_cast<ptrdiff_t>(whole), bytes.end());
  return {};
}

void Checkpoint::place(DType dtype, std::span<const uint8_t> bytes) {
  const auto size = static_cast<size_t>(elementSize(dtype));
  if (dtype == DType::kI8) {  // stays as it is until its scales are there
    if (!bytes.empty()) std::memcpy(reinterpret_cast<uint8_t*>(staging_.data()) + filled_, bytes.data(), bytes.size());
    filled_ += static_cast<int64_t>(bytes.size());
    return;
  }
  if (!scatter_) {
    convertElements(dtype, bytes, staging_.data() + filled_);
    filled_ += static_cast<int64_t>(bytes.size() / size);
    return;
  }
  float converted[kScattered];
  while (!bytes.empty()) {
    const size_t count = std::min(bytes.size() / size, kScattered);
    convertElements(dtype, bytes.first(count * size), converted);
    scatter_->put({converted, count}, staging_.data());
    filled_ += static_cast<int64_t>(count);
    bytes = bytes.subspan(count * size);
  }
}

Status Checkpoint::finishStored(const Route& route, StoredMatrix& matrix) {
  const auto count = static_cast<size_t>(filled_);
  if (entries_[route.entry].dtype == DType::kI8) {
    if (!matrix.scales.empty()) return deliverStored(route, matrix.scales);
    BEIT_ASSIGN(matrix.values, Buffer<int8_t>::allocate(count, "a quantised matrix that waits for its scales"));
    std::memcpy(matrix.values.data(), staging_.data(), count);
    return {};
  }
  BEIT_TRY(checkScales(staging_.span().first(count), files_[route.scales->file].name + ", tensor " + route.scales->name));
  matrix.scales.assign(staging_.data(), staging_.data() + count);
  if (matrix.values.empty()) return {};
  std::memcpy(staging_.data(), matrix.values.data(), matrix.values.size());
  matrix.values = {};
  return deliverStored(route, matrix.scales);
}

Status Checkpoint::deliverStored(const Route& route, std::span<const float> scales) {
  size_t count = 0;
  for (const Delivery& delivery : route.deliveries)
    count += static_cast<size_t>(*elementCount(parameters_->all()[delivery.parameter].shape));
  bool floats = false;
  for (const Delivery& delivery : route.deliveries) {
    if (!parameters_->all()[delivery.parameter].receive_quantized) {
      floats = true;
      continue;
    }
    const std::span whole(reinterpret_cast<const int8_t*>(staging_.data()), count);
    BEIT_TRY(parameters_->deliverQuantized(delivery.parameter, {shareOf(delivery.target, whole), shareOf(delivery.target, scales)}));
  }
  if (!floats) return {};
  dequantizeInPlace(staging_.data(), count, scales);
  for (const Delivery& delivery : route.deliveries)
    if (!parameters_->all()[delivery.parameter].receive_quantized)
      BEIT_TRY(parameters_->deliver(delivery.parameter, shareOf(delivery.target, staging_.span().first(count))));
  return {};
}

Status Checkpoint::finishTensor() {
  const Route& route = routes_[route_];
  const TensorEntry& entry = entryOf(route_);
  if (route.scales) {
    BEIT_TRY(finishStored(route, stored_[route.scales]));
  } else {
    std::span<float> values = staging_.span().first(static_cast<size_t>(filled_));
    if (!entry.strides.empty() && !scatter_) {
      const TensorLayout layout = route.deliveries.front().target.layout;
      gatherStrided(values.data(), entry.shape, entry.strides, layout, gathered_.data());
      values = gathered_.span().first(static_cast<size_t>(*elementCount(entry.shape)));
    }
    for (const Delivery& delivery : route.deliveries) BEIT_TRY(parameters_->deliver(delivery.parameter, shareOf(delivery.target, values)));
  }
  if (++route_ == routes_.size()) {
    drop();
    return {};
  }
  beginTensor();
  const TensorEntry& following = entryOf(route_);
  const int64_t gap = following.offset - position_;
  // Another file, a gap that is worth a new request, or elements that two tensors share.
  if (following.file != entry.file || gap > kSmallGap || gap < 0) position_ = following.offset;
  return {};
}

}  // namespace beit
