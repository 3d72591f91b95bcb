#include "models/loading/weights.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "models/weights/dequantize.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

// Where wrappers keep the text model, tried in this order.
constexpr std::array<std::string_view, 3> kWrapperPrefixes = {"", "language_model.",
                                                              "model.language_model."};

// Buffers and statistics that checkpoints carry along.
constexpr std::array<std::string_view, 5> kNeverUsed = {".rotary_emb.inv_freq", ".attn.masked_bias",
                                                        ".attention.masked_bias", ".attn.bias",
                                                        "rotary_pos_emb.inv_freq"};

constexpr size_t kMostProblemsShown = 20;

// "a.{}.b" with the index of the first numeric component of `canonical` put in; empty if
// `canonical` is not an instance of `pattern`.
std::string Instantiate(const WeightRule& rule, const std::string& canonical) {
  const size_t hole = rule.canonical.find("{}");
  if (hole == std::string::npos) return rule.canonical == canonical ? rule.gguf : "";
  const std::string_view head = std::string_view(rule.canonical).substr(0, hole);
  const std::string_view tail = std::string_view(rule.canonical).substr(hole + 2);
  if (canonical.size() <= head.size() + tail.size() || !absl::StartsWith(canonical, View(head)) ||
      !absl::EndsWith(canonical, View(tail))) {
    return "";
  }
  const std::string index =
      canonical.substr(head.size(), canonical.size() - head.size() - tail.size());
  int64_t ignored;
  if (!absl::SimpleAtoi(index, &ignored)) return "";
  return absl::StrReplaceAll(rule.gguf, {{"{}", index}});
}

std::string ShapeOf(const TensorInfo& tensor) { return ShapeString(tensor.shape); }

}  // namespace

Weights Weights::at(std::string_view name) const {
  return Weights(loader_, path_.empty() ? std::string(name) : absl::StrCat(path_, ".", View(name)));
}

Weights Weights::at(int64_t index) const { return at(absl::StrCat(index)); }

LinearWeights Weights::Linear(std::string_view name, int64_t out, int64_t in, Partition /*whole*/,
                              Bias bias) const {
  const std::string path = at(name).path_;
  LinearWeights linear;
  linear.matrix = loader_->LoadMatrix(path + ".weight", out, out, in);
  if (bias != Bias::kNone) {
    const std::vector<float> values =
        loader_->LoadVector(path + ".bias", out, bias == Bias::kRequired);
    if (!values.empty()) linear.bias = loader_->ops_.MakeVector(values);
  }
  return linear;
}

LinearWeights Weights::Table(std::string_view name, int64_t min_rows, int64_t columns) const {
  return {loader_->LoadMatrix(at(name).path_ + ".weight", /*rows=*/-1, min_rows, columns), {}};
}

NormWeights Weights::Norm(std::string_view name, int64_t dim, float epsilon, float offset) const {
  std::vector<float> values =
      loader_->LoadVector(at(name).path_ + ".weight", dim, /*required=*/true);
  for (float& value : values) value += offset;
  return {loader_->ops_.MakeVector(values), epsilon};
}

std::vector<float> Weights::OptionalVector(std::string_view name) const {
  return loader_->LoadVector(at(name).path_, /*size=*/-1, /*required=*/false);
}

bool Weights::Has(std::string_view name) const {
  return loader_->Find(at(name).path_).tensor != nullptr;
}

float Weights::RoundAsStored(std::string_view name, float value) const {
  const WeightLoader::Found found = loader_->Find(at(name).path_);
  if (found.tensor == nullptr || loader_->gguf_) return value;
  if (found.tensor->type == TensorType::kBF16) return c10::BFloat16(value);
  if (found.tensor->type == TensorType::kF16) return c10::Half(value);
  return value;
}

WeightLoader::WeightLoader(const WeightSource& source, Ops& ops, std::vector<WeightRule> gguf_rules,
                           std::function<void(double)> progress)
    : source_(source),
      ops_(ops),
      rules_(std::move(gguf_rules)),
      gguf_(source.format() == "gguf"),
      progress_(std::move(progress)) {
  for (const TensorInfo& tensor : source.tensors()) source_bytes_ += tensor.bytes;
}

WeightLoader::Found WeightLoader::Find(const std::string& canonical) {
  if (gguf_) {
    for (const WeightRule& rule : rules_) {
      const std::string name = Instantiate(rule, canonical);
      if (name.empty()) continue;
      if (const TensorInfo* tensor = source_.Find(name)) return {tensor, rule};
    }
    return {};
  }
  for (std::string_view prefix : kWrapperPrefixes) {
    // "model.language_model." takes the place of "model.", the others come before it.
    std::string_view rest = canonical;
    if (prefix == "model.language_model." && rest.starts_with("model.")) rest.remove_prefix(6);
    if (const TensorInfo* tensor = source_.Find(std::string(prefix).append(rest))) {
      return {tensor, {}};
    }
  }
  return {};
}

void WeightLoader::Use(const Found& found) {
  if (!used_.insert(found.tensor).second) return;
  used_bytes_ += found.tensor->bytes;
  int64_t elements = 1;
  for (int64_t dim : found.tensor->shape) elements *= dim;
  parameters_ += elements;
  if (progress_ && source_bytes_ > 0) {
    progress_(static_cast<double>(used_bytes_) / static_cast<double>(source_bytes_));
  }
}

void WeightLoader::Missing(const std::string& canonical) {
  std::string wanted = canonical;
  if (gguf_) {
    std::vector<std::string> names;
    for (const WeightRule& rule : rules_) {
      const std::string name = Instantiate(rule, canonical);
      if (!name.empty()) names.push_back(absl::StrCat("'", name, "'"));
    }
    wanted = names.empty() ? absl::StrCat("'", canonical, "' (no GGUF name known)")
                           : absl::StrJoin(names, " or ");
  } else {
    wanted = absl::StrCat("'", canonical, "'");
  }
  Fail(absl::StrCat("missing tensor ", wanted));
}

int64_t WeightLoader::FileRow(const WeightRule& rule, int64_t rows, int64_t i) {
  int64_t row = i;
  if (rule.heads > 0) {
    const int64_t head_dim = rows / rule.heads;
    const int64_t head = i / head_dim, within = i % head_dim, half = head_dim / 2;
    row = head * head_dim + 2 * (within % half) + within / half;
  }
  return rule.first_row + row;
}

std::shared_ptr<const PreparedMatrix> WeightLoader::LoadMatrix(const std::string& canonical,
                                                               int64_t rows, int64_t min_rows,
                                                               int64_t columns) {
  const Found found = Find(canonical);
  if (found.tensor == nullptr) {
    Missing(canonical);
    return nullptr;
  }
  const TensorInfo& tensor = *found.tensor;
  const bool fused = found.rule.num_rows >= 0;
  const int64_t file_rows = tensor.shape.size() == 2 ? tensor.shape[0] : -1;
  const int64_t have = fused ? found.rule.num_rows : file_rows;
  if (tensor.shape.size() != 2 || tensor.shape[1] != columns ||
      (rows >= 0 ? have != rows : have < min_rows) || found.rule.first_row + have > file_rows ||
      (found.rule.heads > 0 &&
       (have % found.rule.heads != 0 || have / found.rule.heads % 2 != 0))) {
    Use(found);
    Fail(absl::StrCat(
        "tensor '", tensor.name, "': shape ", ShapeOf(tensor), ", but [",
        rows >= 0 ? absl::StrCat(fused ? file_rows : rows) : absl::StrCat("at least ", min_rows),
        ", ", columns, "] is right for this configuration"));
    return nullptr;
  }
  const bool whole = !fused && found.rule.heads == 0;
  if (whole) {
    const auto known = whole_.find(found.tensor);
    if (known != whole_.end()) return known->second;  // tied embeddings
  }
  Use(found);

  MatrixSource source{tensor.name, tensor.type, have, columns, {}};
  const size_t row_bytes = tensor.bytes / static_cast<uint64_t>(file_rows);
  source.row_data.resize(have);
  for (int64_t i = 0; i < have; ++i) {
    source.row_data[i] = tensor.data + FileRow(found.rule, have, i) * row_bytes;
  }
  auto matrix = ops_.PrepareMatrix(source);
  source_.Release(tensor);
  if (!matrix.ok()) {
    Fail(std::string(matrix.status().message()));
    return nullptr;
  }
  bytes_by_type_[tensor.type] += (*matrix)->bytes();
  prepared_bytes_ += (*matrix)->bytes();
  if (whole) whole_[found.tensor] = *matrix;
  return *std::move(matrix);
}

std::vector<float> WeightLoader::LoadVector(const std::string& canonical, int64_t size,
                                            bool required) {
  const Found found = Find(canonical);
  if (found.tensor == nullptr) {
    if (required) Missing(canonical);
    return {};
  }
  Use(found);
  const TensorInfo& tensor = *found.tensor;
  const int64_t file_size = tensor.shape.size() == 1 ? tensor.shape[0] : -1;
  const int64_t have = found.rule.num_rows >= 0 ? found.rule.num_rows : file_size;
  if (file_size < 0 || (size >= 0 && have != size) || found.rule.first_row + have > file_size ||
      (found.rule.heads > 0 && have % (2 * found.rule.heads) != 0)) {
    Fail(absl::StrCat("tensor '", tensor.name, "': shape ", ShapeOf(tensor), ", but [", size,
                      "] is right for this configuration"));
    return {};
  }
  std::vector<float> stored(file_size);
  const absl::Status status = DequantizeRow(tensor.type, tensor.data, file_size, stored.data());
  if (!status.ok()) {
    Fail(absl::StrCat("tensor '", tensor.name, "': ", status.message()));
    return {};
  }
  std::vector<float> values(have);
  for (int64_t i = 0; i < have; ++i) values[i] = stored[FileRow(found.rule, have, i)];
  return values;
}

bool WeightLoader::Ignored(std::string_view name) const {
  const auto ends = [&](std::string_view suffix) { return name.ends_with(suffix); };
  std::string_view inner = name;
  if (inner.starts_with("model.")) inner.remove_prefix(6);
  const auto starts = [&](std::string_view prefix) { return inner.starts_with(prefix); };
  return std::any_of(kNeverUsed.begin(), kNeverUsed.end(), ends) ||
         std::any_of(ignored_suffixes_.begin(), ignored_suffixes_.end(), ends) ||
         std::any_of(ignored_prefixes_.begin(), ignored_prefixes_.end(), starts);
}

absl::Status WeightLoader::Finish() const {
  std::vector<std::string> problems = problems_;
  for (const TensorInfo& tensor : source_.tensors()) {
    if (used_.contains(&tensor) || Ignored(tensor.name)) continue;
    problems.push_back(absl::StrCat("unused tensor '", tensor.name, "' ", ShapeOf(tensor)));
  }
  if (problems.empty()) return absl::OkStatus();
  const size_t count = problems.size();
  if (count > kMostProblemsShown) {
    problems.resize(kMostProblemsShown);
    problems.push_back(absl::StrCat("and ", count - kMostProblemsShown, " more"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(source_.path(),
                   ": the weights do not fit the configuration: ", absl::StrJoin(problems, "; ")));
}

std::string WeightLoader::Quantization() const {
  std::vector<std::pair<int64_t, std::string_view>> types;
  for (const auto& [type, bytes] : bytes_by_type_) types.emplace_back(-bytes, TypeName(type));
  std::sort(types.begin(), types.end());
  return absl::StrJoin(types, "+",
                       [](std::string* out, const auto& entry) { out->append(entry.second); });
}

}  // namespace skep::models
