#include "models/ops/cpu/file_blocks.h"

namespace skep::cpu {
namespace {

// --- blocks of 32 --------------------------------------------------------------------------------

void ReadQ4_0(const uint8_t* row, int64_t block, RowBlock* out) {
  const uint8_t* p = row + block * 18;
  out->half[0] = LoadU16(p);
  ReadNibbles<16>(p + 2, out->codes);
}

void ReadQ4_1(const uint8_t* row, int64_t block, RowBlock* out) {
  const uint8_t* p = row + block * 20;
  out->half[0] = LoadU16(p);
  out->half[1] = LoadU16(p + 2);
  ReadNibbles<16>(p + 4, out->codes);
}

void ReadQ5_0(const uint8_t* row, int64_t block, RowBlock* out) {
  const uint8_t* p = row + block * 22;
  out->half[0] = LoadU16(p);
  ReadNibbles<16>(p + 6, out->codes);
  AddBits(LoadU32(p + 2), 4, out->codes);
}

void ReadQ5_1(const uint8_t* row, int64_t block, RowBlock* out) {
  const uint8_t* p = row + block * 24;
  out->half[0] = LoadU16(p);
  out->half[1] = LoadU16(p + 2);
  ReadNibbles<16>(p + 8, out->codes);
  AddBits(LoadU32(p + 4), 4, out->codes);
}

// Signed bytes, stored + 128.
void ReadBytes(const uint8_t* bytes, RowBlock* out) {
  for (int i = 0; i < 32; ++i) out->codes[i] = bytes[i] ^ 0x80;
}

void ReadQ8_0(const uint8_t* row, int64_t block, RowBlock* out) {
  out->half[0] = LoadU16(row + block * 34);
  ReadBytes(row + block * 34 + 2, out);
}

void ReadQ8_1(const uint8_t* row, int64_t block, RowBlock* out) {
  out->half[0] = LoadU16(row + block * 36);
  ReadBytes(row + block * 36 + 4, out);
}

void ReadMXFP4(const uint8_t* row, int64_t block, RowBlock* out) {
  const uint8_t* p = row + block * 17;
  out->scale[0] = p[0];
  ReadNibbles<16>(p + 1, out->codes);
}

// --- K types -------------------------------------------------------------------------------------

// The 2-bit codes of Q2_K, Q3_K and TQ2_0.
void ReadTwoBits(const uint8_t* qs, int sub, uint8_t* codes) {
  ReadFields<2>(qs + sub / 4 * 32, 2 * (sub % 4), 0, codes);
}

void ReadQ2_K(const uint8_t* row, int64_t block, RowBlock* out) {
  const int sub = static_cast<int>(block % 8);
  const uint8_t* p = row + block / 8 * 84;
  out->super[0] = LoadU16(p + 80);
  out->super[1] = LoadU16(p + 82);
  out->scale[0] = p[2 * sub];
  out->scale[1] = p[2 * sub + 1];
  ReadTwoBits(p + 16, sub, out->codes);
}

void ReadQ3_K(const uint8_t* row, int64_t block, RowBlock* out) {
  const int sub = static_cast<int>(block % 8);
  const uint8_t* p = row + block / 8 * 110;
  out->super[0] = LoadU16(p + 108);
  for (int i = 0; i < 2; ++i) {
    const int j = 2 * sub + i;
    const int low = (p[96 + j % 8] >> (4 * (j / 8))) & 15;
    const int high = (p[104 + j % 4] >> (2 * (j / 4))) & 3;
    out->scale[i] = static_cast<uint8_t>((low | high << 4) - 32);
  }
  ReadTwoBits(p + 32, sub, out->codes);
  ReadFields<1, /*kAdd=*/true>(p, sub, 2, out->codes);
}

// The 6-bit scale and minimum of sub-block `i` of a Q4_K or Q5_K block.
void ReadScaleMin(const uint8_t* packed, int i, uint8_t* scale) {
  if (i < 4) {
    scale[0] = packed[i] & 63;
    scale[1] = packed[i + 4] & 63;
  } else {
    scale[0] = (packed[i + 4] & 15) | ((packed[i - 4] >> 6) << 4);
    scale[1] = (packed[i + 4] >> 4) | ((packed[i] >> 6) << 4);
  }
}

// Sub-blocks 2g and 2g + 1 are the nibbles of the same 32 bytes.
void ReadSubBlockNibbles(const uint8_t* qs, int sub, uint8_t* codes) {
  ReadFields<4>(qs + sub / 2 * 32, 4 * (sub % 2), 0, codes);
}

void ReadQ4_K(const uint8_t* row, int64_t block, RowBlock* out) {
  const int sub = static_cast<int>(block % 8);
  const uint8_t* p = row + block / 8 * 144;
  out->super[0] = LoadU16(p);
  out->super[1] = LoadU16(p + 2);
  ReadScaleMin(p + 4, sub, out->scale);
  ReadSubBlockNibbles(p + 16, sub, out->codes);
}

void ReadQ5_K(const uint8_t* row, int64_t block, RowBlock* out) {
  const int sub = static_cast<int>(block % 8);
  const uint8_t* p = row + block / 8 * 176;
  out->super[0] = LoadU16(p);
  out->super[1] = LoadU16(p + 2);
  ReadScaleMin(p + 4, sub, out->scale);
  ReadSubBlockNibbles(p + 48, sub, out->codes);
  ReadFields<1, /*kAdd=*/true>(p + 16, sub, 4, out->codes);
}

void ReadQ6_K(const uint8_t* row, int64_t block, RowBlock* out) {
  const int sub = static_cast<int>(block % 8);
  const uint8_t* p = row + block / 8 * 210;
  ReadFields<4>(p + sub / 4 * 64 + sub % 2 * 32, sub % 4 / 2 * 4, 0, out->codes);
  ReadFields<2, /*kAdd=*/true>(p + 128 + sub / 4 * 32, sub % 4 * 2, 4, out->codes);
  out->scale[0] = p[192 + 2 * sub];
  out->scale[1] = p[192 + 2 * sub + 1];
  out->super[0] = LoadU16(p + 208);
}

// --- ternary, FP4 with E4M3 scales, plain one and two bits ---------------------------------------

// Digit m of `count` bytes, as codes 0, 1, 2: base-3 fractions of 256.
void ReadDigits(const uint8_t* bytes, int count, int m, uint8_t* codes) {
  constexpr unsigned kPowers[] = {1, 3, 9, 27, 81};
  for (int i = 0; i < count; ++i) {
    codes[i] = static_cast<uint8_t>((((bytes[i] * kPowers[m]) & 255) * 3) >> 8);
  }
}

void ReadTQ1_0(const uint8_t* row, int64_t block, RowBlock* out) {
  const int sub = static_cast<int>(block % 8);
  const uint8_t* p = row + block / 8 * 54;
  out->half[0] = LoadU16(p + 52);
  if (sub < 5) {  // five digits of 32 bytes
    ReadDigits(p, /*count=*/32, sub, out->codes);
  } else if (sub < 7) {  // four of the five digits of 16 bytes
    ReadDigits(p + 32, /*count=*/16, 2 * (sub - 5), out->codes);
    ReadDigits(p + 32, /*count=*/16, 2 * (sub - 5) + 1, out->codes + 16);
  } else {  // the fifth, and four digits of 4 bytes
    ReadDigits(p + 32, /*count=*/16, 4, out->codes);
    for (int m = 0; m < 4; ++m) ReadDigits(p + 48, /*count=*/4, m, out->codes + 16 + 4 * m);
  }
}

void ReadTQ2_0(const uint8_t* row, int64_t block, RowBlock* out) {
  const uint8_t* p = row + block / 8 * 66;
  out->half[0] = LoadU16(p + 64);
  ReadTwoBits(p, static_cast<int>(block % 8), out->codes);
}

void ReadNVFP4(const uint8_t* row, int64_t block, RowBlock* out) {
  const uint8_t* p = row + block / 2 * 36;
  for (int i = 0; i < 2; ++i) {
    const int sub = static_cast<int>(block % 2) * 2 + i;
    // 0x7f means zero, and the top bit nothing.
    out->scale[i] = p[sub] == 0x7f ? 0 : p[sub] & 0x7f;
    ReadNibbles<8>(p + 4 + 8 * sub, out->codes + 16 * i);
  }
}

void ReadQ2_0(const uint8_t* row, int64_t block, RowBlock* out) {
  const uint8_t* p = row + block / 2 * 18;
  out->half[0] = LoadU16(p);
  const uint8_t* qs = p + 2 + block % 2 * 8;
  for (int i = 0; i < 8; ++i) {                                  // a byte becomes four
    uint32_t four = qs[i] | static_cast<uint32_t>(qs[i]) << 12;  // pairs 0, 1 and 2, 3
    four = (four | four << 6) & 0x03030303u;
    std::memcpy(out->codes + 4 * i, &four, 4);
  }
}

void ReadQ1_0(const uint8_t* row, int64_t block, RowBlock* out) {
  const uint8_t* p = row + block / 4 * 18;
  out->half[0] = LoadU16(p);
  std::memset(out->codes, 0, sizeof(out->codes));
  AddBits(LoadU32(p + 2 + block % 4 * 4), 0, out->codes);
}

}  // namespace

FileBlockReader FileBlockReaderOf(TensorType type) {
  switch (type) {
    case TensorType::kQ4_0:
      return ReadQ4_0;
    case TensorType::kQ4_1:
      return ReadQ4_1;
    case TensorType::kQ5_0:
      return ReadQ5_0;
    case TensorType::kQ5_1:
      return ReadQ5_1;
    case TensorType::kQ8_0:
      return ReadQ8_0;
    case TensorType::kQ8_1:
      return ReadQ8_1;
    case TensorType::kQ2_K:
      return ReadQ2_K;
    case TensorType::kQ3_K:
      return ReadQ3_K;
    case TensorType::kQ4_K:
      return ReadQ4_K;
    case TensorType::kQ5_K:
      return ReadQ5_K;
    case TensorType::kQ6_K:
      return ReadQ6_K;
    case TensorType::kIQ4_NL:
      return ReadIQ4_NL;
    case TensorType::kIQ4_XS:
      return ReadIQ4_XS;
    case TensorType::kMXFP4:
      return ReadMXFP4;
    case TensorType::kNVFP4:
      return ReadNVFP4;
    case TensorType::kIQ3_XXS:
      return ReadIQ3_XXS;
    case TensorType::kIQ3_S:
      return ReadIQ3_S;
    case TensorType::kIQ2_XXS:
      return ReadIQ2_XXS;
    case TensorType::kIQ2_XS:
      return ReadIQ2_XS;
    case TensorType::kIQ2_S:
      return ReadIQ2_S;
    case TensorType::kIQ1_S:
      return ReadIQ1_S;
    case TensorType::kIQ1_M:
      return ReadIQ1_M;
    case TensorType::kTQ1_0:
      return ReadTQ1_0;
    case TensorType::kTQ2_0:
      return ReadTQ2_0;
    case TensorType::kQ2_0:
      return ReadQ2_0;
    case TensorType::kQ1_0:
      return ReadQ1_0;
    default:
      return nullptr;
  }
}

}  // namespace skep::cpu
