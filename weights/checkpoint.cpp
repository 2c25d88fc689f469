#include "weights/checkpoint.h"

#include <algorithm>
#include <utility>

#include "weights/element_convert.h"

namespace beit {

namespace {

// A gap between two wanted tensors that is read through rather than skipped: below this, a new
// request costs more than the bytes.
constexpr int64_t kSmallGap = 256 * 1024;

int64_t endOf(const TensorEntry& entry) { return entry.offset + entry.bytes; }

}  // namespace

Status Checkpoint::addFile(std::string name, std::optional<int64_t> size) {
  for (const File& file : files_)
    if (file.name == name) return failure(ErrorCode::kInvalidArgument, name, "the file was added twice");
  SafetensorsIndexer indexer(name, files_.size(), size);
  files_.push_back({std::move(name), std::move(indexer)});
  return {};
}

std::optional<Checkpoint::Read> Checkpoint::next() const {
  if (failed_) return std::nullopt;
  if (!parameters_) {
    if (indexing_ == files_.size()) return std::nullopt;
    const auto range = files_[indexing_].indexer.wants();
    assert(range);
    return Read{files_[indexing_].name, range->offset, range->length};
  }
  if (route_ == routes_.size()) return std::nullopt;
  // From where we are to the end of the last tensor that follows without a large gap.
  int64_t end = endOf(entryOf(route_));
  for (size_t r = route_ + 1; r < routes_.size() && entryOf(r).file == entryOf(route_).file &&
                              entryOf(r).offset - end <= kSmallGap; ++r)
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
    staging_ = {};
  }
  return status;
}

Status Checkpoint::ended() {
  const auto wanted = next();
  failed_ = true;
  staging_ = {};
  if (!wanted) return failure(ErrorCode::kInvalidArgument, "Checkpoint", "nothing more was wanted");
  return mismatch(ErrorCode::kTruncated, wanted->file, "an end after " + std::to_string(wanted->offset) + " bytes",
                  "at least " + std::to_string(wanted->offset + wanted->length) + " bytes");
}

Status Checkpoint::supplyIndex(std::span<const uint8_t> bytes) {
  SafetensorsIndexer& indexer = files_[indexing_].indexer;
  BEIT_TRY(indexer.give(bytes));
  if (indexer.wants()) return {};
  for (TensorEntry& entry : indexer.entries()) entries_.push_back(std::move(entry));
  indexer.entries().clear();
  ++indexing_;
  return {};
}

Result<BindReport> Checkpoint::match(ParameterList& parameters, std::vector<Route>* routes) const {
  if (indexing_ != files_.size() || files_.empty())
    return failure(ErrorCode::kInvalidArgument, "Checkpoint", "its index has not been read yet");
  const auto dialect = detectDialect(entries_);
  if (!dialect) {
    std::vector<std::string> names;
    for (const TensorEntry& entry : entries_) names.push_back(entry.name);
    return mismatch(ErrorCode::kUnsupported, files_[0].name,
                    names.empty() ? "no tensors" : "tensors called " + listNames(names, 3),
                    "a BEiT checkpoint with transformers' names (beit.embeddings.cls_token and so on)");
  }
  BindReport report;
  report.dialect = toString(*dialect);
  report.container = "safetensors";
  std::vector<bool> present(parameters.all().size());
  for (size_t i = 0; i < entries_.size(); ++i) {
    const TensorEntry& entry = entries_[i];
    if (isDead(entry.name)) {
      report.skipped.push_back(entry.name);
      continue;
    }
    const Parameter* parameter = parameters.find(canonicalName(*dialect, entry.name));
    if (!parameter) {
      report.unexpected.push_back(entry.name);
      continue;
    }
    const auto index = static_cast<size_t>(parameter - parameters.all().data());
    if (present[index]) {
      report.wrong.push_back(entry.name + " stands in two files");
      continue;
    }
    present[index] = true;
    if (entry.shape != parameter->shape) {
      report.wrong.push_back(entry.name + " is " + toString(entry.shape) + " and should be " + toString(parameter->shape));
    } else if (!isWeightType(entry.dtype)) {
      report.wrong.push_back(entry.name + " is of type " + std::string(toString(entry.dtype)) +
                             " and should be F32, F16, BF16 or F64");
    } else {
      report.fill_bytes += entry.bytes;
      if (routes) routes->push_back({i, index});
    }
  }
  for (size_t i = 0; i < present.size(); ++i)
    if (!present[i]) report.missing.push_back(parameters.all()[i].name);
  return report;
}

Result<BindReport> Checkpoint::inspect(ParameterList& parameters) const { return match(parameters, nullptr); }

Result<BindReport> Checkpoint::bind(ParameterList& parameters) {
  std::vector<Route> routes;
  BEIT_ASSIGN(BindReport report, match(parameters, &routes));
  if (!report.missing.empty() || !report.wrong.empty()) {
    // One sentence with all that is wrong, so that nobody mends one name a try.
    constexpr size_t kAll = 1000;
    std::string got;
    if (!report.missing.empty()) got += std::to_string(report.missing.size()) + " missing: " + listNames(report.missing, kAll);
    if (!report.wrong.empty()) got += (got.empty() ? "" : "; ") + listNames(report.wrong, kAll);
    if (!report.unexpected.empty()) got += "; not expected: " + listNames(report.unexpected, kAll);
    return mismatch(report.missing.empty() ? ErrorCode::kWrongShape : ErrorCode::kMissingTensor,
                    "Tensors of " + files_[0].name + " (names of " + report.dialect + ")", got,
                    "the " + std::to_string(parameters.all().size()) + " tensors that the config asks for");
  }
  std::sort(routes.begin(), routes.end(), [&](const Route& a, const Route& b) {
    const TensorEntry &x = entries_[a.entry], &y = entries_[b.entry];
    return std::pair(x.file, x.offset) < std::pair(y.file, y.offset);  // no parameter is empty
  });
  // One buffer for all tensors in turn: memory that came and went between packed weights would leave
  // holes too small for the next (100 MB of them in a base model).
  BEIT_ASSIGN(staging_, FloatBuffer::allocate(parameters.largestBytes() / 4, "the largest tensor"));
  parameters_ = &parameters;
  routes_ = std::move(routes);
  route_ = 0;
  if (!routes_.empty()) position_ = entryOf(0).offset;
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

Status Checkpoint::fill(const TensorEntry& entry, std::span<const uint8_t> bytes) {
  const auto size = static_cast<size_t>(elementSize(entry.dtype));
  if (!split_.empty()) {
    const size_t rest = std::min(size - split_.size(), bytes.size());
    split_.insert(split_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(rest));
    bytes = bytes.subspan(rest);
    if (split_.size() < size) return {};
    convertElements(entry.dtype, split_, staging_.data() + filled_++);
    split_.clear();
  }
  const size_t whole = bytes.size() / size;
  convertElements(entry.dtype, bytes.first(whole * size), staging_.data() + filled_);
  filled_ += static_cast<int64_t>(whole);
  split_.assign(bytes.begin() + static_cast<ptrdiff_t>(whole * size), bytes.end());
  return {};
}

Status Checkpoint::finishTensor() {
  BEIT_TRY(parameters_->deliver(routes_[route_].parameter, staging_.span().first(static_cast<size_t>(filled_))));
  filled_ = 0;
  const size_t file = entryOf(route_).file;
  if (++route_ < routes_.size() && entryOf(route_).file != file) position_ = entryOf(route_).offset;
  else if (route_ < routes_.size() && entryOf(route_).offset - position_ > kSmallGap) position_ = entryOf(route_).offset;
  if (route_ == routes_.size()) staging_ = {};
  return {};
}

}  // namespace beit
