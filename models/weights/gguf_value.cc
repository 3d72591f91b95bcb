#include "models/weights/gguf_value.h"

#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

using V = GgufValueType;

// Bytes of a value of fixed size; 0 for strings and arrays.
uint64_t FixedSize(V type) {
  switch (type) {
    case V::kU8:
    case V::kI8:
    case V::kBool:
      return 1;
    case V::kU16:
    case V::kI16:
      return 2;
    case V::kU32:
    case V::kI32:
    case V::kF32:
      return 4;
    case V::kU64:
    case V::kI64:
    case V::kF64:
      return 8;
    case V::kString:
    case V::kArray:
      return 0;
  }
  return 0;
}

bool IsValueType(uint32_t id) { return id <= static_cast<uint32_t>(V::kF64); }

absl::Status Truncated(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the file ends inside ", View(what)));
}

absl::StatusOr<V> ReadType(ByteReader& reader) {
  uint32_t id = 0;
  if (!reader.Read(&id)) return Truncated("a value type");
  if (!IsValueType(id)) {
    return absl::InvalidArgumentError(absl::StrCat("value type ", id, " is unknown"));
  }
  return static_cast<V>(id);
}

absl::StatusOr<GgufValue> ReadValueOfType(ByteReader& reader, V type, int depth);

// Moves past the elements of an array.
absl::Status SkipElements(ByteReader& reader, V type, uint64_t count, int depth) {
  if (const uint64_t size = FixedSize(type); size != 0) {
    absl::Span<const std::byte> ignored;
    if (count > reader.remaining() / size || !reader.ReadBytes(count * size, &ignored)) {
      return absl::InvalidArgumentError(absl::StrCat("an array of ", count, " values of ",
                                                     View(GgufValueTypeName(type)),
                                                     " is longer than the file"));
    }
    return absl::OkStatus();
  }
  // A string takes 8 bytes at least, an array 12.
  if (count > reader.remaining() / 8) {
    return absl::InvalidArgumentError(
        absl::StrCat("an array of ", count, " elements is longer than the file"));
  }
  for (uint64_t i = 0; i < count; ++i) {
    absl::StatusOr<GgufValue> element = ReadValueOfType(reader, type, depth + 1);
    if (!element.ok()) return element.status();
  }
  return absl::OkStatus();
}

absl::StatusOr<GgufValue> ReadArray(ByteReader& reader, int depth) {
  if (depth > kMaxGgufArrayDepth) {
    return absl::InvalidArgumentError(
        absl::StrCat("arrays are nested deeper than ", kMaxGgufArrayDepth));
  }
  absl::StatusOr<V> type = ReadType(reader);
  if (!type.ok()) return type.status();
  uint64_t count = 0;
  if (!reader.Read(&count)) return Truncated("an array's length");
  const uint64_t start = reader.position();
  if (absl::Status status = SkipElements(reader, *type, count, depth); !status.ok()) return status;
  return GgufValue(V::kArray, *type, count, reader.Since(start));
}

absl::StatusOr<GgufValue> ReadValueOfType(ByteReader& reader, V type, int depth) {
  if (type == V::kArray) return ReadArray(reader, depth);
  if (type == V::kString) {
    std::string_view text;
    if (!reader.ReadString(&text)) return Truncated("a string");
    return GgufValue(type, type, text.size(),
                     {reinterpret_cast<const std::byte*>(text.data()), text.size()});
  }
  absl::Span<const std::byte> bytes;
  if (!reader.ReadBytes(FixedSize(type), &bytes)) return Truncated("a value");
  return GgufValue(type, type, /*size=*/1, bytes);
}

absl::Status WrongType(const GgufValue& value, std::string_view wanted) {
  const std::string_view element =
      value.is_array() ? GgufValueTypeName(value.element_type()) : std::string_view();
  return absl::InvalidArgumentError(
      absl::StrCat("is of type ", View(GgufValueTypeName(value.type())),
                   value.is_array() ? " of " : "", View(element), ", expected ", View(wanted)));
}

// An integer or bool at `data`, as int64; false if it is no integer or does not fit.
bool LoadInt(V type, const std::byte* data, int64_t* value) {
  switch (type) {
    case V::kU8:
      *value = LoadUnaligned<uint8_t>(data);
      return true;
    case V::kI8:
      *value = LoadUnaligned<int8_t>(data);
      return true;
    case V::kU16:
      *value = LoadUnaligned<uint16_t>(data);
      return true;
    case V::kI16:
      *value = LoadUnaligned<int16_t>(data);
      return true;
    case V::kU32:
      *value = LoadUnaligned<uint32_t>(data);
      return true;
    case V::kI32:
      *value = LoadUnaligned<int32_t>(data);
      return true;
    case V::kI64:
      *value = LoadUnaligned<int64_t>(data);
      return true;
    case V::kU64: {
      const auto wide = LoadUnaligned<uint64_t>(data);
      *value = static_cast<int64_t>(wide);
      return wide <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    }
    default:
      return false;
  }
}

bool LoadFloat(V type, const std::byte* data, double* value) {
  if (type == V::kF32) {
    *value = LoadUnaligned<float>(data);
    return true;
  }
  if (type == V::kF64) {
    *value = LoadUnaligned<double>(data);
    return true;
  }
  if (type == V::kU64) {
    *value = static_cast<double>(LoadUnaligned<uint64_t>(data));
    return true;
  }
  int64_t integer = 0;
  if (!LoadInt(type, data, &integer)) return false;
  *value = static_cast<double>(integer);
  return true;
}

}  // namespace

absl::StatusOr<GgufValue> ReadGgufValue(ByteReader& reader) {
  absl::StatusOr<V> type = ReadType(reader);
  if (!type.ok()) return type.status();
  return ReadValueOfType(reader, *type, /*depth=*/1);
}

std::string_view GgufValueTypeName(GgufValueType type) {
  static constexpr std::string_view kNames[] = {"uint8",  "int8",    "uint16", "int16",  "uint32",
                                                "int32",  "float32", "bool",   "string", "array",
                                                "uint64", "int64",   "float64"};
  return kNames[static_cast<uint32_t>(type)];
}

absl::StatusOr<int64_t> GgufValue::AsInt() const {
  int64_t value = 0;
  if (type_ == V::kArray || type_ == V::kString || !LoadInt(type_, payload_.data(), &value)) {
    if (type_ == V::kU64) return absl::InvalidArgumentError("is above 2^63 - 1");
    return WrongType(*this, "an integer");
  }
  return value;
}

absl::StatusOr<double> GgufValue::AsFloat() const {
  double value = 0;
  if (type_ == V::kArray || type_ == V::kString || !LoadFloat(type_, payload_.data(), &value)) {
    return WrongType(*this, "a number");
  }
  return value;
}

absl::StatusOr<bool> GgufValue::AsBool() const {
  if (type_ != V::kBool) return WrongType(*this, "bool");
  return LoadUnaligned<uint8_t>(payload_.data()) != 0;
}

absl::StatusOr<std::string_view> GgufValue::AsString() const {
  if (type_ != V::kString) return WrongType(*this, "string");
  return std::string_view(reinterpret_cast<const char*>(payload_.data()), payload_.size());
}

absl::StatusOr<std::vector<int64_t>> GgufValue::AsInts() const {
  const uint64_t width = is_array() ? FixedSize(element_type_) : 0;
  if (width == 0) return WrongType(*this, "array of integers");
  std::vector<int64_t> values(size_);
  for (uint64_t i = 0; i < size_; ++i) {
    const std::byte* data = payload_.data() + i * width;
    if (element_type_ == V::kBool) {
      values[i] = LoadUnaligned<uint8_t>(data) != 0 ? 1 : 0;
    } else if (!LoadInt(element_type_, data, &values[i])) {
      if (element_type_ == V::kU64) {
        return absl::InvalidArgumentError(absl::StrCat("element ", i, " is above 2^63 - 1"));
      }
      return WrongType(*this, "array of integers");
    }
  }
  return values;
}

absl::StatusOr<std::vector<double>> GgufValue::AsFloats() const {
  const uint64_t width = is_array() ? FixedSize(element_type_) : 0;
  if (width == 0) return WrongType(*this, "array of numbers");
  std::vector<double> values(size_);
  for (uint64_t i = 0; i < size_; ++i) {
    if (!LoadFloat(element_type_, payload_.data() + i * width, &values[i])) {
      return WrongType(*this, "array of numbers");
    }
  }
  return values;
}

absl::StatusOr<std::vector<std::string_view>> GgufValue::AsStrings() const {
  if (!is_array() || element_type_ != V::kString) return WrongType(*this, "array of strings");
  std::vector<std::string_view> values(size_);
  ByteReader reader(payload_);
  for (std::string_view& value : values) {
    if (!reader.ReadString(&value)) return Truncated("a string");  // checked when it was opened
  }
  return values;
}

absl::StatusOr<std::vector<GgufValue>> GgufValue::AsElements() const {
  if (!is_array()) return WrongType(*this, "array");
  std::vector<GgufValue> values;
  values.reserve(size_);
  ByteReader reader(payload_);
  for (uint64_t i = 0; i < size_; ++i) {
    absl::StatusOr<GgufValue> value = ReadValueOfType(reader, element_type_, /*depth=*/1);
    if (!value.ok()) return value.status();
    values.push_back(*value);
  }
  return values;
}

}  // namespace skep::models
