#include "src/avif/container.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

namespace beit::avif {
namespace {

using Bytes = std::span<const uint8_t>;

// More than any file has, and few enough that their lists cost nothing.
constexpr size_t kMostItems = 4096;
constexpr int64_t kMostCells = 256;

Error damaged(const std::string& what) { return failure(ErrorCode::kBadImage, "image", "this AVIF is damaged (" + what + ")"); }
Error cutOff() { return failure(ErrorCode::kBadImage, "image", "this AVIF is cut off"); }

// Numbers with their highest byte first. What lies beyond the end is 0, and makes ok() false.
class Reader {
 public:
  explicit Reader(Bytes bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  size_t left() const { return bytes_.size(); }
  uint64_t number(int size) {
    uint64_t value = 0;
    for (const uint8_t byte : take(static_cast<uint64_t>(size))) value = value << 8 | byte;
    return value;
  }
  uint8_t u8() { return static_cast<uint8_t>(number(1)); }
  uint16_t u16() { return static_cast<uint16_t>(number(2)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  Bytes take(uint64_t size) {
    if (size > bytes_.size()) {
      ok_ = false;
      size = bytes_.size();
    }
    const Bytes taken = bytes_.first(static_cast<size_t>(size));
    bytes_ = bytes_.subspan(static_cast<size_t>(size));
    return taken;
  }
  std::string_view name() {
    const Bytes bytes = take(4);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  Bytes bytes_;
  bool ok_ = true;
};

struct Box {
  std::string_view type;
  Bytes body;
};

// The next box, or nothing at the end; a box that is not whole makes the reader's ok() false.
std::optional<Box> nextBox(Reader& reader) {
  if (reader.left() == 0) return std::nullopt;
  uint64_t size = reader.u32(), head = 8;
  Box box;
  box.type = reader.name();
  if (size == 1) {
    size = reader.number(8);
    head = 16;
  } else if (size == 0) {  // up to the end
    size = head + reader.left();
  }
  if (size < head) {
    reader.take(UINT64_MAX);
    return std::nullopt;
  }
  box.body = reader.take(size - head);
  return reader.ok() ? std::optional(box) : std::nullopt;
}

// The version of a full box; its flags are passed over, but their lowest bit.
struct FullBox {
  uint8_t version;
  bool flag;
};
FullBox fullBox(Reader& reader) {
  const uint32_t word = reader.u32();
  return {static_cast<uint8_t>(word >> 24), (word & 1) != 0};
}

struct Extent {
  uint64_t offset = 0, length = 0;
};

struct Item {
  std::string_view type;
  bool in_idat = false;
  std::vector<Extent> extents;
  std::vector<size_t> properties;  // numbers from 1
  std::vector<uint32_t> cells;     // of a grid
  bool premultiplied = false;
};

class Meta {
 public:
  explicit Meta(Bytes file) : file_(file) {}

  Status read(Bytes body) {
    Reader reader(body);
    fullBox(reader);
    while (const auto box = nextBox(reader)) {
      if (box->type == "pitm") readPrimary(box->body);
      else if (box->type == "iinf") BEIT_TRY(readInfos(box->body));
      else if (box->type == "iloc") BEIT_TRY(readLocations(box->body));
      else if (box->type == "iprp") BEIT_TRY(readProperties(box->body));
      else if (box->type == "iref") BEIT_TRY(readReferences(box->body));
      else if (box->type == "idat") idat_ = box->body;
    }
    return reader.ok() ? Status() : cutOff();
  }

  Result<Container> primary() {
    const auto found = items_.find(primary_);
    if (found == items_.end()) return damaged("no picture");
    const Item& item = found->second;
    Container container;
    container.premultiplied = item.premultiplied;
    BEIT_TRY(readShown(item, container));
    if (item.type == "grid") {
      BEIT_TRY(readGrid(item, container));
    } else {
      BEIT_TRY(checkCodec(item));
      container.cells.emplace_back();
      BEIT_TRY(readData(item, container.cells.back()));
    }
    BEIT_TRY(readMetadata(container));
    return container;
  }

 private:
  static Status checkCodec(const Item& item) {
    if (item.type == "av01") return {};
    return mismatch(ErrorCode::kUnsupported, "image", "a HEIF file whose picture is " + quoted(item.type), "AVIF, whose picture is av01");
  }

  static std::string quoted(std::string_view type) {
    std::string words(type);
    for (char& c : words)
      if (c < ' ' || c > '~') c = '?';
    return words;
  }

  void readPrimary(Bytes body) {
    Reader reader(body);
    primary_ = fullBox(reader).version == 0 ? reader.u16() : reader.u32();
  }

  Status readInfos(Bytes body) {
    Reader reader(body);
    if (fullBox(reader).version == 0) reader.u16();
    else reader.u32();
    while (const auto box = nextBox(reader)) {
      if (box->type != "infe") continue;
      Reader info(box->body);
      const uint8_t version = fullBox(info).version;
      if (version < 2) continue;
      const uint32_t id = version == 2 ? info.u16() : info.u32();
      info.u16();  // protection
      const std::string_view type = info.name();
      if (!info.ok()) return damaged("an item without a type");
      if (items_.size() == kMostItems) return damaged("too many items");
      items_[id].type = type;
      if (type == "mime") {
        const Bytes rest = info.take(info.left());
        const std::string_view text(reinterpret_cast<const char*>(rest.data()), rest.size());
        if (text.find("application/rdf+xml") != std::string_view::npos) xmp_ = id;
      }
      if (type == "Exif") exif_ = id;
    }
    return reader.ok() ? Status() : damaged("its list of items");
  }

  Status readLocations(Bytes body) {
    Reader reader(body);
    const uint8_t version = fullBox(reader).version;
    const uint16_t sizes = reader.u16();
    const int offset = sizes >> 12, length = sizes >> 8 & 15, base = sizes >> 4 & 15, index = version > 0 ? sizes & 15 : 0;
    if (version > 2 || std::max({offset, length, base, index}) > 8) return damaged("its list of places");
    const uint32_t count = version < 2 ? reader.u16() : reader.u32();
    for (uint32_t i = 0; i < count && reader.ok(); ++i) {
      const uint32_t id = version < 2 ? reader.u16() : reader.u32();
      const int method = version > 0 ? reader.u16() & 15 : 0;
      if (method > 1) return damaged("a place that is neither in the file nor in its box idat");
      reader.u16();  // the file: 0 is this one
      const uint64_t start = reader.number(base);
      const uint16_t extents = reader.u16();
      if (items_.size() == kMostItems) return damaged("too many items");
      Item& item = items_[id];
      item.in_idat = method == 1;
      for (uint16_t e = 0; e < extents && reader.ok(); ++e) {
        reader.number(index);
        const uint64_t at = reader.number(offset);
        const uint64_t bytes = reader.number(length);
        if (at > UINT64_MAX - start) return damaged("its list of places");
        item.extents.push_back({start + at, bytes});
      }
    }
    return reader.ok() ? Status() : damaged("its list of places");
  }

  Status readProperties(Bytes body) {
    Reader reader(body);
    while (const auto box = nextBox(reader)) {
      Reader inner(box->body);
      if (box->type == "ipco") {
        while (const auto property = nextBox(inner)) {
          if (properties_.size() == kMostItems) return damaged("too many properties");
          properties_.push_back(*property);
        }
      } else if (box->type == "ipma") {
        const FullBox head = fullBox(inner);
        const uint32_t count = inner.u32();
        for (uint32_t i = 0; i < count && inner.ok(); ++i) {
          const uint32_t id = head.version == 0 ? inner.u16() : inner.u32();
          const uint8_t associations = inner.u8();
          if (items_.size() == kMostItems) return damaged("too many items");
          Item& item = items_[id];
          for (uint8_t a = 0; a < associations; ++a) {
            const size_t number = head.flag ? inner.u16() & 0x7FFF : inner.u8() & 0x7F;
            if (number > 0) item.properties.push_back(number);
          }
        }
      }
      if (!inner.ok()) return damaged("its properties");
    }
    return reader.ok() ? Status() : damaged("its properties");
  }

  Status readReferences(Bytes body) {
    Reader reader(body);
    const bool is_long = fullBox(reader).version > 0;
    while (const auto box = nextBox(reader)) {
      Reader inner(box->body);
      const uint32_t from = is_long ? inner.u32() : inner.u16();
      const uint16_t count = inner.u16();
      for (uint16_t i = 0; i < count; ++i) {
        const uint32_t to = is_long ? inner.u32() : inner.u16();
        if (items_.size() == kMostItems) return damaged("too many items");
        if (box->type == "dimg") items_[from].cells.push_back(to);
        else if (box->type == "prem") items_[from].premultiplied = true;
      }
      if (!inner.ok()) return damaged("its references");
    }
    return reader.ok() ? Status() : damaged("its references");
  }

  // Size, colours and turns of an item.
  Status readShown(const Item& item, Container& container) const {
    std::optional<int> angle, axis;
    for (const size_t number : item.properties) {
      if (number > properties_.size()) return damaged("a property that is not there");
      const Box& property = properties_[number - 1];
      Reader reader(property.body);
      if (property.type == "ispe") {
        fullBox(reader);
        container.size.width = reader.u32();
        container.size.height = reader.u32();
      } else if (property.type == "colr") {
        if (reader.name() != "nclx") continue;
        reader.u32();  // primaries, transfer
        Colours colours;
        colours.matrix = reader.u16();
        colours.full_range = (reader.u8() & 0x80) != 0;
        container.colours = colours;
      } else if (property.type == "irot") {
        angle = reader.u8() & 3;
      } else if (property.type == "imir") {
        axis = reader.u8() & 1;
      }
      if (!reader.ok()) return damaged("its properties");
    }
    container.orientation = orientationOf(angle.value_or(0), axis);
    return {};
  }

  // A turn against the clock by so many quarters, then a mirror: about the horizontal axis (0) or the vertical one (1).
  static int orientationOf(int quarters, std::optional<int> axis) {
    constexpr int kTurned[4] = {1, 8, 3, 6}, kMirrored[4][2] = {{4, 2}, {5, 7}, {2, 4}, {7, 5}};
    return axis ? kMirrored[quarters][*axis] : kTurned[quarters];
  }

  Status readGrid(const Item& item, Container& container) {
    std::vector<uint8_t> data;
    BEIT_TRY(readData(item, data));
    Reader reader(data);
    reader.u8();  // version
    const int bytes = reader.u8() & 1 ? 4 : 2;
    container.grid.height = reader.u8() + 1;
    container.grid.width = reader.u8() + 1;
    container.size.width = static_cast<int64_t>(reader.number(bytes));
    container.size.height = static_cast<int64_t>(reader.number(bytes));
    if (!reader.ok()) return damaged("its grid");
    if (container.grid.area() != static_cast<int64_t>(item.cells.size()) || container.grid.area() > kMostCells) {
      return damaged("a grid of " + std::to_string(container.grid.area()) + " cells with " + std::to_string(item.cells.size()));
    }
    for (const uint32_t id : item.cells) {
      const auto cell = items_.find(id);
      if (cell == items_.end()) return damaged("a cell that is not there");
      BEIT_TRY(checkCodec(cell->second));
      if (!container.colours) {
        Container shown;
        BEIT_TRY(readShown(cell->second, shown));
        container.colours = shown.colours;
      }
      container.cells.emplace_back();
      BEIT_TRY(readData(cell->second, container.cells.back()));
    }
    return {};
  }

  Status readData(const Item& item, std::vector<uint8_t>& data) const {
    const Bytes all = item.in_idat ? idat_ : file_;
    if (item.extents.empty()) return damaged("an item without data");
    for (const Extent& extent : item.extents) {
      if (extent.offset > all.size()) return cutOff();
      const uint64_t left = all.size() - extent.offset;
      const uint64_t length = extent.length ? extent.length : left;
      if (length > left) return cutOff();
      // Extents may name the same bytes again and again.
      if (length > all.size() - std::min(all.size(), data.size())) return damaged("an item of more bytes than the file has");
      const Bytes piece = all.subspan(static_cast<size_t>(extent.offset), static_cast<size_t>(length));
      data.insert(data.end(), piece.begin(), piece.end());
    }
    return {};
  }

  Status readMetadata(Container& container) const {
    if (exif_) {
      std::vector<uint8_t> data;
      BEIT_TRY(readData(items_.at(*exif_), data));
      Reader reader(data);
      reader.take(reader.u32());  // what stands before the TIFF header
      const Bytes tiff = reader.take(reader.left());
      container.exif.assign(tiff.begin(), tiff.end());
    }
    if (xmp_) BEIT_TRY(readData(items_.at(*xmp_), container.xmp));
    return {};
  }

  Bytes file_, idat_;
  uint32_t primary_ = 0;
  std::map<uint32_t, Item> items_;
  std::vector<Box> properties_;
  std::optional<uint32_t> exif_, xmp_;
};

}  // namespace

Result<Container> readContainer(std::span<const uint8_t> file) {
  Reader reader(file);
  while (const auto box = nextBox(reader)) {
    if (box->type == "meta") {
      Meta meta(file);
      BEIT_TRY(meta.read(box->body));
      return meta.primary();
    }
    if (box->type == "moov")
      return mismatch(ErrorCode::kUnsupported, "image", "an AVIF sequence without a still picture", "one with a still picture");
  }
  return reader.ok() ? damaged("no picture") : cutOff();
}

}  // namespace beit::avif
