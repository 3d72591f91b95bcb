// The hyper-parameters of a model under one set of names, Hugging Face's, whether they come from
// config.json (the released or the transformers-5 dialect, with or without a text_config wrapper)
// or from GGUF metadata. Lookups know the usual aliases (n_embd for hidden_size, ...). A key with a
// dot looks into an object ("attn_config.clip_qkv"). A JSON null counts as absent.

#ifndef SKEP_MODELS_WEIGHTS_CONFIG_VIEW_H_
#define SKEP_MODELS_WEIGHTS_CONFIG_VIEW_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/weights/gguf.h"

namespace skep::models {

// RoPE of one kind of layer, normalised. `type` is default, linear, dynamic, llama3, yarn or
// longrope. Fields that a type does not use keep their neutral value.
struct RopeParameters {
  std::string type = "default";
  double theta = 10000.0;
  double factor = 1.0;
  double partial_rotary_factor = 1.0;
  double low_freq_factor = 1.0;                  // llama3
  double high_freq_factor = 1.0;                 // llama3
  double beta_fast = 32.0;                       // yarn
  double beta_slow = 1.0;                        // yarn
  bool truncate = true;                          // yarn
  std::optional<double> attention_factor;        // yarn, longrope
  std::optional<double> mscale;                  // yarn
  std::optional<double> mscale_all_dim;          // yarn
  int64_t original_max_position_embeddings = 0;  // 0 if neither given nor needed
  std::optional<double> short_mscale;            // longrope of PhiMoE: attention factors for
  std::optional<double> long_mscale;             // contexts within the original, and beyond it
  std::vector<double> short_factor;              // longrope; in GGUF they are tensors
  std::vector<double> long_factor;               // longrope; in GGUF they are tensors
  // Ministral 3: queries are multiplied by 1 + beta ln(1 + floor(position / original maximum)).
  double llama_4_scaling_beta = 0.0;
};

// What a family assumes where a file is silent.
struct RopeDefaults {
  double theta = 10000.0;
  // Set for families whose sliding layers have a RoPE of their own (Gemma 3: 10000).
  std::optional<double> sliding_theta;
  double partial_rotary_factor = 1.0;
};

// Cheap to copy; immutable. The getters are safe from several threads.
class ConfigView final {
 public:
  // `generation` is the text of generation_config.json, empty if there is none. `file` names the
  // configuration in messages.
  static absl::StatusOr<ConfigView> FromJson(std::string_view config, std::string_view generation,
                                             std::string file);
  // Copies what it needs; the file need not outlive the view.
  static absl::StatusOr<ConfigView> FromGguf(const GgufFile& gguf);

  bool is_gguf() const;
  // architectures[0], or else model_type, of config.json ("LlamaForCausalLM"); general.architecture
  // of GGUF ("llama"). Empty if a config.json has neither.
  const std::string& architecture() const;
  // model_type of config.json (of the text model inside a wrapper); general.architecture of GGUF.
  const std::string& model_type() const;
  // For messages.
  const std::string& file() const;

  // Errors name the key, the file, and what was found instead. Missing: NotFound.
  absl::StatusOr<int64_t> RequiredInt(std::string_view key) const;
  absl::StatusOr<double> RequiredFloat(std::string_view key) const;
  absl::StatusOr<std::string> RequiredString(std::string_view key) const;
  // As RequiredInt, but must be in [low, high].
  absl::StatusOr<int64_t> RequiredIntIn(std::string_view key, int64_t low, int64_t high) const;

  // Absent: the default. Present but of another type: InvalidArgument, so that nothing is ignored.
  absl::StatusOr<int64_t> IntOr(std::string_view key, int64_t value) const;
  absl::StatusOr<double> FloatOr(std::string_view key, double value) const;
  absl::StatusOr<bool> BoolOr(std::string_view key, bool value) const;
  absl::StatusOr<std::string> StringOr(std::string_view key, std::string_view value) const;
  absl::StatusOr<std::optional<int64_t>> OptionalInt(std::string_view key) const;
  absl::StatusOr<std::optional<double>> OptionalFloat(std::string_view key) const;

  // Lists; a single value is a list of one, an absent key an empty list.
  absl::StatusOr<std::vector<int64_t>> Ints(std::string_view key) const;
  absl::StatusOr<std::vector<double>> Floats(std::string_view key) const;
  absl::StatusOr<std::vector<std::string>> Strings(std::string_view key) const;

  // Present and not null.
  bool Has(std::string_view key) const;

  // Tokens that end a generation: those of generation_config.json, of config.json and of its
  // text_config; of GGUF, eos, eot and eom. Without duplicates, possibly empty.
  absl::StatusOr<std::vector<int64_t>> EosTokenIds() const;

  // The kind of each layer ("full_attention", "sliding_attention", ...): layer_types, or else
  // sliding_window_pattern (a number n: of every n layers one is full, the last or the first of
  // them; or one flag a layer), or else `default_pattern` (1: all full; 0: all sliding; n: as
  // above).
  enum class FullLayers { kLast, kFirst };
  absl::StatusOr<std::vector<std::string>> LayerTypes(int64_t num_layers, int64_t default_pattern,
                                                      FullLayers full = FullLayers::kLast) const;

  // RoPE for the layers of this kind. Unknown scaling types: Unimplemented.
  // GGUF keeps llama3 scaling in the tensor rope_freqs.weight: the type is "default" there.
  absl::StatusOr<RopeParameters> Rope(std::string_view layer_type = "full_attention",
                                      const RopeDefaults& defaults = {}) const;

  // The object under this key, empty if there is none, as a view of its own.
  absl::StatusOr<ConfigView> Section(std::string_view key) const;

  // generation_config.json (of GGUF: general.sampling.*), empty if there is none.
  ConfigView Generation() const;

 private:
  struct Data;
  explicit ConfigView(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

  std::shared_ptr<const Data> data_;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_WEIGHTS_CONFIG_VIEW_H_
