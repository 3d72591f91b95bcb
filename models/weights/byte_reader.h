// A checked cursor over little-endian bytes, private to models/weights.

#ifndef SKEP_MODELS_WEIGHTS_BYTE_READER_H_
#define SKEP_MODELS_WEIGHTS_BYTE_READER_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "absl/types/span.h"

namespace skep::models {

static_assert(std::endian::native == std::endian::little, "checkpoints are read in place");

// The value at `data`, which need not be aligned.
template <typename T>
T LoadUnaligned(const std::byte* data) {
  T value;
  std::memcpy(&value, data, sizeof(T));
  return value;
}

// Each read returns false, and moves nothing, if fewer bytes remain than it needs.
class ByteReader final {
 public:
  explicit ByteReader(absl::Span<const std::byte> bytes) : bytes_(bytes) {}

  uint64_t position() const { return position_; }
  uint64_t remaining() const { return bytes_.size() - position_; }
  // The bytes between an earlier position and this one.
  absl::Span<const std::byte> Since(uint64_t start) const {
    return bytes_.subspan(start, position_ - start);
  }

  template <typename T>
  bool Read(T* value) {
    if (remaining() < sizeof(T)) return false;
    *value = LoadUnaligned<T>(bytes_.data() + position_);
    position_ += sizeof(T);
    return true;
  }

  bool ReadBytes(uint64_t size, absl::Span<const std::byte>* bytes) {
    if (remaining() < size) return false;
    *bytes = bytes_.subspan(position_, size);
    position_ += size;
    return true;
  }

  // A GGUF string: u64 length, then the bytes.
  bool ReadString(std::string_view* text) {
    const uint64_t start = position_;
    uint64_t size = 0;
    absl::Span<const std::byte> bytes;
    if (!Read(&size) || !ReadBytes(size, &bytes)) {
      position_ = start;
      return false;
    }
    *text = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    return true;
  }

 private:
  absl::Span<const std::byte> bytes_;
  uint64_t position_ = 0;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_BYTE_READER_H_
