// The way from tensors in files to the weights of layers.
//
// Canonical names and layouts are those of Hugging Face's Llama. A family lists how its files
// differ, as WeightRules; layers ask for canonical names through a cursor and never see the format:
//
//   Weights attention = layer.at("self_attn");
//   q_ = attention.Linear("q_proj", /*out=*/heads * head_dim, /*in=*/hidden);
//
// Errors are collected, not returned one by one: a missing tensor yields empty weights, and
// WeightLoader::Finish names everything that was missing, mis-shaped or never asked for.
#ifndef SKEP_MODELS_LOADING_WEIGHTS_H_
#define SKEP_MODELS_LOADING_WEIGHTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/loading/quantized_weight.h"
#include "models/loading/rule.h"
#include "models/ops/ops.h"
#include "models/weights/weight_source.h"

namespace skep::models {

// How a matrix is split over devices that compute together (tensor parallelism). On one device
// every kind keeps the whole matrix.
enum class Partition {
  kReplicated,  // every device has all of it
  kColumn,      // split by output features: q, k, v, gate, up
  kRow,         // split by input features; partial results are summed: o, down
};

class WeightLoader;

// A place in the tree of weights. Cheap to copy; the loader must outlive it.
class Weights final {
 public:
  Weights at(std::string_view name) const;
  Weights at(int64_t index) const;

  // `<name>.weight` [out, in] and, as `bias` says, `<name>.bias` [out].
  LinearWeights Linear(std::string_view name, int64_t out, int64_t in,
                       Partition partition = Partition::kReplicated, Bias bias = Bias::kNone) const;
  // `<name>.weight` [rows, columns], whose number of rows the file decides, but at least
  // `min_rows`.
  LinearWeights Table(std::string_view name, int64_t min_rows, int64_t columns) const;
  // `<name>.weight` and, as options say, `<name>.bias` [dim].
  NormWeights Norm(std::string_view name, int64_t dim, const NormOptions& options) const;
  // A vector under its full name below this place, of any shape that has `size` elements.
  std::vector<float> Vector(std::string_view name, int64_t size) const;
  // The same, of any size; empty if there is none.
  std::vector<float> OptionalVector(std::string_view name) const;

  bool Has(std::string_view name) const;  // name with its suffix: "lm_head.weight"
  // `value` as the stored type of that tensor holds it, if that is BF16 or F16: models trained in
  // such a type also keep their constants in it.
  float RoundAsStored(std::string_view name, float value) const;

 private:
  friend class WeightLoader;
  Weights(WeightLoader* loader, std::string path) : loader_(loader), path_(std::move(path)) {}

  WeightLoader* loader_;
  std::string path_;
};

class WeightLoader final {
 public:
  // `prefixes` are tried in turn before a canonical name that is not found as it is ("model." is
  // part of the canonical name): wrappers put their text model below "language_model." and so on.
  // `scheme` is how the checkpoint is quantised, null if it is not; it must outlive the loader.
  WeightLoader(const WeightSource& source, const QuantizationScheme* scheme, Ops& ops,
               std::vector<WeightRule> rules, std::function<void(double)> progress);

  Weights root() { return Weights(this, ""); }

  // Names in the file that no layer asks for and that carry nothing this model needs. A prefix may
  // have "model." or a wrapper's before it in the file.
  void IgnoreSuffix(std::string_view suffix) { ignored_suffixes_.emplace_back(suffix); }
  void IgnorePrefix(std::string_view prefix) { ignored_prefixes_.emplace_back(prefix); }

  // Adds to what Finish reports.
  void Fail(std::string problem) { problems_.push_back(std::move(problem)); }

  // The one error of loading: what is missing, what has the wrong shape, what was not used.
  absl::Status Finish() const;

  int64_t prepared_bytes() const { return prepared_bytes_; }
  int64_t parameters() const { return parameters_; }
  // The types of the matrices, most bytes first: "Q4_1+Q8_0".
  std::string Quantization() const;

 private:
  friend class Weights;

  // A canonical tensor as the file has it: which tensor, by which rule, and which of its slabs.
  struct Found {
    const TensorInfo* tensor = nullptr;
    const WeightRule* rule = nullptr;  // null: it has the canonical name and layout
    int64_t slab = -1;                 // -1: the tensor is not stacked
  };
  // A matrix of a file, or a slab of one, by rows.
  struct FileMatrix {
    TensorType type = TensorType::kF32;
    int64_t rows = 0;
    int64_t columns = 0;
    int64_t parameters = 0;  // of the whole tensor
    const std::byte* data = nullptr;
    std::vector<std::byte> rewritten;  // what `data` points to where it is not the file's
    // In place of `data`: where the rows are, from `first_row` on.
    std::unique_ptr<QuantizedWeight> quantized;
    int64_t first_row = 0;
  };
  Found Find(const std::string& canonical) const;
  const TensorInfo* FindInWrappers(std::string_view name) const;
  absl::StatusOr<FileMatrix> Open(const Found& found) const;
  absl::StatusOr<FileMatrix> OpenMxfp4(const Found& found);
  absl::Status OpenSlab(const Found& found, FileMatrix& matrix, std::vector<int64_t>& shape) const;
  absl::StatusOr<std::shared_ptr<const PreparedMatrix>> Prepare(const TensorInfo& tensor,
                                                                const WeightRule& rule,
                                                                const FileMatrix& file);
  // Whether it is the first use.
  bool Use(const TensorInfo& tensor);
  void Missing(const std::string& canonical);
  bool Ignored(std::string_view name) const;

  std::shared_ptr<const PreparedMatrix> LoadMatrix(const std::string& canonical, int64_t rows,
                                                   int64_t min_rows, int64_t columns);
  std::vector<float> LoadVector(const std::string& canonical, int64_t size, bool required);

  const WeightSource& source_;
  const QuantizationScheme* scheme_;
  Ops& ops_;
  std::vector<WeightRule> rules_;
  bool gguf_;
  std::function<void(double)> progress_;
  std::vector<std::string> ignored_suffixes_;
  std::vector<std::string> ignored_prefixes_;
  absl::flat_hash_set<const TensorInfo*> used_;
  absl::flat_hash_map<const TensorInfo*, std::shared_ptr<const PreparedMatrix>> whole_;  // tied
  absl::flat_hash_map<TensorType, int64_t> bytes_by_type_;
  std::vector<std::string> problems_;
  int64_t source_bytes_ = 0;
  int64_t used_bytes_ = 0;
  int64_t prepared_bytes_ = 0;
  int64_t parameters_ = 0;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LOADING_WEIGHTS_H_
