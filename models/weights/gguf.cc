#include "models/weights/gguf.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "models/weights/byte_reader.h"
#include "models/weights/gguf_value.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint32_t kMaxDimensions = 4;   // GGML_MAX_DIMS
constexpr uint64_t kDefaultAlignment = 32;
constexpr uint64_t kMinKeyBytes = 8 + 4 + 1;         // name length, type, smallest value
constexpr uint64_t kMinTensorBytes = 8 + 4 + 4 + 8;  // name length, n_dims, type, offset
constexpr size_t kMaxNameBytes = 65535;
constexpr int64_t kMaxParts = 99999;  // five digits in the file names

absl::Status Invalid(std::string_view file, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(Quoted(file), ": ", message));
}

absl::Status CheckVersion(uint32_t version) {
  if (version == 2 || version == 3) return absl::OkStatus();
  if (version != 0 && (version & 0xFFFF) == 0) {
    return absl::InvalidArgumentError(
        "is a big-endian GGUF file: convert it with gguf_convert_endian.py (little)");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("GGUF version ", version, " is not supported (2 and 3 are)"));
}

struct Header {
  uint32_t version = 0;
  uint64_t tensors = 0;
  uint64_t keys = 0;
};

absl::StatusOr<Header> ReadHeader(ByteReader& reader) {
  uint32_t magic = 0;
  Header header;
  if (!reader.Read(&magic) || magic != kMagic) {
    return absl::InvalidArgumentError("is not a GGUF file (it does not begin with 'GGUF')");
  }
  if (!reader.Read(&header.version)) {
    return absl::InvalidArgumentError("the file ends inside the header");
  }
  if (absl::Status status = CheckVersion(header.version); !status.ok()) return status;
  if (!reader.Read(&header.tensors) || !reader.Read(&header.keys)) {
    return absl::InvalidArgumentError("the file ends inside the header");
  }
  if (header.keys > reader.remaining() / kMinKeyBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(header.keys, " metadata keys do not fit in the file"));
  }
  if (header.tensors > reader.remaining() / kMinTensorBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(header.tensors, " tensors do not fit in the file"));
  }
  return header;
}

absl::StatusOr<std::string_view> ReadName(ByteReader& reader, std::string_view what) {
  std::string_view name;
  if (!reader.ReadString(&name)) {
    return absl::InvalidArgumentError(absl::StrCat("the file ends inside ", View(what)));
  }
  if (name.empty() || name.size() > kMaxNameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(View(what), " has ", name.size(), " bytes, expected 1 to ", kMaxNameBytes));
  }
  return name;
}

struct TensorEntry {
  TensorInfo info;
  uint64_t offset = 0;  // from the start of the data
};

absl::StatusOr<std::vector<int64_t>> ReadShape(ByteReader& reader) {
  uint32_t dimensions = 0;
  if (!reader.Read(&dimensions)) return absl::InvalidArgumentError("the file ends inside it");
  if (dimensions > kMaxDimensions) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", dimensions, " dimensions, expected at most ", kMaxDimensions));
  }
  std::vector<int64_t> shape(dimensions);
  for (int64_t& size : shape) {
    uint64_t value = 0;
    if (!reader.Read(&value)) return absl::InvalidArgumentError("the file ends inside it");
    if (value == 0 || value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return absl::InvalidArgumentError(
          absl::StrCat("has a dimension of ", value, ", expected 1 to 2^63 - 1"));
    }
    size = static_cast<int64_t>(value);
  }
  std::reverse(shape.begin(), shape.end());  // the file has the fastest dimension first
  return shape;
}

absl::Status ReadTensorBody(ByteReader& reader, uint64_t alignment, TensorEntry& entry) {
  absl::StatusOr<std::vector<int64_t>> shape = ReadShape(reader);
  if (!shape.ok()) return shape.status();
  uint32_t id = 0;
  if (!reader.Read(&id) || !reader.Read(&entry.offset)) {
    return absl::InvalidArgumentError("the file ends inside it");
  }
  absl::StatusOr<TensorType> type = TypeFromGgufId(id);
  if (!type.ok()) return type.status();
  absl::StatusOr<uint64_t> bytes = BytesFor(*type, *shape);
  if (!bytes.ok()) return bytes.status();
  if (entry.offset % alignment != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("offset ", entry.offset, " is no multiple of the alignment ", alignment));
  }
  entry.info.type = *type;
  entry.info.shape = *std::move(shape);
  entry.info.bytes = *bytes;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorEntry>> ReadTensorEntries(ByteReader& reader, uint64_t count,
                                                           uint64_t alignment) {
  std::vector<TensorEntry> entries;
  for (uint64_t i = 0; i < count; ++i) {
    absl::StatusOr<std::string_view> name = ReadName(reader, "a tensor name");
    if (!name.ok()) return name.status();
    TensorEntry entry;
    entry.info.name = std::string(*name);
    if (absl::Status status = ReadTensorBody(reader, alignment, entry); !status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("tensor ", Quoted(*name), ": ", status.message()));
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

// Points each tensor at its bytes; refuses what lies outside the file or in two tensors.
absl::Status PlaceTensors(std::vector<TensorEntry>& entries, absl::Span<const std::byte> data) {
  for (TensorEntry& entry : entries) {
    if (entry.offset > data.size() || entry.info.bytes > data.size() - entry.offset) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor ", Quoted(entry.info.name), ": ", entry.info.bytes, " bytes at offset ",
          entry.offset, " reach past the end of the file (", data.size(), " bytes of data)"));
    }
    entry.info.data = data.data() + entry.offset;
  }
  std::vector<const TensorEntry*> order;
  order.reserve(entries.size());
  for (const TensorEntry& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const TensorEntry* a, const TensorEntry* b) { return a->offset < b->offset; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (order[i]->offset - order[i - 1]->offset < order[i - 1]->info.bytes) {
      return absl::InvalidArgumentError(absl::StrCat("tensors ", Quoted(order[i - 1]->info.name),
                                                     " and ", Quoted(order[i]->info.name),
                                                     " overlap"));
    }
  }
  return absl::OkStatus();
}

// The value of a key through one of GgufValue's conversions; messages name key and file.
template <typename Result>
absl::StatusOr<Result> Get(const GgufFile& file, std::string_view key,
                           absl::StatusOr<Result> (GgufValue::*convert)() const) {
  const GgufValue* value = file.FindValue(key);
  if (value == nullptr) {
    return absl::NotFoundError(
        absl::StrCat(Quoted(file.path()), ": key ", Quoted(key), " is missing"));
  }
  absl::StatusOr<Result> result = (value->*convert)();
  if (!result.ok()) {
    return Invalid(file.path(), absl::StrCat("key ", Quoted(key), " ", result.status().message()));
  }
  return result;
}

}  // namespace

struct GgufFile::Part {
  uint32_t version = 0;
  std::vector<std::string_view> keys;
  absl::flat_hash_map<std::string_view, GgufValue, StringHash, StringEqual> values;
  std::vector<TensorInfo> tensors;

  absl::Status ReadKeys(ByteReader& reader, uint64_t count);
  absl::StatusOr<uint64_t> Alignment() const;
  // An integer of the split.* family; `otherwise` if the key is absent.
  absl::StatusOr<int64_t> SplitInt(std::string_view key, int64_t otherwise) const;
};

absl::Status GgufFile::Part::ReadKeys(ByteReader& reader, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    absl::StatusOr<std::string_view> key = ReadName(reader, "a metadata key");
    if (!key.ok()) return key.status();
    absl::StatusOr<GgufValue> value = ReadGgufValue(reader);
    if (!value.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("key ", Quoted(*key), ": ", value.status().message()));
    }
    if (!values.emplace(*key, *value).second) {
      return absl::InvalidArgumentError(absl::StrCat("key ", Quoted(*key), " is there twice"));
    }
    keys.push_back(*key);
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> GgufFile::Part::Alignment() const {
  const auto found = values.find(std::string_view("general.alignment"));
  if (found == values.end()) return kDefaultAlignment;
  if (found->second.type() != GgufValueType::kU32) {
    return absl::InvalidArgumentError(absl::StrCat("key 'general.alignment' is of type ",
                                                   View(GgufValueTypeName(found->second.type())),
                                                   ", expected uint32"));
  }
  const auto alignment = static_cast<uint64_t>(*found->second.AsInt());
  if (alignment < 8 || (alignment & (alignment - 1)) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("key 'general.alignment' is ", alignment,
                                                   ", expected a power of two from 8 up"));
  }
  return alignment;
}

absl::StatusOr<int64_t> GgufFile::Part::SplitInt(std::string_view key, int64_t otherwise) const {
  const auto found = values.find(key);
  if (found == values.end()) return otherwise;
  absl::StatusOr<int64_t> value = found->second.AsInt();
  if (value.ok()) return value;
  return absl::InvalidArgumentError(
      absl::StrCat("key ", Quoted(key), " ", value.status().message()));
}

absl::StatusOr<GgufFile::Part> GgufFile::ReadPart(absl::Span<const std::byte> bytes,
                                                  std::string_view name) {
  ByteReader reader(bytes);
  Part part;
  const auto read = [&]() -> absl::Status {
    absl::StatusOr<Header> header = ReadHeader(reader);
    if (!header.ok()) return header.status();
    part.version = header->version;
    if (absl::Status status = part.ReadKeys(reader, header->keys); !status.ok()) return status;
    absl::StatusOr<uint64_t> alignment = part.Alignment();
    if (!alignment.ok()) return alignment.status();
    absl::StatusOr<std::vector<TensorEntry>> entries =
        ReadTensorEntries(reader, header->tensors, *alignment);
    if (!entries.ok()) return entries.status();

    // The data begins at the next multiple of the alignment; without tensors it may be missing.
    const uint64_t padding = (*alignment - reader.position() % *alignment) % *alignment;
    const uint64_t start = std::min<uint64_t>(reader.position() + padding, bytes.size());
    if (absl::Status status = PlaceTensors(*entries, bytes.subspan(start)); !status.ok()) {
      return status;
    }
    part.tensors.reserve(entries->size());
    for (TensorEntry& entry : *entries) part.tensors.push_back(std::move(entry.info));
    return absl::OkStatus();
  };
  if (absl::Status status = read(); !status.ok()) return Invalid(name, status.message());
  return part;
}

absl::Status GgufFile::AddTensors(std::vector<TensorInfo> tensors, std::string_view name) {
  for (TensorInfo& tensor : tensors) {
    if (!index_.emplace(tensor.name, tensors_.size()).second) {
      return Invalid(name, absl::StrCat("tensor ", Quoted(tensor.name), " is there twice"));
    }
    tensors_.push_back(std::move(tensor));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<GgufFile>> GgufFile::Parse(absl::Span<const std::byte> bytes,
                                                          std::string_view name) {
  absl::StatusOr<Part> part = ReadPart(bytes, name);
  if (!part.ok()) return part.status();
  auto file = absl::WrapUnique(new GgufFile(std::string(name)));
  file->version_ = part->version;
  file->keys_ = std::move(part->keys);
  file->values_ = std::move(part->values);
  if (absl::Status status = file->AddTensors(std::move(part->tensors), name); !status.ok()) {
    return status;
  }
  return file;
}

absl::StatusOr<std::unique_ptr<GgufFile>> GgufFile::Open(const std::string& path) {
  absl::StatusOr<std::unique_ptr<MappedFile>> mapped = MappedFile::Open(path);
  if (!mapped.ok()) return mapped.status();
  absl::StatusOr<std::unique_ptr<GgufFile>> file = Parse((*mapped)->bytes(), path);
  if (!file.ok()) return file.status();
  (*file)->files_.push_back(*std::move(mapped));
  if (absl::Status status = (*file)->AddOtherParts(path); !status.ok()) return status;
  return file;
}

absl::Status GgufFile::AddOtherParts(const std::string& path) {
  Part first;
  first.values = values_;
  absl::StatusOr<int64_t> count = first.SplitInt("split.count", /*otherwise=*/1);
  absl::StatusOr<int64_t> number = first.SplitInt("split.no", /*otherwise=*/0);
  absl::StatusOr<int64_t> total = first.SplitInt("split.tensors.count", /*otherwise=*/-1);
  for (const absl::Status& status : {count.status(), number.status(), total.status()}) {
    if (!status.ok()) return Invalid(path, status.message());
  }
  if (*count == 0 || *count == 1) return absl::OkStatus();
  if (*count < 0 || *count > kMaxParts) {
    return Invalid(path,
                   absl::StrCat("key 'split.count' is ", *count, ", expected 1 to ", kMaxParts));
  }
  if (*number != 0) {
    return Invalid(path, absl::StrCat("is part ", *number + 1, " of ", *count,
                                      " of a split model: open the first part"));
  }
  const std::string ending = absl::StrFormat("-00001-of-%05d.gguf", *count);
  if (!absl::EndsWith(path, ending)) {
    return Invalid(path, absl::StrCat("is the first of ", *count,
                                      " parts, so its name must end in '", ending, "'"));
  }
  const std::string prefix = path.substr(0, path.size() - ending.size());
  for (int64_t i = 1; i < *count; ++i) {
    const std::string part_path = absl::StrFormat("%s-%05d-of-%05d.gguf", prefix, i + 1, *count);
    if (absl::Status status = AddPart(part_path, i, *count); !status.ok()) return status;
  }
  if (*total >= 0 && static_cast<uint64_t>(*total) != tensors_.size()) {
    return Invalid(path, absl::StrCat("key 'split.tensors.count' is ", *total,
                                      ", but the parts have ", tensors_.size(), " tensors"));
  }
  return absl::OkStatus();
}

absl::Status GgufFile::AddPart(const std::string& path, int64_t number, int64_t count) {
  absl::StatusOr<std::unique_ptr<MappedFile>> mapped = MappedFile::Open(path);
  if (!mapped.ok()) return mapped.status();
  absl::StatusOr<Part> part = ReadPart((*mapped)->bytes(), path);
  if (!part.ok()) return part.status();
  absl::StatusOr<int64_t> its_number = part->SplitInt("split.no", /*otherwise=*/-1);
  absl::StatusOr<int64_t> its_count = part->SplitInt("split.count", /*otherwise=*/-1);
  if (!its_number.ok() || !its_count.ok() || *its_number != number || *its_count != count) {
    return Invalid(path, absl::StrCat("its keys 'split.no' and 'split.count' do not say part ",
                                      number, " of ", count, " (counted from 0)"));
  }
  files_.push_back(*std::move(mapped));
  return AddTensors(std::move(part->tensors), path);
}

const TensorInfo* GgufFile::Find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

void GgufFile::Release(const TensorInfo& tensor) const {
  if (!files_.empty()) ReleasePages(tensor.data, tensor.bytes);
}

const GgufValue* GgufFile::FindValue(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

absl::StatusOr<int64_t> GgufFile::Int(std::string_view key) const {
  return Get(*this, key, &GgufValue::AsInt);
}

absl::StatusOr<double> GgufFile::Float(std::string_view key) const {
  return Get(*this, key, &GgufValue::AsFloat);
}

absl::StatusOr<bool> GgufFile::Bool(std::string_view key) const {
  return Get(*this, key, &GgufValue::AsBool);
}

absl::StatusOr<std::string_view> GgufFile::String(std::string_view key) const {
  return Get(*this, key, &GgufValue::AsString);
}

absl::StatusOr<std::vector<int64_t>> GgufFile::Ints(std::string_view key) const {
  return Get(*this, key, &GgufValue::AsInts);
}

absl::StatusOr<std::vector<double>> GgufFile::Floats(std::string_view key) const {
  return Get(*this, key, &GgufValue::AsFloats);
}

absl::StatusOr<std::vector<std::string_view>> GgufFile::Strings(std::string_view key) const {
  return Get(*this, key, &GgufValue::AsStrings);
}

}  // namespace skep::models
