// GGUF files, versions 2 and 3, little-endian, single or split.
// Format: docs/gguf.md of the ggml repository.
//
// Opening checks every length and offset against the bytes that are there, so nothing that is read
// later can leave the mapping. Strings and arrays stay in the mapping; views of them live as long
// as the file object.

#ifndef SKEP_MODELS_WEIGHTS_GGUF_H_
#define SKEP_MODELS_WEIGHTS_GGUF_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/weights/mapped_file.h"
#include "models/weights/text.h"
#include "models/weights/weight_source.h"

namespace skep::models {

enum class GgufValueType : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};
std::string_view GgufValueTypeName(GgufValueType type);

// One metadata value: a view into the file. Conversions are exact or fail with InvalidArgument; the
// message says what the value is (add the key where it is known).
class GgufValue final {
 public:
  GgufValue(GgufValueType type, GgufValueType element_type, uint64_t size,
            absl::Span<const std::byte> payload)
      : type_(type), element_type_(element_type), size_(size), payload_(payload) {}

  GgufValueType type() const { return type_; }
  bool is_array() const { return type_ == GgufValueType::kArray; }
  // Of an array: the type and number of its elements.
  GgufValueType element_type() const { return element_type_; }
  uint64_t size() const { return size_; }

  // Scalars. AsInt takes any integer type that fits; AsFloat takes floats and integers.
  absl::StatusOr<int64_t> AsInt() const;
  absl::StatusOr<double> AsFloat() const;
  absl::StatusOr<bool> AsBool() const;
  absl::StatusOr<std::string_view> AsString() const;

  // Arrays. AsInts also takes arrays of bool (0 or 1).
  absl::StatusOr<std::vector<int64_t>> AsInts() const;
  absl::StatusOr<std::vector<double>> AsFloats() const;
  absl::StatusOr<std::vector<std::string_view>> AsStrings() const;
  absl::StatusOr<std::vector<GgufValue>> AsElements() const;  // of any type, nested arrays too

 private:
  GgufValueType type_;
  GgufValueType element_type_;           // meaningful for arrays only
  uint64_t size_;                        // elements of an array, bytes of a string, else 1
  absl::Span<const std::byte> payload_;  // scalar or string bytes; the encoded elements of an array
};

using GgufValues = absl::flat_hash_map<std::string_view, GgufValue, StringHash, StringEqual>;

class GgufFile final : public WeightSource {
 public:
  // Maps the file; of a split model (name-00001-of-0000N.gguf) `path` is the first part, and all
  // parts are mapped. A file without tensors (a vocabulary) is fine. Errors: as MappedFile::Open;
  // InvalidArgument for whatever is wrong inside; NotFound for a part.
  static absl::StatusOr<std::unique_ptr<GgufFile>> Open(const std::string& path);

  // Reads one file from memory that outlives the result. `name` is used in messages.
  static absl::StatusOr<std::unique_ptr<GgufFile>> Parse(absl::Span<const std::byte> bytes,
                                                         std::string_view name);

  // WeightSource.
  absl::Span<const TensorInfo> tensors() const override { return tensors_; }
  const TensorInfo* Find(std::string_view name) const override;
  std::string format() const override { return "gguf"; }
  std::string path() const override { return path_; }
  void Release(const TensorInfo& tensor) const override;

  uint32_t version() const { return version_; }
  // Metadata keys in file order (of the first part).
  absl::Span<const std::string_view> keys() const { return keys_; }
  // The value of a key, or nullptr.
  const GgufValue* FindValue(std::string_view key) const;
  bool Has(std::string_view key) const { return FindValue(key) != nullptr; }

  // Typed access. A missing key is NotFound, a wrong type InvalidArgument; both name key and file.
  absl::StatusOr<int64_t> Int(std::string_view key) const;
  absl::StatusOr<double> Float(std::string_view key) const;
  absl::StatusOr<bool> Bool(std::string_view key) const;
  absl::StatusOr<std::string_view> String(std::string_view key) const;
  absl::StatusOr<std::vector<int64_t>> Ints(std::string_view key) const;
  absl::StatusOr<std::vector<double>> Floats(std::string_view key) const;
  absl::StatusOr<std::vector<std::string_view>> Strings(std::string_view key) const;

  // general.architecture.
  absl::StatusOr<std::string_view> Architecture() const { return String("general.architecture"); }

 private:
  explicit GgufFile(std::string path) : path_(std::move(path)) {}

  absl::Status AddTensors(std::vector<TensorInfo> tensors, std::string_view name);
  absl::Status AddOtherParts(const std::string& path);
  absl::Status AddPart(const std::string& path, int64_t number, int64_t count);

  std::string path_;
  uint32_t version_ = 0;
  std::vector<std::unique_ptr<MappedFile>> files_;  // empty after Parse
  std::vector<std::string_view> keys_;
  GgufValues values_;
  std::vector<TensorInfo> tensors_;
  absl::flat_hash_map<std::string, size_t, StringHash, StringEqual>
      index_;  // name -> position in tensors_
};

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_GGUF_H_
