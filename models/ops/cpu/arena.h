// Memory for packed weights: large anonymous chunks in huge pages.
#ifndef SKEP_MODELS_OPS_CPU_ARENA_H_
#define SKEP_MODELS_OPS_CPU_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "absl/status/statusor.h"

namespace skep::cpu {

// Hands out 64-byte aligned, zeroed memory that lives as long as the arena. Chunks are reserved in
// bulk and backed by pages only when touched; huge pages are asked for, so that streaming the
// weights costs few TLB misses. Thread-safe.
class Arena final {
 public:
  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // ResourceExhausted when the system has no more memory.
  absl::StatusOr<uint8_t*> Allocate(int64_t bytes);

 private:
  struct Mapping {
    void* address;
    size_t bytes;
  };
  absl::StatusOr<uint8_t*> Map(size_t bytes);

  std::mutex mutex_;
  std::vector<Mapping> mappings_;
  uint8_t* next_ = nullptr;  // free part of the current chunk
  size_t left_ = 0;
};

}  // namespace skep::cpu

#endif  // SKEP_MODELS_OPS_CPU_ARENA_H_
