#include "models/weights/dequantize.h"

#include "absl/strings/str_cat.h"
#include "models/weights/block_decoders.h"
#include "models/weights/byte_reader.h"

namespace skep::models {
namespace {

using T = TensorType;

// Plain types: one number after the other.
template <typename Stored, typename Convert>
void DecodePlain(const std::byte* row, int64_t columns, Convert convert, float* out) {
  for (int64_t i = 0; i < columns; ++i) {
    out[i] = convert(LoadUnaligned<Stored>(row + i * static_cast<int64_t>(sizeof(Stored))));
  }
}

template <typename Stored>
void DecodeNumbers(const std::byte* row, int64_t columns, float* out) {
  DecodePlain<Stored>(
      row, columns, [](Stored value) { return static_cast<float>(value); }, out);
}

// False if the type is none of the plain ones.
bool DecodePlainRow(TensorType type, const std::byte* row, int64_t columns, float* out) {
  switch (type) {
    case T::kF32:
      DecodeNumbers<float>(row, columns, out);
      return true;
    case T::kF64:
      DecodeNumbers<double>(row, columns, out);
      return true;
    case T::kI8:
      DecodeNumbers<int8_t>(row, columns, out);
      return true;
    case T::kI16:
      DecodeNumbers<int16_t>(row, columns, out);
      return true;
    case T::kI32:
      DecodeNumbers<int32_t>(row, columns, out);
      return true;
    case T::kI64:
      DecodeNumbers<int64_t>(row, columns, out);
      return true;
    case T::kU8:
      DecodeNumbers<uint8_t>(row, columns, out);
      return true;
    case T::kU16:
      DecodeNumbers<uint16_t>(row, columns, out);
      return true;
    case T::kU32:
      DecodeNumbers<uint32_t>(row, columns, out);
      return true;
    case T::kU64:
      DecodeNumbers<uint64_t>(row, columns, out);
      return true;
    case T::kBool:
      DecodePlain<uint8_t>(
          row, columns, [](uint8_t b) { return b != 0 ? 1.0f : 0.0f; }, out);
      return true;
    case T::kF16:
      DecodePlain<uint16_t>(row, columns, HalfToFloat, out);
      return true;
    case T::kBF16:
      DecodePlain<uint16_t>(row, columns, Bfloat16ToFloat, out);
      return true;
    case T::kF8_E4M3:
      DecodePlain<uint8_t>(row, columns, Float8E4M3ToFloat, out);
      return true;
    case T::kF8_E5M2:
      DecodePlain<uint8_t>(row, columns, Float8E5M2ToFloat, out);
      return true;
    case T::kF8_E8M0:
      DecodePlain<uint8_t>(row, columns, E8M0ToFloat, out);
      return true;
    default:
      return false;
  }
}

// nullptr for plain types.
BlockDecoder DecoderFor(TensorType type) {
  switch (type) {
    case T::kQ4_0:
      return DecodeQ4_0;
    case T::kQ4_1:
      return DecodeQ4_1;
    case T::kQ5_0:
      return DecodeQ5_0;
    case T::kQ5_1:
      return DecodeQ5_1;
    case T::kQ8_0:
      return DecodeQ8_0;
    case T::kQ8_1:
      return DecodeQ8_1;
    case T::kQ2_K:
      return DecodeQ2_K;
    case T::kQ3_K:
      return DecodeQ3_K;
    case T::kQ4_K:
      return DecodeQ4_K;
    case T::kQ5_K:
      return DecodeQ5_K;
    case T::kQ6_K:
      return DecodeQ6_K;
    case T::kQ8_K:
      return DecodeQ8_K;
    case T::kIQ2_XXS:
      return DecodeIQ2_XXS;
    case T::kIQ2_XS:
      return DecodeIQ2_XS;
    case T::kIQ2_S:
      return DecodeIQ2_S;
    case T::kIQ3_XXS:
      return DecodeIQ3_XXS;
    case T::kIQ3_S:
      return DecodeIQ3_S;
    case T::kIQ1_S:
      return DecodeIQ1_S;
    case T::kIQ1_M:
      return DecodeIQ1_M;
    case T::kIQ4_NL:
      return DecodeIQ4_NL;
    case T::kIQ4_XS:
      return DecodeIQ4_XS;
    case T::kTQ1_0:
      return DecodeTQ1_0;
    case T::kTQ2_0:
      return DecodeTQ2_0;
    case T::kMXFP4:
      return DecodeMXFP4;
    case T::kNVFP4:
      return DecodeNVFP4;
    case T::kQ1_0:
      return DecodeQ1_0;
    case T::kQ2_0:
      return DecodeQ2_0;
    default:
      return nullptr;
  }
}

}  // namespace

absl::Status DequantizeRow(TensorType type, const std::byte* row, int64_t columns, float* out) {
  if (absl::StatusOr<uint64_t> bytes = RowBytes(type, columns); !bytes.ok()) return bytes.status();
  if (DecodePlainRow(type, row, columns, out)) return absl::OkStatus();
  const TypeTraits& traits = Traits(type);
  const BlockDecoder decode = DecoderFor(type);
  const auto* block = reinterpret_cast<const uint8_t*>(row);
  for (int64_t i = 0; i < columns; i += traits.block_elements) {
    decode(block, out + i);
    block += traits.block_bytes;
  }
  return absl::OkStatus();
}

}  // namespace skep::models
