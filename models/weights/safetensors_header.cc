// The JSON header of a SafeTensors file, read as a stream: memory stays proportional to the tensors
// it names, and only the shape that the format allows is accepted.

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "models/weights/byte_reader.h"
#include "models/weights/safetensors.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

constexpr size_t kMaxDimensions = 8;

struct HeaderEntry {
  std::string name;
  std::optional<TensorType> type;
  std::optional<std::vector<int64_t>> shape;
  std::vector<int64_t> offsets;  // begin and end in the data
};

// Events of nlohmann's parser. Depth 1 holds the tensors by name (and __metadata__, whose values
// are strings), depth 2 the fields of one, depth 3 the numbers of a shape or of data_offsets.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<HeaderEntry> TakeEntries() { return std::move(entries_); }
  const std::string& error() const { return error_; }

  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("a boolean"); }
  bool number_float(double, const string_t&) override { return Unexpected("a fraction"); }
  bool binary(binary_t&) override { return Unexpected("binary data"); }
  bool number_integer(int64_t) override { return Unexpected("a negative number"); }

  bool number_unsigned(uint64_t value) override {
    if (where_ != Where::kShape && where_ != Where::kOffsets) return Unexpected("a number");
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return Unexpected("a number above 2^63 - 1");
    }
    std::vector<int64_t>& list =
        where_ == Where::kShape ? *entries_.back().shape : entries_.back().offsets;
    if (list.size() == (where_ == Where::kShape ? kMaxDimensions : 2)) {
      return Unexpected("too many numbers");
    }
    list.push_back(static_cast<int64_t>(value));
    return true;
  }

  bool string(string_t& value) override {
    if (where_ == Where::kMetadata) return true;
    if (where_ != Where::kTensor || field_ != "dtype") return Unexpected("a string");
    entries_.back().type = TypeFromSafetensorsName(value);
    if (entries_.back().type.has_value()) return true;
    return Fail(absl::StrCat("tensor ", Quoted(name_), ": dtype ", Quoted(value), " is unknown"));
  }

  bool start_object(size_t) override {
    switch (where_) {
      case Where::kStart:
        where_ = Where::kTop;
        return true;
      case Where::kTop:
        where_ = name_ == "__metadata__" ? Where::kMetadata : Where::kTensor;
        if (where_ == Where::kTensor) entries_.push_back({.name = name_});
        return true;
      default:
        return Unexpected("an object");
    }
  }

  bool key(string_t& key) override {
    if (where_ == Where::kTop) {
      name_ = key;
      return names_.insert(key).second || Fail(absl::StrCat(Quoted(key), " is there twice"));
    }
    if (where_ == Where::kMetadata) {
      return metadata_keys_.insert(key).second ||
             Fail(absl::StrCat("metadata ", Quoted(key), " is there twice"));
    }
    field_ = key;
    const HeaderEntry& entry = entries_.back();
    if ((key == "dtype" && !entry.type.has_value()) ||
        (key == "shape" && !entry.shape.has_value()) ||
        (key == "data_offsets" && entry.offsets.empty())) {
      return true;
    }
    return Fail(absl::StrCat("tensor ", Quoted(name_), ": field ", Quoted(key),
                             " is unknown or there twice"));
  }

  bool end_object() override {
    if (where_ == Where::kTensor) {
      const HeaderEntry& entry = entries_.back();
      if (!entry.type.has_value() || !entry.shape.has_value() || entry.offsets.size() != 2) {
        return Fail(
            absl::StrCat("tensor ", Quoted(name_), " needs dtype, shape and two data_offsets"));
      }
    }
    where_ = where_ == Where::kTop ? Where::kEnd : Where::kTop;
    return true;
  }

  bool start_array(size_t) override {
    if (where_ != Where::kTensor || field_ == "dtype") return Unexpected("an array");
    where_ = field_ == "shape" ? Where::kShape : Where::kOffsets;
    if (where_ == Where::kShape) entries_.back().shape.emplace();
    return true;
  }

  bool end_array() override {
    where_ = Where::kTensor;
    return true;
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return Fail(absl::StrCat("the header is no valid JSON at byte ", position));
  }

 private:
  enum class Where { kStart, kTop, kMetadata, kTensor, kShape, kOffsets, kEnd };

  bool Fail(std::string message) {
    error_ = std::move(message);
    return false;
  }

  bool Unexpected(std::string_view what) {
    if (where_ == Where::kStart) {
      return Fail(absl::StrCat("the header is ", View(what), ", expected an object"));
    }
    return Fail(absl::StrCat(Quoted(name_), ": ", View(what), " was not expected there"));
  }

  Where where_ = Where::kStart;
  std::string name_;   // key at depth 1
  std::string field_;  // key at depth 2
  std::vector<HeaderEntry> entries_;
  absl::flat_hash_set<std::string> names_;
  absl::flat_hash_set<std::string> metadata_keys_;
  std::string error_;
};

absl::StatusOr<std::vector<HeaderEntry>> ReadHeader(std::string_view text) {
  HeaderReader reader;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &reader)) {
    return absl::InvalidArgumentError(reader.error());
  }
  return reader.TakeEntries();
}

// Checks that the tensors cover [0, data.size()) without holes or overlaps, and places them.
absl::StatusOr<std::vector<TensorInfo>> PlaceTensors(std::vector<HeaderEntry> entries,
                                                     absl::Span<const std::byte> data) {
  std::sort(entries.begin(), entries.end(),
            [](const HeaderEntry& a, const HeaderEntry& b) { return a.offsets < b.offsets; });
  std::vector<TensorInfo> tensors;
  tensors.reserve(entries.size());
  uint64_t position = 0;
  for (HeaderEntry& entry : entries) {
    const auto begin = static_cast<uint64_t>(entry.offsets[0]);
    const auto end = static_cast<uint64_t>(entry.offsets[1]);
    const auto fail = [&](auto&&... parts) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor ", Quoted(entry.name), ": data_offsets [", begin, ", ", end, "] ", parts...));
    };
    absl::StatusOr<uint64_t> bytes = BytesFor(*entry.type, *entry.shape);
    if (!bytes.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor ", Quoted(entry.name), ": ", bytes.status().message()));
    }
    if (begin != position) return fail("leave a hole or overlap: expected to begin at ", position);
    if (end < begin || end > data.size())
      return fail("do not lie in the data, ", data.size(), " bytes");
    if (end - begin != *bytes) {
      return fail("do not match ", View(TypeName(*entry.type)), " of shape ",
                  ShapeString(*entry.shape), ", which is ", *bytes, " bytes");
    }
    tensors.push_back({.name = std::move(entry.name),
                       .type = *entry.type,
                       .shape = *std::move(entry.shape),
                       .data = data.data() + begin,
                       .bytes = *bytes});
    position = end;
  }
  if (position != data.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(data.size() - position, " bytes after the last tensor belong to none"));
  }
  return tensors;
}

absl::StatusOr<std::vector<TensorInfo>> Parse(absl::Span<const std::byte> bytes) {
  uint64_t size = 0;
  if (bytes.size() < sizeof(size)) {
    return absl::InvalidArgumentError("is too short for a SafeTensors file");
  }
  size = LoadUnaligned<uint64_t>(bytes.data());
  if (size > kMaxSafetensorsHeaderBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the header has ", size, " bytes, expected at most ", kMaxSafetensorsHeaderBytes));
  }
  if (size > bytes.size() - sizeof(size)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the header of ", size, " bytes is longer than the file"));
  }
  absl::StatusOr<std::vector<HeaderEntry>> entries =
      ReadHeader({reinterpret_cast<const char*>(bytes.data()) + sizeof(size), size});
  if (!entries.ok()) return entries.status();
  return PlaceTensors(*std::move(entries), bytes.subspan(sizeof(size) + size));
}

}  // namespace

absl::StatusOr<std::vector<TensorInfo>> ParseSafetensors(absl::Span<const std::byte> bytes,
                                                         std::string_view name) {
  absl::StatusOr<std::vector<TensorInfo>> tensors = Parse(bytes);
  if (tensors.ok()) return tensors;
  return absl::InvalidArgumentError(absl::StrCat(Quoted(name), ": ", tensors.status().message()));
}

}  // namespace skep::models
