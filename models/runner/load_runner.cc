#include "models/load_runner.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <exception>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/architectures/build_decoder.h"
#include "models/architectures/mixture.h"
#include "models/layers/status_macros.h"
#include "models/ops/cpu/cpu_ops.h"
#include "models/ops/reference/reference_ops.h"
#include "models/registry.h"
#include "models/runner/loaded_model.h"
#include "models/runner/local_runner.h"
#include "models/runner/memory.h"
#include "models/weights/embedding_config.h"
#include "models/weights/model_files.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

constexpr int32_t kBlockSize = 32;
// Sequences reserve memory for their tokens: a file that claims more is not believed.
constexpr int64_t kMaxContext = int64_t{1} << 24;

absl::Status CheckOptions(const RunnerOptions& options) {
  if (options.max_sequences < 1 || options.max_sequences > 4096) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_sequences ", options.max_sequences, ": 1 to 4096 is right"));
  }
  if (options.max_batch_tokens < options.max_sequences || options.max_batch_tokens > 65536) {
    return absl::InvalidArgumentError(absl::StrCat("max_batch_tokens ", options.max_batch_tokens,
                                                   ": max_sequences (", options.max_sequences,
                                                   ") to 65536 is right"));
  }
  if (options.context_length < 0 || options.kv_cache_memory < 0 || options.threads < 0) {
    return absl::InvalidArgumentError(
        "context length, cache memory and threads must not be negative");
  }
  return absl::OkStatus();
}

absl::StatusOr<SamplingDefaults> ReadSamplingDefaults(const ConfigView& config) {
  const ConfigView generation = config.Generation();
  SamplingDefaults defaults;
  const auto read = [&](std::string_view key, std::optional<float>& target) -> absl::Status {
    SKEP_ASSIGN_OR_RETURN(const std::optional<double> value, generation.OptionalFloat(key));
    if (value) target = static_cast<float>(*value);
    return absl::OkStatus();
  };
  SKEP_RETURN_IF_ERROR(read("temperature", defaults.temperature));
  SKEP_RETURN_IF_ERROR(read("top_p", defaults.top_p));
  SKEP_RETURN_IF_ERROR(read("min_p", defaults.min_p));
  SKEP_RETURN_IF_ERROR(read("typical_p", defaults.typical_p));
  SKEP_RETURN_IF_ERROR(read("repetition_penalty", defaults.repetition_penalty));
  SKEP_ASSIGN_OR_RETURN(const std::optional<int64_t> top_k, generation.OptionalInt("top_k"));
  if (top_k) defaults.top_k = static_cast<int32_t>(std::clamp<int64_t>(*top_k, 0, 1 << 30));
  SKEP_ASSIGN_OR_RETURN(const bool samples, generation.BoolOr("do_sample", true));
  if (!samples) defaults.temperature = 0.0f;
  return defaults;
}

absl::StatusOr<EmbeddingDefaults> ReadEmbeddingDefaults(const ModelFiles& files, bool generates) {
  SKEP_ASSIGN_OR_RETURN(const EmbeddingConfig config, ReadEmbeddingConfig(files));
  EmbeddingDefaults defaults;
  defaults.normalize = config.normalize.value_or(true);
  switch (config.pooling.value_or(generates ? PoolingMode::kLastToken : PoolingMode::kMeanTokens)) {
    case PoolingMode::kLastToken:
      defaults.pooling = Pooling::kLast;
      break;
    case PoolingMode::kMeanTokens:
      defaults.pooling = Pooling::kMean;
      break;
    case PoolingMode::kClsToken:
      defaults.pooling = Pooling::kFirst;
      break;
  }
  return defaults;
}

// How far sequences can grow. Most scalings of RoPE count their stretch in the plan's positions
// already.
int64_t ContextLength(const architectures::DecoderPlan& plan, const RunnerOptions& options) {
  int64_t usable = plan.max_positions;
  const auto rope = plan.ropes.find("rope");
  if (rope != plan.ropes.end() && rope->second.parameters.type == "dynamic") {
    const double factor = rope->second.parameters.factor;
    if (factor > 1 && factor < 1 << 20) {
      usable = static_cast<int64_t>(static_cast<double>(usable) * factor);
    }
  }
  usable = std::min(usable, kMaxContext);
  return options.context_length > 0 ? std::min(options.context_length, usable) : usable;
}

absl::Status ReadInfo(const std::string& path, const ModelFiles& files,
                      const architectures::DecoderPlan& plan, const RunnerOptions& options,
                      ModelInfo& info) {
  const ConfigView& config = files.config;
  info.hidden_size = plan.decoder.hidden;
  info.num_layers = static_cast<int64_t>(plan.layers.size());
  info.context_length = ContextLength(plan, options);
  info.whole_prompts = plan.prefix.end != PrefixOptions::End::kNone;
  info.generates = plan.generates;
  info.format = files.weights->format();
  info.device = options.device;
  info.name = std::filesystem::path(path).lexically_normal().stem().string();
  if (files.gguf != nullptr && files.gguf->Has("general.name")) {
    SKEP_ASSIGN_OR_RETURN(const std::string_view name, files.gguf->String("general.name"));
    info.name = std::string(name);
  }
  SKEP_ASSIGN_OR_RETURN(const std::vector<int64_t> eos, config.EosTokenIds());
  for (int64_t id : eos) {
    if (id >= 0 && id < (int64_t{1} << 31)) info.eos_token_ids.push_back(static_cast<TokenId>(id));
  }
  SKEP_ASSIGN_OR_RETURN(info.sampling_defaults, ReadSamplingDefaults(config));
  SKEP_ASSIGN_OR_RETURN(info.embedding_defaults, ReadEmbeddingDefaults(files, plan.generates));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ops>> MakeOps(const RunnerOptions& options) {
  if (options.device != "cpu") {
    return absl::UnimplementedError(
        absl::StrCat("device '", options.device, "' is not supported by this build; 'cpu' is"));
  }
  if (options.ops == "reference") return MakeReferenceOps();
  if (options.ops != "fused") {
    return absl::InvalidArgumentError(
        absl::StrCat("ops '", options.ops, "': 'fused' or 'reference' is right"));
  }
  cpu::KvType kv_type;
  if (options.kv_cache_type == "f16") {
    kv_type = cpu::KvType::kF16;
  } else if (options.kv_cache_type == "bf16") {
    kv_type = cpu::KvType::kBF16;
  } else if (options.kv_cache_type == "f32") {
    kv_type = cpu::KvType::kF32;
  } else if (options.kv_cache_type == "int8") {
    kv_type = cpu::KvType::kI8;
  } else {
    return absl::InvalidArgumentError(absl::StrCat("key-value cache type '", options.kv_cache_type,
                                                   "': 'f16', 'bf16', 'int8' or 'f32' is right"));
  }
  // Our own pool does the work; libtorch's would only take its cores away.
  at::set_num_threads(1);
  CpuOptions cpu;
  cpu.threads = options.threads;
  cpu.kv_type = kv_type;
  return MakeCpuOps(cpu);
}

absl::StatusOr<LoadedModel> LoadModel(const std::string& path, const RunnerOptions& options,
                                      std::unique_ptr<Ops> ops) {
  SKEP_RETURN_IF_ERROR(CheckOptions(options));
  SKEP_ASSIGN_OR_RETURN(ModelFiles files, OpenModel(path));
  SKEP_ASSIGN_OR_RETURN(const Architecture* architecture, FindArchitecture(files.config));
  SKEP_ASSIGN_OR_RETURN(const architectures::DecoderPlan plan, architecture->plan(files.config));

  LoadedModel loaded;
  loaded.max_sequences = options.max_sequences;
  loaded.max_batch_tokens = options.max_batch_tokens;
  loaded.prefix = plan.prefix;
  loaded.info.architecture = std::string(architecture->name);
  SKEP_RETURN_IF_ERROR(ReadInfo(path, files, plan, options, loaded.info));
  loaded.ops = std::move(ops);
  loaded.workspace = std::make_unique<Workspace>();
  loaded.state = std::make_unique<StateStore>();

  SKEP_ASSIGN_OR_RETURN(std::vector<WeightRule> rules, architecture->rules(files.config));
  if (files.gguf != nullptr) architectures::AddGgufFusedExperts(plan, rules);
  SKEP_ASSIGN_OR_RETURN(const std::unique_ptr<QuantizationScheme> scheme,
                        ReadQuantizationScheme(files.config));
  WeightLoader loader(*files.weights, scheme.get(), *loaded.ops, std::move(rules),
                      options.progress);
  Builder builder{files.config,      *loaded.ops,   loader,
                  *loaded.workspace, *loaded.state, loaded.info.context_length};
  SKEP_ASSIGN_OR_RETURN(loaded.model, BuildDecoder(builder, *architecture, plan));
  SKEP_RETURN_IF_ERROR(loader.Finish());
  loaded.info.vocab_size = loaded.model->vocab_size();
  loaded.info.quantization = loader.Quantization();
  loaded.info.weight_bytes = loader.prepared_bytes();
  loaded.info.num_parameters = loader.parameters();
  const auto outside = [&](TokenId id) { return id >= loaded.info.vocab_size; };
  std::erase_if(loaded.info.eos_token_ids, outside);

  loaded.workspace->Allocate(*loaded.ops, options.max_batch_tokens);
  StateStore::Sizing sizing;
  sizing.block_size = kBlockSize;
  sizing.memory_bytes = options.kv_cache_memory > 0 ? options.kv_cache_memory : DefaultCacheBytes();
  sizing.context_length = loaded.info.context_length;
  sizing.max_sequences = options.max_sequences;
  sizing.max_batch_tokens = options.max_batch_tokens;
  SKEP_RETURN_IF_ERROR(loaded.state->Allocate(*loaded.ops, sizing));
  loaded.info.cache = loaded.state->layout();
  loaded.files = std::move(files.weights);
  return loaded;
}

absl::StatusOr<std::unique_ptr<ModelRunner>> LoadModelRunner(const std::string& path,
                                                             const RunnerOptions& options) {
  try {
    const c10::InferenceMode inference;
    SKEP_ASSIGN_OR_RETURN(std::unique_ptr<Ops> ops, MakeOps(options));
    SKEP_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(path, options, std::move(ops)));
    return std::make_unique<LocalRunner>(std::move(loaded));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("loading '", path, "': ", error.what()));
  }
}

std::vector<std::string> SupportedArchitectures() {
  std::vector<std::string> lines;
  for (const Architecture& architecture : Architectures()) {
    const auto join = [](std::span<const std::string_view> names) {
      return absl::StrJoin(std::vector<std::string>(names.begin(), names.end()), ", ");
    };
    lines.push_back(absl::StrCat(View(architecture.name), " (",
                                 join(architecture.hugging_face_names),
                                 "; gguf: ", join(architecture.gguf_names), ")"));
  }
  return lines;
}

absl::Status CheckSupported(const std::string& path) {
  SKEP_ASSIGN_OR_RETURN(const ModelFiles files, OpenModel(path));
  SKEP_ASSIGN_OR_RETURN(const Architecture* architecture, FindArchitecture(files.config));
  SKEP_RETURN_IF_ERROR(architecture->plan(files.config).status());
  return ReadEmbeddingConfig(files).status();
}

}  // namespace skep::models
