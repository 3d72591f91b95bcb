#include "models/weights/tensor_type.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

using T = TensorType;

constexpr TypeTraits kTypes[] = {
    {T::kF32, "F32", 1, 4},
    {T::kF16, "F16", 1, 2},
    {T::kQ4_0, "Q4_0", 32, 18},
    {T::kQ4_1, "Q4_1", 32, 20},
    {T::kQ5_0, "Q5_0", 32, 22},
    {T::kQ5_1, "Q5_1", 32, 24},
    {T::kQ8_0, "Q8_0", 32, 34},
    {T::kQ8_1, "Q8_1", 32, 36},
    {T::kQ2_K, "Q2_K", 256, 84},
    {T::kQ3_K, "Q3_K", 256, 110},
    {T::kQ4_K, "Q4_K", 256, 144},
    {T::kQ5_K, "Q5_K", 256, 176},
    {T::kQ6_K, "Q6_K", 256, 210},
    {T::kQ8_K, "Q8_K", 256, 292},
    {T::kIQ2_XXS, "IQ2_XXS", 256, 66},
    {T::kIQ2_XS, "IQ2_XS", 256, 74},
    {T::kIQ3_XXS, "IQ3_XXS", 256, 98},
    {T::kIQ1_S, "IQ1_S", 256, 50},
    {T::kIQ4_NL, "IQ4_NL", 32, 18},
    {T::kIQ3_S, "IQ3_S", 256, 110},
    {T::kIQ2_S, "IQ2_S", 256, 82},
    {T::kIQ4_XS, "IQ4_XS", 256, 136},
    {T::kI8, "I8", 1, 1},
    {T::kI16, "I16", 1, 2},
    {T::kI32, "I32", 1, 4},
    {T::kI64, "I64", 1, 8},
    {T::kF64, "F64", 1, 8},
    {T::kIQ1_M, "IQ1_M", 256, 56},
    {T::kBF16, "BF16", 1, 2},
    {T::kTQ1_0, "TQ1_0", 256, 54},
    {T::kTQ2_0, "TQ2_0", 256, 66},
    {T::kMXFP4, "MXFP4", 32, 17},
    {T::kNVFP4, "NVFP4", 64, 36},
    {T::kQ1_0, "Q1_0", 128, 18},
    {T::kQ2_0, "Q2_0", 64, 18},
    {T::kF8_E4M3, "F8_E4M3", 1, 1},
    {T::kF8_E5M2, "F8_E5M2", 1, 1},
    {T::kU8, "U8", 1, 1},
    {T::kU16, "U16", 1, 2},
    {T::kU32, "U32", 1, 4},
    {T::kU64, "U64", 1, 8},
    {T::kBool, "BOOL", 1, 1},
    {T::kF8_E8M0, "F8_E8M0", 1, 1},
};

constexpr uint32_t kFirstSafetensorsId = static_cast<uint32_t>(T::kF8_E4M3);

const TypeTraits* FindType(TensorType type) {
  const auto* found = std::lower_bound(
      std::begin(kTypes), std::end(kTypes), type,
      [](const TypeTraits& traits, TensorType wanted) { return traits.type < wanted; });
  return found != std::end(kTypes) && found->type == type ? found : nullptr;
}

bool MultiplyOverflows(int64_t a, int64_t b, int64_t* product) {
  return __builtin_mul_overflow(a, b, product);
}

}  // namespace

const TypeTraits& Traits(TensorType type) { return *FindType(type); }

absl::Span<const TypeTraits> AllTypes() { return kTypes; }

absl::StatusOr<TensorType> TypeFromGgufId(uint32_t id) {
  const bool removed = id == 4 || id == 5 || (id >= 31 && id <= 33) || (id >= 36 && id <= 38);
  if (removed) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor type ", id, " was removed from the GGUF format: convert the model again"));
  }
  const auto type = static_cast<TensorType>(id);
  if (id >= kFirstSafetensorsId || FindType(type) == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("tensor type ", id, " is unknown"));
  }
  return type;
}

std::optional<TensorType> TypeFromSafetensorsName(std::string_view name) {
  for (const TypeTraits& traits : kTypes) {
    if (traits.name == name && traits.block_elements == 1) return traits.type;
  }
  return std::nullopt;
}

absl::StatusOr<int64_t> ElementsOf(absl::Span<const int64_t> shape) {
  int64_t elements = 1;
  for (int64_t dimension : shape) {
    if (dimension < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("shape ", ShapeString(shape), " has a negative dimension"));
    }
    if (MultiplyOverflows(elements, dimension, &elements)) {
      return absl::InvalidArgumentError(
          absl::StrCat("shape ", ShapeString(shape), " has more than 2^63 - 1 elements"));
    }
  }
  return elements;
}

absl::StatusOr<uint64_t> RowBytes(TensorType type, int64_t columns) {
  const TypeTraits& traits = Traits(type);
  if (columns < 0 || columns % traits.block_elements != 0) {
    return absl::InvalidArgumentError(absl::StrCat("type ", View(traits.name),
                                                   " needs rows in multiples of ",
                                                   traits.block_elements, ", got ", columns));
  }
  int64_t bytes = 0;
  if (MultiplyOverflows(columns / traits.block_elements, traits.block_bytes, &bytes)) {
    return absl::InvalidArgumentError(absl::StrCat("a row of ", columns, " elements is too long"));
  }
  return static_cast<uint64_t>(bytes);
}

absl::StatusOr<uint64_t> BytesFor(TensorType type, absl::Span<const int64_t> shape) {
  absl::StatusOr<int64_t> elements = ElementsOf(shape);
  if (!elements.ok()) return elements.status();
  const int64_t columns = shape.empty() ? 1 : shape.back();
  absl::StatusOr<uint64_t> row = RowBytes(type, columns);
  if (!row.ok()) return row.status();
  if (*elements == 0) return 0;
  int64_t bytes = 0;
  if (MultiplyOverflows(*elements / columns, static_cast<int64_t>(*row), &bytes)) {
    return absl::InvalidArgumentError(absl::StrCat("shape ", ShapeString(shape), " of type ",
                                                   View(TypeName(type)),
                                                   " needs more than 2^63 - 1 bytes"));
  }
  return static_cast<uint64_t>(bytes);
}

std::string ShapeString(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

}  // namespace skep::models
