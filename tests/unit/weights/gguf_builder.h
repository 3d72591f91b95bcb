// Writes GGUF files, right or wrong, for tests.

#ifndef SKEP_TESTS_UNIT_WEIGHTS_GGUF_BUILDER_H_
#define SKEP_TESTS_UNIT_WEIGHTS_GGUF_BUILDER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/weights/gguf.h"

namespace skep::models {

template <typename T>
std::string Bytes(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

inline std::string GgufString(std::string_view text) {
  return Bytes<uint64_t>(text.size()) + std::string(text);
}

class GgufBuilder final {
 public:
  // Header fields, where they shall differ from the truth.
  uint32_t version = 3;
  std::optional<uint64_t> tensor_count;
  std::optional<uint64_t> key_count;
  uint64_t alignment = 32;  // of the data section; no key is written

  GgufBuilder& Key(std::string_view key, uint32_t type, std::string_view payload) {
    keys_ += GgufString(key) + Bytes(type) + std::string(payload);
    ++keys_written_;
    return *this;
  }
  GgufBuilder& String(std::string_view key, std::string_view value) {
    return Key(key, /*type=*/8, GgufString(value));
  }
  GgufBuilder& U32(std::string_view key, uint32_t value) {
    return Key(key, /*type=*/4, Bytes(value));
  }
  GgufBuilder& F32(std::string_view key, float value) { return Key(key, /*type=*/6, Bytes(value)); }
  GgufBuilder& Array(std::string_view key, uint32_t type, uint64_t count,
                     std::string_view elements) {
    return Key(key, /*type=*/9, Bytes(type) + Bytes(count) + std::string(elements));
  }

  // `dimensions` as in the file: fastest first.
  GgufBuilder& Tensor(std::string_view name, const std::vector<uint64_t>& dimensions, uint32_t type,
                      uint64_t offset) {
    tensors_ += GgufString(name) + Bytes(static_cast<uint32_t>(dimensions.size()));
    for (uint64_t dimension : dimensions) tensors_ += Bytes(dimension);
    tensors_ += Bytes(type) + Bytes(offset);
    ++tensors_written_;
    return *this;
  }

  GgufBuilder& Data(size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) data_.push_back(static_cast<char>(i * 37));
    return *this;
  }

  std::string Build() const {
    std::string file = "GGUF" + Bytes(version) + Bytes(tensor_count.value_or(tensors_written_)) +
                       Bytes(key_count.value_or(keys_written_)) + keys_ + tensors_;
    if (data_.empty()) return file;
    file.resize((file.size() + alignment - 1) / alignment * alignment);
    return file + data_;
  }

 private:
  std::string keys_;
  std::string tensors_;
  std::string data_;
  uint64_t keys_written_ = 0;
  uint64_t tensors_written_ = 0;
};

inline absl::StatusOr<std::unique_ptr<GgufFile>> ParseGguf(std::string_view bytes) {
  return GgufFile::Parse({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}, "test");
}

}  // namespace skep::models

#endif  // SKEP_TESTS_UNIT_WEIGHTS_GGUF_BUILDER_H_
