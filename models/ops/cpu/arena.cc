#include "models/ops/cpu/arena.h"

#include <sys/mman.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace skep::cpu {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kChunk = size_t{64} << 20;

size_t RoundUp(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

Arena::~Arena() {
  for (const Mapping& mapping : mappings_) munmap(mapping.address, mapping.bytes);
}

absl::StatusOr<uint8_t*> Arena::Map(size_t bytes) {
  const size_t padded = RoundUp(bytes, kHugePage) + kHugePage;  // room to align the start
  void* address = mmap(nullptr, padded, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, /*fd=*/-1, /*offset=*/0);
  if (address == MAP_FAILED) {
    return absl::ResourceExhaustedError(absl::StrCat("no memory for ", bytes, " bytes of weights"));
  }
  madvise(address, padded, MADV_HUGEPAGE);  // a wish: small pages work too
  mappings_.push_back({address, padded});
  return reinterpret_cast<uint8_t*>(RoundUp(reinterpret_cast<size_t>(address), kHugePage));
}

absl::StatusOr<uint8_t*> Arena::Allocate(int64_t bytes) {
  const size_t size = RoundUp(static_cast<size_t>(bytes < 1 ? 1 : bytes), 64);
  std::lock_guard<std::mutex> lock(mutex_);
  if (size > kChunk / 2) return Map(size);
  if (size > left_) {
    absl::StatusOr<uint8_t*> chunk = Map(kChunk);
    if (!chunk.ok()) return chunk.status();
    next_ = *chunk;
    left_ = kChunk;
  }
  uint8_t* result = next_;
  next_ += size;
  left_ -= size;
  return result;
}

}  // namespace skep::cpu
