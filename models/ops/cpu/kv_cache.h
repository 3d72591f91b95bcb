// How the cache holds keys and values, and how they get there. Included once per instruction set,
// after its simd header.
#ifndef SKEP_MODELS_OPS_CPU_KV_CACHE_H_
#define SKEP_MODELS_OPS_CPU_KV_CACHE_H_

#include "models/ops/cpu/vector_kernels.h"

namespace skep::cpu::SKEP_CPU_NAMESPACE {

struct KvF32 {
  using Element = float;
  static SKEP_INLINE Vec At(const float* p) { return Load(p); }
  static SKEP_INLINE void Put(float* p, Vec v) { Store(p, v); }
};
struct KvF16 {
  using Element = uint16_t;
  static SKEP_INLINE Vec At(const uint16_t* p) { return LoadHalf(p); }
  // Saturates: one infinite key would turn other tokens' masked products into NaN.
  static SKEP_INLINE void Put(uint16_t* p, Vec v) {
    StoreHalf(p, Min(Set(kHalfLargest), Max(Set(-kHalfLargest), v)));
  }
  static constexpr float kHalfLargest = 65504.0f;
};
struct KvBf16 {
  using Element = uint16_t;
  static SKEP_INLINE Vec At(const uint16_t* p) { return LoadBfloat(p); }
  static SKEP_INLINE void Put(uint16_t* p, Vec v) { StoreBfloat(p, v); }
};

template <class Kv>
inline void StoreKvRow(const AttentionJob& job, const float* key, const float* value,
                       int64_t offset, void* key_block, void* value_block) {
  using Element = typename Kv::Element;
  Element* keys = static_cast<Element*>(key_block) + offset;
  Element* values = static_cast<Element*>(value_block) + offset * job.value_stride();
  for (int64_t d = 0; d < job.head_dim; d += kLanes) {
    const Mask m = FirstLanes(job.head_dim - d);
    Element lanes[kLanes];
    Kv::Put(lanes, LoadFirst(key + d, m));
    const int64_t count = job.head_dim - d < kLanes ? job.head_dim - d : kLanes;
    for (int64_t i = 0; i < count; ++i) keys[(d + i) * job.block_size] = lanes[i];
    Kv::Put(values + d, LoadFirst(value + d, m));
  }
}

inline void StoreKv(const AttentionJob& job, const float* key, const float* value, int64_t offset,
                    void* key_block, void* value_block) {
  switch (job.kv_type) {
    case KvType::kF16:
      return StoreKvRow<KvF16>(job, key, value, offset, key_block, value_block);
    case KvType::kBF16:
      return StoreKvRow<KvBf16>(job, key, value, offset, key_block, value_block);
    case KvType::kF32:
      return StoreKvRow<KvF32>(job, key, value, offset, key_block, value_block);
  }
}

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_KV_CACHE_H_
