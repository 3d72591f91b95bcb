// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) over 64-bit words:
// a hash whose collisions cannot be found without its key.
#ifndef SKEP_SCHEDULER_SIP_HASH_H_
#define SKEP_SCHEDULER_SIP_HASH_H_

#include <bit>
#include <cstdint>

namespace skep {

// The paper's 128-bit key is (key, ~key); its final word, the length in bytes, is the number of
// words times eight, as for a message of whole words.
class SipHash final {
 public:
  explicit SipHash(uint64_t key) : SipHash(key, ~key) {}
  SipHash(uint64_t key0, uint64_t key1)
      : v0_(key0 ^ 0x736f6d6570736575u),
        v1_(key1 ^ 0x646f72616e646f6du),
        v2_(key0 ^ 0x6c7967656e657261u),
        v3_(key1 ^ 0x7465646279746573u) {}

  void Add(uint64_t word) {
    v3_ ^= word;
    Round();
    Round();
    v0_ ^= word;
    ++num_words_;
  }

  uint64_t Finish() {
    Add((num_words_ * 8) << 56);
    v2_ ^= 0xff;
    for (int i = 0; i < 4; ++i) Round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void Round() {
    v0_ += v1_;
    v2_ += v3_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v1_;
    v0_ += v3_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ = std::rotl(v2_, 32);
  }

  uint64_t v0_, v1_, v2_, v3_;
  uint64_t num_words_ = 0;
};

}  // namespace skep

#endif  // SKEP_SCHEDULER_SIP_HASH_H_
