#include "models/loading/packed_int32.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/layers/status_macros.h"
#include "models/loading/grouped_codes.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

constexpr int64_t kWordBits = 32;
constexpr std::string_view kCodes = ".qweight";
// The nibble of an AWQ word that holds each of its outputs.
constexpr std::array<int, 8> kAwqNibble = {0, 4, 1, 5, 2, 6, 3, 7};

struct Options {
  int bits = 4;
  int64_t group_size = 128;  // -1: one group
  bool zeros_less_one = false;
};

// What lies beside a qweight.
struct Parts {
  const TensorInfo* zeros = nullptr;
  const TensorInfo* scales = nullptr;
  const TensorInfo* group_index = nullptr;  // may be missing

  std::vector<const TensorInfo*> companions() const {
    std::vector<const TensorInfo*> all = {zeros, scales};
    if (group_index != nullptr) all.push_back(group_index);
    return all;
  }
};

absl::StatusOr<Parts> FindParts(const WeightSource& source, const TensorInfo& codes) {
  Parts parts;
  SKEP_ASSIGN_OR_RETURN(parts.zeros, RequireBeside(source, codes, kCodes, ".qzeros"));
  SKEP_ASSIGN_OR_RETURN(parts.scales, RequireBeside(source, codes, kCodes, ".scales"));
  parts.group_index = FindBeside(source, codes, kCodes, ".g_idx");
  return parts;
}

absl::Status CheckCodes(const TensorInfo& codes) {
  if (codes.type == TensorType::kI32 && codes.shape.size() == 2 && codes.shape[0] > 0 &&
      codes.shape[1] > 0) {
    return absl::OkStatus();
  }
  return WrongTensor(codes, "I32 with two dimensions above 0 is right");
}

// Transposes scales from [groups, rows] and fills in what follows from the parts' shapes. What is
// packed along the outputs has `packed_rows` words.
absl::Status ReadGroups(const TensorInfo& codes, const Parts& parts, const Options& options,
                        int64_t packed_rows, GroupedCodes& grouped) {
  const std::vector<int64_t>& shape = parts.scales->shape;
  if (shape.size() != 2 || shape[0] < 1 || shape[1] != grouped.rows) {
    return WrongTensor(*parts.scales, absl::StrCat("[groups, ", grouped.rows, "] is right beside '",
                                                   codes.name, "'"));
  }
  grouped.groups = shape[0];
  SKEP_RETURN_IF_ERROR(CheckTensor(*parts.zeros, TensorType::kI32, {grouped.groups, packed_rows}));
  const int64_t size = options.group_size == -1 ? grouped.columns : options.group_size;
  auto group_of = GroupOfColumns(parts.group_index, grouped.columns, size, grouped.groups);
  if (!group_of.ok()) {
    return parts.group_index != nullptr
               ? group_of.status()
               : WrongTensor(*parts.scales, std::string(group_of.status().message()));
  }
  grouped.group_of = *std::move(group_of);
  grouped.highest = static_cast<int16_t>((1 << options.bits) - 1);
  SKEP_ASSIGN_OR_RETURN(const std::vector<float> scales, ReadScales(*parts.scales));
  grouped.scales.resize(scales.size());
  for (int64_t g = 0; g < grouped.groups; ++g) {
    for (int64_t r = 0; r < grouped.rows; ++r) {
      grouped.scales[r * grouped.groups + g] = scales[g * grouped.rows + r];
    }
  }
  return absl::OkStatus();
}

// `row_zeros` writes the zero points of all rows for a group.
template <typename RowZeros>
void ReadZeros(const RowZeros& row_zeros, GroupedCodes& grouped) {
  grouped.zeros.resize(grouped.rows * grouped.groups);
  std::vector<int16_t> zeros(grouped.rows);
  for (int64_t g = 0; g < grouped.groups; ++g) {
    row_zeros(g, zeros);
    for (int64_t r = 0; r < grouped.rows; ++r) grouped.zeros[r * grouped.groups + g] = zeros[r];
  }
}

std::vector<uint32_t> WordsOf(const TensorInfo& tensor) {
  std::vector<uint32_t> words(tensor.bytes / sizeof(uint32_t));
  std::memcpy(words.data(), tensor.data, words.size() * sizeof(uint32_t));
  return words;
}

// A word's eight outputs, in order.
void UnpackAwqWord(uint32_t word, int16_t* codes) {
  for (int i = 0; i < 8; ++i) codes[i] = static_cast<int16_t>(word >> (4 * kAwqNibble[i]) & 15);
}

// A scheme whose codes are called qweight.
class PackedScheme : public QuantizationScheme {
 public:
  PackedScheme(std::string_view method, const Options& options)
      : method_(method), options_(options) {}

  std::string name() const final { return absl::StrCat(method_, " ", options_.bits, "-bit"); }

  std::optional<int64_t> CodedValues(const WeightSource& source,
                                     const TensorInfo& tensor) const final {
    if (QuantizationScheme::Ignores(source, tensor) ||
        LiesBeside(source, tensor, {".qzeros", ".scales", ".g_idx"}, kCodes)) {
      return 0;
    }
    if (!tensor.name.ends_with(kCodes)) return std::nullopt;
    return static_cast<int64_t>(tensor.bytes) * 8 / options_.bits;
  }

  std::string_view codes_suffix() const final { return kCodes; }

  absl::StatusOr<std::unique_ptr<QuantizedWeight>> Open(const WeightSource& source,
                                                        const TensorInfo& tensor) const final {
    if (!tensor.name.ends_with(kCodes)) {
      if (IsPlainFloat(tensor.type)) return nullptr;
      return WrongTensor(tensor, "F32, F16 or BF16 is right for what is not quantised");
    }
    SKEP_RETURN_IF_ERROR(CheckCodes(tensor));
    SKEP_ASSIGN_OR_RETURN(const Parts parts, FindParts(source, tensor));
    SKEP_ASSIGN_OR_RETURN(GroupedCodes grouped, Read(tensor, parts));
    return MakeGroupedWeight(tensor, std::move(grouped), parts.companions());
  }

 protected:
  virtual absl::StatusOr<GroupedCodes> Read(const TensorInfo& codes, const Parts& parts) const = 0;
  const Options& options() const { return options_; }

 private:
  std::string method_;
  Options options_;
};

class GptqScheme final : public PackedScheme {
 public:
  explicit GptqScheme(const Options& options) : PackedScheme("gptq", options) {}

  bool Ignores(const WeightSource& source, const TensorInfo& tensor) const override {
    const auto zero = [](std::byte byte) { return byte == std::byte{0}; };
    return QuantizationScheme::Ignores(source, tensor) ||
           (FindBeside(source, tensor, ".bias", kCodes) != nullptr &&
            std::all_of(tensor.data, tensor.data + tensor.bytes, zero));
  }

 protected:
  absl::StatusOr<GroupedCodes> Read(const TensorInfo& codes, const Parts& parts) const override {
    const int bits = options().bits;
    const int64_t words = codes.shape[0];
    GroupedCodes grouped;
    grouped.rows = codes.shape[1];
    grouped.columns = words * kWordBits / bits;  // fits: 4 * words bytes are there
    if (words * kWordBits % bits != 0 || grouped.rows * bits % kWordBits != 0) {
      return WrongTensor(
          codes, absl::StrCat("[in * ", bits, " / ", kWordBits,
                              ", out] is right, both in multiples of ", kWordBits, " values"));
    }
    const int64_t packed_rows = grouped.rows * bits / kWordBits;
    SKEP_RETURN_IF_ERROR(ReadGroups(codes, parts, options(), packed_rows, grouped));
    const std::vector<uint32_t> zeros = WordsOf(*parts.zeros);
    const auto row_zeros = [&](int64_t group, std::vector<int16_t>& values) {
      UnpackBits(zeros.data() + group * packed_rows, bits, absl::MakeSpan(values));
      if (!options().zeros_less_one) return;
      for (int16_t& value : values) value = static_cast<int16_t>((value + 1) & grouped.highest);
    };
    ReadZeros(row_zeros, grouped);
    const auto rows = std::make_shared<std::vector<uint32_t>>();
    grouped.arrange = [rows, data = codes.data, words, count = grouped.rows](const ForRanges& run) {
      *rows = TransposeWords(data, words, count, run);
    };
    grouped.read = [rows, words, bits, count = grouped.columns](int64_t row, int16_t* values) {
      UnpackBits(rows->data() + row * words, bits, absl::MakeSpan(values, count));
    };
    return grouped;
  }
};

class AwqScheme final : public PackedScheme {
 public:
  explicit AwqScheme(const Options& options) : PackedScheme("awq", options) {}

 protected:
  absl::StatusOr<GroupedCodes> Read(const TensorInfo& codes, const Parts& parts) const override {
    const int64_t packed_rows = codes.shape[1];
    GroupedCodes grouped;
    grouped.rows = packed_rows * 8;
    grouped.columns = codes.shape[0];
    SKEP_RETURN_IF_ERROR(ReadGroups(codes, parts, options(), packed_rows, grouped));
    const std::vector<uint32_t> zeros = WordsOf(*parts.zeros);
    const auto row_zeros = [&](int64_t group, std::vector<int16_t>& values) {
      for (int64_t i = 0; i < packed_rows; ++i) {
        UnpackAwqWord(zeros[group * packed_rows + i], values.data() + 8 * i);
      }
    };
    ReadZeros(row_zeros, grouped);
    const auto rows = std::make_shared<std::vector<uint32_t>>();
    grouped.arrange = [rows, data = codes.data, count = grouped.columns,
                       packed_rows](const ForRanges& run) {
      *rows = TransposeWords(data, count, packed_rows, run);
    };
    grouped.read = [rows, count = grouped.columns](int64_t row, int16_t* values) {
      const uint32_t* words = rows->data() + row / 8 * count;
      const int shift = 4 * kAwqNibble[row % 8];
      for (int64_t i = 0; i < count; ++i) values[i] = static_cast<int16_t>(words[i] >> shift & 15);
    };
    return grouped;
  }
};

absl::Status Unsupported(const ConfigView& config, std::string_view what, std::string_view right) {
  return absl::UnimplementedError(
      absl::StrCat(config.file(), ": ", View(what), " is not supported; ", View(right)));
}

absl::StatusOr<Options> ReadOptions(const ConfigView& config) {
  Options options;
  SKEP_ASSIGN_OR_RETURN(const int64_t bits, config.RequiredIntIn("bits", 1, kWordBits));
  SKEP_ASSIGN_OR_RETURN(options.group_size, config.IntOr("group_size", 128));
  options.bits = static_cast<int>(bits);
  if (options.group_size != -1 && options.group_size < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        config.file(), ": group_size ", options.group_size, ": -1 or a positive number is right"));
  }
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<QuantizationScheme>> ReadGptqScheme(const ConfigView& config) {
  SKEP_ASSIGN_OR_RETURN(Options options, ReadOptions(config));
  if (options.bits != 2 && options.bits != 3 && options.bits != 4 && options.bits != 8) {
    return Unsupported(config, absl::StrCat("gptq with bits ", options.bits), "2, 3, 4 and 8 are");
  }
  SKEP_ASSIGN_OR_RETURN(const std::string format, config.StringOr("format", "gptq"));
  SKEP_ASSIGN_OR_RETURN(const std::string named, config.StringOr("checkpoint_format", format));
  if (named != "gptq" && named != "gptq_v2") {
    return Unsupported(config, absl::StrCat("gptq with checkpoint_format '", named, "'"),
                       "'gptq' and 'gptq_v2' are");
  }
  SKEP_ASSIGN_OR_RETURN(const bool marlin, config.BoolOr("is_marlin_format", false));
  if (marlin) return Unsupported(config, "gptq with is_marlin_format", "'gptq' and 'gptq_v2' are");
  options.zeros_less_one = named == "gptq";
  return std::make_unique<GptqScheme>(options);
}

absl::StatusOr<std::unique_ptr<QuantizationScheme>> ReadAwqScheme(const ConfigView& config) {
  SKEP_ASSIGN_OR_RETURN(const Options options, ReadOptions(config));
  if (options.bits != 4) {
    return Unsupported(config, absl::StrCat("awq with bits ", options.bits), "4 is");
  }
  SKEP_ASSIGN_OR_RETURN(const std::string format, config.StringOr("format", "gemm"));
  SKEP_ASSIGN_OR_RETURN(std::string version, config.StringOr("version", format));
  std::transform(version.begin(), version.end(), version.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (version != "gemm") {
    return Unsupported(config, absl::StrCat("awq with version '", version, "'"), "'gemm' is");
  }
  SKEP_ASSIGN_OR_RETURN(const bool zero_point, config.BoolOr("zero_point", true));
  if (!zero_point) return Unsupported(config, "awq without zero_point", "with it, it is");
  return std::make_unique<AwqScheme>(options);
}

std::vector<uint32_t> TransposeWords(const std::byte* words, int64_t rows, int64_t columns,
                                     const ForRanges& for_ranges) {
  constexpr int64_t kTile = 16;  // a cache line of words
  std::vector<uint32_t> out(rows * columns);
  for_ranges((columns + kTile - 1) / kTile, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin * kTile; first < std::min(end * kTile, columns); first += kTile) {
      const int64_t count = std::min(kTile, columns - first);
      for (int64_t r = 0; r < rows; ++r) {
        uint32_t line[kTile];
        std::memcpy(line, words + (r * columns + first) * sizeof(uint32_t),
                    count * sizeof(uint32_t));
        for (int64_t c = 0; c < count; ++c) out[(first + c) * rows + r] = line[c];
      }
    }
  });
  return out;
}

void UnpackBits(const uint32_t* words, int bits, absl::Span<int16_t> codes) {
  const uint32_t mask = (uint32_t{1} << bits) - 1;
  uint64_t buffer = 0;
  int held = 0;
  for (int16_t& code : codes) {
    if (held < bits) {
      buffer |= static_cast<uint64_t>(*words++) << held;
      held += static_cast<int>(kWordBits);
    }
    code = static_cast<int16_t>(buffer & mask);
    buffer >>= bits;
    held -= bits;
  }
}

}  // namespace skep::models
