#include "models/loading/quantized_weight.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/layers/status_macros.h"
#include "models/loading/compressed_tensors.h"
#include "models/loading/fp4.h"
#include "models/loading/fp8.h"
#include "models/loading/mxfp4.h"
#include "models/loading/packed_int32.h"
#include "models/weights/dequantize.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

using SchemeOr = absl::StatusOr<std::unique_ptr<QuantizationScheme>>;

// Scales of activations, and of cached keys and values.
constexpr std::array<std::string_view, 9> kOfActivations = {
    ".input_scale", ".input_zero_point",  ".input_global_scale", ".output_scale",    ".k_scale",
    ".v_scale",     ".output_zero_point", ".activation_scale",   "_activation_scale"};

constexpr std::string_view kReadable =
    "fp8 (e4m3), fbgemm_fp8, quark (FP8), modelopt (FP8, NVFP4), gptq, awq, compressed-tensors and "
    "mxfp4 (gpt-oss) are, as are unquantised SafeTensors and every GGUF type";

absl::Status Unsupported(const ConfigView& config, std::string_view what) {
  return absl::UnimplementedError(
      absl::StrCat(config.file(), ": ", View(what), " is not supported; ", View(kReadable)));
}

SchemeOr ReadFp8(const ConfigView& config) {
  SKEP_ASSIGN_OR_RETURN(const std::string format, config.StringOr("fmt", "e4m3"));
  if (format != "e4m3") return Unsupported(config, absl::StrCat("fp8 with fmt '", format, "'"));
  SKEP_ASSIGN_OR_RETURN(const std::optional<BlockSize> block,
                        ReadBlockSize(config, "weight_block_size"));
  return MakeFp8Scheme(block);
}

SchemeOr ReadFbgemm(const ConfigView& /*config*/) { return MakeFp8Scheme(std::nullopt); }

SchemeOr ReadQuark(const ConfigView& config) {
  constexpr std::string_view kType = "global_quant_config.weight.dtype";
  SKEP_ASSIGN_OR_RETURN(const std::string type, config.RequiredString(kType));
  if (type != "fp8_e4m3") {
    return Unsupported(config, absl::StrCat("quark with weights of '", type, "'"));
  }
  return MakeFp8Scheme(std::nullopt);
}

SchemeOr ReadMxfp4(const ConfigView& /*config*/) { return MakeMxfp4Scheme(); }

struct Method {
  std::string_view name;
  SchemeOr (*read)(const ConfigView& config);
};
constexpr Method kMethods[] = {{"fp8", ReadFp8},
                               {"fbgemm_fp8", ReadFbgemm},
                               {"quark", ReadQuark},
                               {"modelopt", ReadModelOptScheme},
                               {"gptq", ReadGptqScheme},
                               {"awq", ReadAwqScheme},
                               {"compressed-tensors", ReadCompressedTensorsScheme},
                               {"mxfp4", ReadMxfp4}};

}  // namespace

bool QuantizationScheme::Ignores(const WeightSource& /*source*/, const TensorInfo& tensor) const {
  return std::any_of(kOfActivations.begin(), kOfActivations.end(),
                     [&](std::string_view suffix) { return tensor.name.ends_with(suffix); });
}

SchemeOr ReadQuantizationScheme(const ConfigView& view) {
  if (view.is_gguf() || !view.Has("quantization_config")) return nullptr;
  SKEP_ASSIGN_OR_RETURN(const ConfigView config, view.Section("quantization_config"));
  SKEP_ASSIGN_OR_RETURN(const std::string name, config.StringOr("quant_method", "unnamed"));
  for (const Method& method : kMethods) {
    if (method.name == name) return method.read(config);
  }
  return Unsupported(config, absl::StrCat("quant_method '", name, "'"));
}

const TensorInfo* FindBeside(const WeightSource& source, const TensorInfo& tensor,
                             std::string_view from, std::string_view to) {
  std::string_view name = tensor.name;
  if (!name.ends_with(from)) return nullptr;
  name.remove_suffix(from.size());
  return source.Find(std::string(name).append(to));
}

absl::StatusOr<const TensorInfo*> RequireBeside(const WeightSource& source,
                                                const TensorInfo& tensor, std::string_view from,
                                                std::string_view to) {
  const TensorInfo* found = FindBeside(source, tensor, from, to);
  if (found != nullptr) return found;
  return absl::InvalidArgumentError(absl::StrCat("tensor '", tensor.name, "' without a '", View(to),
                                                 "' in place of its '", View(from), "'"));
}

absl::Status WrongTensor(const TensorInfo& tensor, std::string_view right) {
  return absl::InvalidArgumentError(absl::StrCat("tensor '", tensor.name,
                                                 "': ", View(TypeName(tensor.type)), " ",
                                                 ShapeString(tensor.shape), ": ", View(right)));
}

absl::Status CheckTensor(const TensorInfo& tensor, TensorType type,
                         const std::vector<int64_t>& shape) {
  if (tensor.type == type && tensor.shape == shape) return absl::OkStatus();
  return WrongTensor(tensor,
                     absl::StrCat(View(TypeName(type)), " ", ShapeString(shape), " is right"));
}

absl::StatusOr<std::vector<float>> ReadScales(const TensorInfo& tensor) {
  if (!IsPlainFloat(tensor.type) && tensor.type != TensorType::kF8_E8M0) {
    return WrongTensor(tensor, "F32, F16, BF16 or F8_E8M0 is right for scales");
  }
  std::vector<float> values(tensor.bytes / Traits(tensor.type).block_bytes);
  const auto count = static_cast<int64_t>(values.size());
  SKEP_RETURN_IF_ERROR(DequantizeRow(tensor.type, tensor.data, count, values.data()));
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
    return WrongTensor(tensor, "every scale must be a finite number");
  }
  return values;
}

bool LiesBeside(const WeightSource& source, const TensorInfo& tensor,
                std::initializer_list<std::string_view> suffixes, std::string_view codes) {
  return std::any_of(suffixes.begin(), suffixes.end(), [&](std::string_view suffix) {
    return FindBeside(source, tensor, suffix, codes) != nullptr;
  });
}

bool IsPlainFloat(TensorType type) {
  return type == TensorType::kF32 || type == TensorType::kF16 || type == TensorType::kBF16 ||
         type == TensorType::kF64;
}

}  // namespace skep::models
