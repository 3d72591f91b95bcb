// How the cache holds keys and values, and how they get there. Included once per instruction set,
// after its simd header.
#ifndef SKEP_MODELS_OPS_CPU_KV_CACHE_H_
#define SKEP_MODELS_OPS_CPU_KV_CACHE_H_

#include "models/ops/cpu/half.h"
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

// Values only: keys are multiplied as integers.
struct KvI8 {
  using Element = uint8_t;
  static SKEP_INLINE Vec At(const uint8_t* p) { return LoadI8(p); }
};

// x = scale * q, |q| <= 127, one scale for `count` values. Returns the scale as bfloat16 (zero for
// zeros, NaN where an input was not finite); q has room for whole 32s.
inline uint16_t QuantiseRow(const float* x, int64_t count, int8_t* q, int32_t& sum) {
  int32_t max_bits = 0;
  for (int64_t i = 0; i < count; i += kBlock) {
    const int32_t bits =
        MaxMagnitudeBits(LoadFirst(x + i, FirstLanes(count - i)),
                         LoadFirst(x + i + kLanes, FirstLanes(count - i - kLanes)));
    max_bits = bits > max_bits ? bits : max_bits;
  }
  const float max = __builtin_bit_cast(float, max_bits);
  const bool finite = max_bits < 0x7f800000;
  // The smallest normal numbers: what is below is zero beside any other key or value.
  const bool usable = finite && max >= 0x1p-100f;
  const uint16_t scale =
      FloatToBfloat16(usable ? max / 127.0f : (finite ? 0.0f : __builtin_nanf("")));
  const Vec inverse = Set(usable ? 1.0f / Bfloat16ToFloat(scale) : 0.0f);
  const auto codes = [&](int64_t i) {
    const Vec v = usable ? Mul(LoadFirst(x + i, FirstLanes(count - i)), inverse) : Zero();
    return Min(Set(127.0f), Max(Set(-127.0f), v));  // the scale was rounded
  };
  sum = 0;
  for (int64_t i = 0; i < count; i += kBlock) {
    int32_t low;
    int32_t high;
    StoreRounded(q + i, codes(i), codes(i + kLanes), low, high);
    sum += low + high;
  }
  return scale;
}

inline constexpr int64_t kLargestHead = 4096;  // head_dim, checked when a configuration is read

inline void StoreInt8Row(const AttentionJob& job, const float* key, const float* value,
                         int64_t offset, void* key_block, void* value_block) {
  alignas(64) int8_t codes[kLargestHead];
  int32_t sum;
  auto* keys = static_cast<uint8_t*>(key_block);
  uint16_t scale = QuantiseRow(key, job.head_dim, codes, sum);
  for (int64_t quad = 0; quad < job.key_quads(); ++quad) {
    uint8_t* to = keys + (quad * job.block_size + offset) * 4;
    for (int64_t i = 0; i < 4; ++i) to[i] = static_cast<uint8_t>(codes[4 * quad + i]) ^ 0x80;
  }
  __builtin_memcpy(keys + 4 * job.key_quads() * job.block_size + 2 * offset, &scale, 2);
  auto* values = static_cast<uint8_t*>(value_block);
  scale = QuantiseRow(value, job.value_dim, codes, sum);
  const int64_t stride = job.value_stride();
  __builtin_memcpy(values + offset * stride, codes, stride);
  __builtin_memcpy(values + stride * job.block_size + 2 * offset, &scale, 2);
}

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
  }
  for (int64_t d = 0; d < job.value_dim; d += kLanes) {
    Kv::Put(values + d, LoadFirst(value + d, FirstLanes(job.value_dim - d)));
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
    case KvType::kI8:
      return StoreInt8Row(job, key, value, offset, key_block, value_block);
  }
}

}  // namespace skep::cpu::SKEP_CPU_NAMESPACE

#endif  // SKEP_MODELS_OPS_CPU_KV_CACHE_H_
