// Memory that only grows, so that steps after the largest one allocate nothing.
#ifndef SKEP_MODELS_OPS_CPU_SCRATCH_H_
#define SKEP_MODELS_OPS_CPU_SCRATCH_H_

#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

namespace skep::cpu {

// 64-byte aligned, zeroed when it grows (its contents are lost then).
class Scratch final {
 public:
  Scratch() = default;
  ~Scratch() { Free(); }
  Scratch(Scratch&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Scratch& operator=(Scratch&&) = delete;

  uint8_t* Get(int64_t bytes) {
    if (bytes > bytes_) {
      Free();
      data_ = static_cast<uint8_t*>(::operator new(static_cast<size_t>(bytes), kAlignment));
      std::memset(data_, 0, static_cast<size_t>(bytes));
      bytes_ = bytes;
    }
    return data_;
  }
  float* Floats(int64_t count) {
    return reinterpret_cast<float*>(Get(count * static_cast<int64_t>(sizeof(float))));
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  void Free() {
    if (data_ != nullptr) ::operator delete(data_, kAlignment);
  }

  uint8_t* data_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace skep::cpu

#endif  // SKEP_MODELS_OPS_CPU_SCRATCH_H_
