// The IQ types: entries of a codebook become codes of single elements, so that kernels need no
// codebook (code_tables.h says what the codes mean).

#include "models/ops/cpu/code_tables.h"
#include "models/ops/cpu/file_blocks.h"

namespace skep::cpu {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101u;

uint64_t Load64(const int8_t* p) {
  uint64_t value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

void Store64(uint64_t value, uint8_t* p) { std::memcpy(p, &value, sizeof(value)); }

// Magnitudes 8, 25, 43 are codes 0, 1, 2: their upper nibbles.
static_assert(kIq2Codes[8 >> 4] == 8 && kIq2Codes[25 >> 4] == 25 && kIq2Codes[43 >> 4] == 43);

void PutIq2(const std::array<int8_t, 8>& entry, unsigned signs, uint8_t* codes) {
  const uint64_t index = (Load64(entry.data()) >> 4) & (3 * kOnes);
  Store64(index | SpreadBits(signs) * kIq2SignCode, codes);
}

// Magnitudes of IQ3_XXS are about 8 i + 4, those of IQ3_S are 2 i + 1.
static_assert(kIq3XxsCodes[62 >> 3] == 62 && kIq3XxsCodes[52 >> 3] == 52);
static_assert(kIq3SCodes[15 >> 1] == 15);

template <int kShift>
void PutIq3(const std::array<int8_t, 4>& first, const std::array<int8_t, 4>& second, unsigned signs,
            uint8_t* codes) {
  uint32_t halves[2];
  std::memcpy(&halves[0], first.data(), 4);
  std::memcpy(&halves[1], second.data(), 4);
  const uint64_t both = halves[0] | static_cast<uint64_t>(halves[1]) << 32;
  Store64(((both >> kShift) & (7 * kOnes)) | SpreadBits(signs) * kIq3SignCode, codes);
}

// Digits -1, 0, 1 are codes 0, 1, 2, or four more with the positive delta.
void PutIq1(const std::array<int8_t, 8>& entry, bool negative_delta, uint8_t* codes) {
  // Modulo 4, -1 is 3: nothing carries into the next byte.
  const uint64_t digits = ((Load64(entry.data()) & (3 * kOnes)) + kOnes) & (3 * kOnes);
  Store64(digits | (negative_delta ? 0 : kOnes * kIq1DeltaCode), codes);
}

unsigned Nibble(const uint8_t* bytes, int i) { return (bytes[i / 2] >> (4 * (i % 2))) & 15u; }

// Scales are d (2 s + 1) times a power of two.
uint8_t OddScale(unsigned code) { return static_cast<uint8_t>(2 * code + 1); }

}  // namespace

void ReadIQ4_NL(const uint8_t* row, int64_t block, RowBlock* out) {
  out->half[0] = LoadU16(row + block * 18);
  ReadNibbles<16>(row + block * 18 + 2, out->codes);
}

void ReadIQ4_XS(const uint8_t* row, int64_t block, RowBlock* out) {
  const int sub = static_cast<int>(block % 8);
  const uint8_t* p = row + block / 8 * 136;
  out->super[0] = LoadU16(p);
  const int high = (LoadU16(p + 2) >> (2 * sub)) & 3;
  out->scale[0] = static_cast<uint8_t>((static_cast<int>(Nibble(p + 4, sub)) | high << 4) - 32);
  ReadNibbles<16>(p + 8 + 16 * sub, out->codes);
}

void ReadIQ3_XXS(const uint8_t* row, int64_t block, RowBlock* out) {
  const int sub = static_cast<int>(block % 8);
  const uint8_t* p = row + block / 8 * 98;
  const uint8_t* index = p + 2 + 8 * sub;
  const uint32_t packed = LoadU32(p + 66 + 4 * sub);
  out->super[0] = LoadU16(p);
  out->scale[0] = OddScale(packed >> 28);
  for (int i = 0; i < 4; ++i) {
    PutIq3<3>(models::kIq3XxsGrid[index[2 * i]], models::kIq3XxsGrid[index[2 * i + 1]],
              models::EvenSigns((packed >> (7 * i)) & 127), out->codes + 8 * i);
  }
}

void ReadIQ3_S(const uint8_t* row, int64_t block, RowBlock* out) {
  const int sub = static_cast<int>(block % 8);
  const uint8_t* p = row + block / 8 * 110;
  const uint8_t* qs = p + 2 + 8 * sub;
  const unsigned qh = p[66 + sub];
  const uint8_t* signs = p + 74 + 4 * sub;
  out->super[0] = LoadU16(p);
  out->scale[0] = OddScale(Nibble(p + 106, sub));
  for (int i = 0; i < 4; ++i) {
    const unsigned first = qs[2 * i] | ((qh >> (2 * i)) & 1u) << 8;
    const unsigned second = qs[2 * i + 1] | ((qh >> (2 * i + 1)) & 1u) << 8;
    PutIq3<1>(models::kIq3SGrid[first], models::kIq3SGrid[second], signs[i], out->codes + 8 * i);
  }
}

void ReadIQ2_XXS(const uint8_t* row, int64_t block, RowBlock* out) {
  const uint8_t* p = row + block / 8 * 66;
  const uint8_t* index = p + 2 + 8 * (block % 8);
  const uint32_t packed = LoadU32(index + 4);
  out->super[0] = LoadU16(p);
  out->scale[0] = OddScale(packed >> 28);
  for (int i = 0; i < 4; ++i) {
    PutIq2(models::kIq2XxsGrid[index[i]], models::EvenSigns((packed >> (7 * i)) & 127),
           out->codes + 8 * i);
  }
}

void ReadIQ2_XS(const uint8_t* row, int64_t block, RowBlock* out) {
  const int sub = static_cast<int>(block % 8);
  const uint8_t* p = row + block / 8 * 74;
  out->super[0] = LoadU16(p);
  for (int i = 0; i < 2; ++i) out->scale[i] = OddScale(Nibble(p + 66, 2 * sub + i));
  for (int i = 0; i < 4; ++i) {
    const unsigned q = LoadU16(p + 2 + 8 * sub + 2 * i);
    PutIq2(models::kIq2XsGrid[q & 511], models::EvenSigns(static_cast<uint8_t>(q >> 9)),
           out->codes + 8 * i);
  }
}

void ReadIQ2_S(const uint8_t* row, int64_t block, RowBlock* out) {
  const int sub = static_cast<int>(block % 8);
  const uint8_t* p = row + block / 8 * 82;
  out->super[0] = LoadU16(p);
  for (int i = 0; i < 2; ++i) out->scale[i] = OddScale(Nibble(p + 74, 2 * sub + i));
  for (int i = 0; i < 4; ++i) {
    const unsigned index = p[2 + 4 * sub + i] | ((p[66 + sub] >> (2 * i)) & 3u) << 8;
    PutIq2(models::kIq2SGrid[index], p[34 + 4 * sub + i], out->codes + 8 * i);
  }
}

void ReadIQ1_S(const uint8_t* row, int64_t block, RowBlock* out) {
  const int sub = static_cast<int>(block % 8);
  const uint8_t* p = row + block / 8 * 50;
  const unsigned qh = LoadU16(p + 34 + 2 * sub);
  out->super[0] = LoadU16(p);
  out->scale[0] = OddScale((qh >> 12) & 7);
  for (int i = 0; i < 4; ++i) {
    const unsigned index = p[2 + 4 * sub + i] | ((qh >> (3 * i)) & 7) << 8;
    PutIq1(models::kIq1SGrid[index], (qh & 0x8000) != 0, out->codes + 8 * i);
  }
}

void ReadIQ1_M(const uint8_t* row, int64_t block, RowBlock* out) {
  const int sub = static_cast<int>(block % 8);
  const uint8_t* p = row + block / 8 * 56;
  const uint8_t* scales = p + 48;
  unsigned half = 0;
  for (int i = 0; i < 4; ++i) half |= (LoadU16(scales + 2 * i) >> 12) << (4 * i);
  out->super[0] = static_cast<uint16_t>(half);
  for (int i = 0; i < 2; ++i) {
    const int j = 2 * sub + i;
    out->scale[i] = OddScale((LoadU16(scales + 2 * (j / 4)) >> (3 * (j % 4))) & 7u);
  }
  for (int i = 0; i < 4; ++i) {
    const unsigned nibble = Nibble(p + 32, 4 * sub + i);
    PutIq1(models::kIq1SGrid[p[4 * sub + i] | (nibble & 7) << 8], (nibble & 8) != 0,
           out->codes + 8 * i);
  }
}

}  // namespace skep::cpu
