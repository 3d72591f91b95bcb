#include "models/weights/gguf_header.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
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

absl::Status CheckVersion(uint32_t version) {
  if (version == 2 || version == 3) return absl::OkStatus();
  if (version != 0 && (version & 0xFFFF) == 0) {
    return absl::InvalidArgumentError(
        "is a big-endian GGUF file: convert it with gguf_convert_endian.py (little)");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("GGUF version ", version, " is not supported (2 and 3 are)"));
}

struct Counts {
  uint32_t version = 0;
  uint64_t tensors = 0;
  uint64_t keys = 0;
};

absl::StatusOr<Counts> ReadCounts(ByteReader& reader) {
  uint32_t magic = 0;
  Counts header;
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

absl::Status ReadKeys(ByteReader& reader, uint64_t count, GgufHeader& header) {
  for (uint64_t i = 0; i < count; ++i) {
    absl::StatusOr<std::string_view> key = ReadName(reader, "a metadata key");
    if (!key.ok()) return key.status();
    absl::StatusOr<GgufValue> value = ReadGgufValue(reader);
    if (!value.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("key ", Quoted(*key), ": ", value.status().message()));
    }
    if (!header.values.emplace(*key, *value).second) {
      return absl::InvalidArgumentError(absl::StrCat("key ", Quoted(*key), " is there twice"));
    }
    header.keys.push_back(*key);
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Alignment(const GgufValues& values) {
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

}  // namespace

absl::StatusOr<GgufHeader> ReadGgufHeader(absl::Span<const std::byte> bytes) {
  ByteReader reader(bytes);
  absl::StatusOr<Counts> counts = ReadCounts(reader);
  if (!counts.ok()) return counts.status();
  GgufHeader header;
  header.version = counts->version;
  if (absl::Status status = ReadKeys(reader, counts->keys, header); !status.ok()) return status;
  absl::StatusOr<uint64_t> alignment = Alignment(header.values);
  if (!alignment.ok()) return alignment.status();
  absl::StatusOr<std::vector<TensorEntry>> entries =
      ReadTensorEntries(reader, counts->tensors, *alignment);
  if (!entries.ok()) return entries.status();

  // The data begins at the next multiple of the alignment; without tensors it may be missing.
  const uint64_t padding = (*alignment - reader.position() % *alignment) % *alignment;
  const uint64_t start = std::min<uint64_t>(reader.position() + padding, bytes.size());
  if (absl::Status status = PlaceTensors(*entries, bytes.subspan(start)); !status.ok()) {
    return status;
  }
  header.tensors.reserve(entries->size());
  for (TensorEntry& entry : *entries) header.tensors.push_back(std::move(entry.info));
  return header;
}

}  // namespace skep::models
