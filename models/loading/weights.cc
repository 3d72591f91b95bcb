#include "models/loading/weights.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "models/layers/status_macros.h"
#include "models/loading/matrix_rows.h"
#include "models/loading/mxfp4.h"
#include "models/weights/dequantize.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

// Where wrappers keep the text model, tried in this order.
constexpr std::array<std::string_view, 3> kWrapperPrefixes = {"", "language_model.",
                                                              "model.language_model."};

// Buffers and statistics that checkpoints carry along.
constexpr std::array<std::string_view, 6> kNeverUsed = {
    ".rotary_emb.inv_freq", ".attn.masked_bias", ".attention.masked_bias",
    ".attn.bias",           ".attention.bias",   "rotary_pos_emb.inv_freq"};

constexpr size_t kMostProblemsShown = 20;

int64_t Elements(const std::vector<int64_t>& shape) {
  int64_t elements = 1;
  for (int64_t dim : shape) elements *= dim;
  return elements;
}

std::string ShapeOf(const TensorInfo& tensor) { return ShapeString(tensor.shape); }

absl::Status WrongShape(const TensorInfo& tensor, std::string_view problem) {
  return absl::InvalidArgumentError(
      absl::StrCat("tensor '", tensor.name, "': shape ", ShapeOf(tensor), ": ", View(problem)));
}

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

NormWeights Weights::Norm(std::string_view name, int64_t dim, const NormOptions& options) const {
  const std::string path = at(name).path_;
  NormWeights norm;
  norm.kind = options.kind;
  norm.epsilon = static_cast<float>(options.epsilon);
  std::vector<float> scale(dim, 1.0f);
  if (options.scale) {
    scale = loader_->LoadVector(path + ".weight", dim, /*required=*/true);
    for (float& value : scale) value += options.offset;
  }
  norm.scale = loader_->ops_.MakeVector(scale);
  if (options.bias != Bias::kNone) {
    const std::vector<float> bias =
        loader_->LoadVector(path + ".bias", dim, options.bias == Bias::kRequired);
    if (!bias.empty()) norm.bias = loader_->ops_.MakeVector(bias);
  }
  return norm;
}

std::vector<float> Weights::Vector(std::string_view name, int64_t size) const {
  return loader_->LoadVector(at(name).path_, size, /*required=*/true);
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

WeightLoader::WeightLoader(const WeightSource& source, const QuantizationScheme* scheme, Ops& ops,
                           std::vector<WeightRule> rules, std::function<void(double)> progress)
    : source_(source),
      scheme_(scheme),
      ops_(ops),
      rules_(std::move(rules)),
      gguf_(source.format() == "gguf"),
      progress_(std::move(progress)) {
  for (const TensorInfo& tensor : source.tensors()) source_bytes_ += tensor.bytes;
}

const TensorInfo* WeightLoader::FindInWrappers(std::string_view name) const {
  if (gguf_) return source_.Find(name);
  // Codes may have a name of their own.
  const bool has_codes = scheme_ != nullptr && name.ends_with(".weight");
  const std::string_view base = name.substr(0, name.size() - (has_codes ? 7 : 0));
  for (std::string_view prefix : kWrapperPrefixes) {
    // "model.language_model." takes the place of "model.", the others come before it.
    const bool inner = prefix == "model.language_model." && name.starts_with("model.");
    const auto find = [&](std::string_view rest, std::string_view suffix) {
      if (inner) rest.remove_prefix(6);
      return source_.Find(std::string(prefix).append(rest).append(suffix));
    };
    if (const TensorInfo* tensor = find(name, "")) return tensor;
    if (!has_codes) continue;
    if (const TensorInfo* tensor = find(base, scheme_->codes_suffix())) return tensor;
  }
  return nullptr;
}

WeightLoader::Found WeightLoader::Find(const std::string& canonical) const {
  for (const WeightRule& rule : rules_) {
    std::optional<Instance> instance = Apply(rule, canonical);
    if (!instance) continue;
    if (rule.mxfp4) instance->file += "_blocks";
    if (const TensorInfo* tensor = FindInWrappers(instance->file)) {
      return {tensor, &rule, instance->slab};
    }
  }
  if (!gguf_) return {FindInWrappers(canonical), nullptr, -1};
  return {};
}

bool WeightLoader::Use(const TensorInfo& tensor) {
  if (!used_.insert(&tensor).second) return false;
  used_bytes_ += tensor.bytes;
  if (progress_ && source_bytes_ > 0) {
    progress_(static_cast<double>(used_bytes_) / static_cast<double>(source_bytes_));
  }
  return true;
}

void WeightLoader::Missing(const std::string& canonical) {
  std::vector<std::string> names;
  for (const WeightRule& rule : rules_) {
    const std::optional<Instance> instance = Apply(rule, canonical);
    if (instance) names.push_back(absl::StrCat("'", instance->file, "'"));
  }
  if (!gguf_) names.push_back(absl::StrCat("'", canonical, "'"));
  Fail(absl::StrCat("missing tensor ", names.empty()
                                           ? absl::StrCat("'", canonical, "' (no GGUF name known)")
                                           : absl::StrJoin(names, " or ")));
}

// Makes `matrix` and `shape`, those of the whole tensor, those of one slab.
absl::Status WeightLoader::OpenSlab(const Found& found, FileMatrix& matrix,
                                    std::vector<int64_t>& shape) const {
  const TensorInfo& tensor = *found.tensor;
  const int64_t slabs = found.rule != nullptr ? found.rule->slabs : 0;
  if (slabs == 0) {
    if (shape.size() != 3) {
      return WrongShape(tensor, "three dimensions are right, the first for experts or heads");
    }
    if (found.slab >= shape[0]) {
      return WrongShape(tensor,
                        absl::StrCat("number ", found.slab, " is beyond the first dimension"));
    }
    if (matrix.quantized != nullptr) {
      matrix.first_row = shape[1] * found.slab;
    } else {
      matrix.data +=
          tensor.bytes / static_cast<uint64_t>(shape[0]) * static_cast<uint64_t>(found.slab);
    }
    shape.erase(shape.begin());
    return absl::OkStatus();
  }
  if (shape.size() != 2 || shape[0] % slabs != 0 || found.slab >= slabs) {
    return WrongShape(tensor,
                      absl::StrCat("two dimensions are right, with rows for ", slabs, " heads"));
  }
  matrix.first_row = shape[0] / slabs * found.slab;
  shape[0] /= slabs;
  return absl::OkStatus();
}

absl::StatusOr<WeightLoader::FileMatrix> WeightLoader::Open(const Found& found) const {
  const TensorInfo& tensor = *found.tensor;
  FileMatrix matrix{.type = tensor.type, .data = tensor.data};
  std::vector<int64_t> shape = tensor.shape;
  if (scheme_ != nullptr) {
    SKEP_ASSIGN_OR_RETURN(matrix.quantized, scheme_->Open(source_, tensor));
    if (matrix.quantized != nullptr) {
      matrix.type = matrix.quantized->type();
      shape = matrix.quantized->shape();
    }
  }
  matrix.parameters = Elements(shape);
  if (found.slab >= 0) SKEP_RETURN_IF_ERROR(OpenSlab(found, matrix, shape));
  if (shape.size() == 1) shape.insert(shape.begin(), 1);  // GGUF drops a single row's dimension
  if (shape.size() != 2) return WrongShape(tensor, "two dimensions are right");
  matrix.rows = shape[0];
  matrix.columns = shape[1];
  if (found.rule == nullptr || !found.rule->transposed) return matrix;
  const TypeTraits& traits = Traits(tensor.type);
  if (traits.block_elements != 1 || matrix.quantized != nullptr) {
    return WrongShape(tensor, absl::StrCat("it is stored [in, out], which cannot be read from ",
                                           View(TypeName(tensor.type)), "; F32, F16 and BF16 can"));
  }
  matrix.rewritten = Transpose(RowsOf(matrix.type, matrix.columns, matrix.data, matrix.rows)).owned;
  matrix.data = matrix.rewritten.data();
  std::swap(matrix.rows, matrix.columns);
  return matrix;
}

absl::StatusOr<WeightLoader::FileMatrix> WeightLoader::OpenMxfp4(const Found& found) {
  const TensorInfo& blocks = *found.tensor;
  const std::string base(absl::StripSuffix(blocks.name, "_blocks"));
  const TensorInfo* scales = source_.Find(absl::StrCat(base, "_scales"));
  if (scales == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", blocks.name, "' without its '", base, "_scales'"));
  }
  Use(*scales);
  FileMatrix matrix{.type = TensorType::kMXFP4};
  SKEP_ASSIGN_OR_RETURN(matrix.rewritten, RepackMxfp4(blocks, *scales, found.slab));
  matrix.rows = blocks.shape[1];
  matrix.columns = blocks.shape[2] * Traits(TensorType::kMXFP4).block_elements;
  matrix.data = matrix.rewritten.data();
  matrix.parameters = blocks.shape[0] * matrix.rows * matrix.columns;
  return matrix;
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
  const WeightRule as_it_is;
  const WeightRule& rule = found.rule != nullptr ? *found.rule : as_it_is;
  const bool whole =
      !rule.rows && found.slab < 0 && !rule.transposed && !rule.rows_are_columns && !rule.mxfp4;
  if (whole) {
    const auto known = whole_.find(found.tensor);
    if (known != whole_.end()) return known->second;  // tied embeddings
  }
  const bool first = Use(tensor);
  absl::StatusOr<FileMatrix> file = rule.mxfp4 ? OpenMxfp4(found) : Open(found);
  if (!file.ok()) {
    Fail(std::string(file.status().message()));
    return nullptr;
  }
  if (first) parameters_ += file->parameters;
  if (rule.rows_are_columns) std::swap(rows, columns);  // what the file should have
  const RowMap* map = rule.rows ? &*rule.rows : nullptr;
  const int64_t have = map != nullptr ? map->rows : file->rows;
  if (file->columns != columns || (rows >= 0 ? have != rows : have < min_rows) ||
      (map != nullptr && map->file_rows != file->rows)) {
    Fail(absl::StrCat("tensor '", tensor.name, "': shape ", ShapeOf(tensor), ", but [",
                      rule.slabs > 0 ? absl::StrCat(rule.slabs, " * ") : "",
                      map != nullptr ? absl::StrCat(map->file_rows)
                      : rows >= 0    ? absl::StrCat(rows)
                                     : absl::StrCat("at least ", min_rows),
                      ", ", columns, "] is right for this configuration"));
    return nullptr;
  }
  auto matrix = Prepare(tensor, rule, *file);
  source_.Release(tensor);
  if (!matrix.ok()) {
    Fail(std::string(matrix.status().message()));
    return nullptr;
  }
  bytes_by_type_[file->quantized != nullptr ? file->quantized->listed_type() : file->type] +=
      (*matrix)->bytes();
  prepared_bytes_ += (*matrix)->bytes();
  if (whole) whole_[found.tensor] = *matrix;
  return *std::move(matrix);
}

absl::StatusOr<std::shared_ptr<const PreparedMatrix>> WeightLoader::Prepare(
    const TensorInfo& tensor, const WeightRule& rule, const FileMatrix& file) {
  const int64_t count = rule.rows ? rule.rows->rows : file.rows;
  const uint64_t row_bytes = *RowBytes(file.type, file.columns);  // right: the source checked it
  const auto file_row = [&](int64_t i) {
    return static_cast<uint64_t>(file.first_row + (rule.rows ? rule.rows->row(i) : i));
  };
  MatrixRows rows{file.type, file.columns, {}, {}};
  if (file.quantized != nullptr) {
    for (const TensorInfo* companion : file.quantized->companions()) Use(*companion);
    rows.owned.resize(count * row_bytes);
    rows.data = RowsOf(rows.type, rows.columns, rows.owned.data(), count).data;
    const auto for_ranges = [this](int64_t size, const auto& body) { ops_.ForRanges(size, body); };
    file.quantized->Arrange(for_ranges);
    ops_.ForRanges(count, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        file.quantized->DecodeRow(static_cast<int64_t>(file_row(i)),
                                  rows.owned.data() + i * row_bytes);
      }
    });
  } else {
    rows.data.resize(count);
    for (int64_t i = 0; i < count; ++i) rows.data[i] = file.data + file_row(i) * row_bytes;
  }
  const float factor = file.quantized != nullptr ? file.quantized->factor() : 1.0f;
  if (rule.rows_are_columns) rows = Transpose(rows);
  return ops_.PrepareMatrix({tensor.name, rows.type, static_cast<int64_t>(rows.data.size()),
                             rows.columns, std::move(rows.data), factor});
}

std::vector<float> WeightLoader::LoadVector(const std::string& canonical, int64_t size,
                                            bool required) {
  const Found found = Find(canonical);
  if (found.tensor == nullptr) {
    if (required) Missing(canonical);
    return {};
  }
  const TensorInfo& tensor = *found.tensor;
  if (Use(tensor)) parameters_ += Elements(tensor.shape);
  const RowMap* map = found.rule != nullptr && found.rule->rows ? &*found.rule->rows : nullptr;
  const bool stacked = found.slab >= 0;
  const int64_t slabs = stacked && !tensor.shape.empty() ? tensor.shape[0] : 1;
  const int64_t file_size = slabs > 0 ? Elements(tensor.shape) / slabs : 0;
  const int64_t have = map != nullptr ? map->rows : file_size;
  if ((size >= 0 && have != size) || (map != nullptr && map->file_rows != file_size) ||
      (stacked && found.slab >= slabs)) {
    Fail(absl::StrCat("tensor '", tensor.name, "': shape ", ShapeOf(tensor), ", but ",
                      map != nullptr ? map->file_rows : size, " elements",
                      stacked ? " for each expert" : "", " are right for this configuration"));
    return {};
  }
  std::vector<float> stored(file_size);
  const uint64_t offset =
      stacked ? tensor.bytes / static_cast<uint64_t>(slabs) * static_cast<uint64_t>(found.slab) : 0;
  const absl::Status status =
      DequantizeRow(tensor.type, tensor.data + offset, file_size, stored.data());
  if (!status.ok()) {
    Fail(absl::StrCat("tensor '", tensor.name, "': ", status.message()));
    return {};
  }
  std::vector<float> values(have);
  for (int64_t i = 0; i < have; ++i) values[i] = stored[map != nullptr ? map->row(i) : i];
  return values;
}

bool WeightLoader::Ignored(std::string_view name) const {
  const auto ends = [&](std::string_view suffix) { return name.ends_with(suffix); };
  std::string_view inner = name;
  for (std::string_view outer : {"model.", "language_model.", "model."}) {
    if (inner.starts_with(outer)) inner.remove_prefix(outer.size());
  }
  const auto starts = [&](std::string_view prefix) { return inner.starts_with(prefix); };
  return std::any_of(kNeverUsed.begin(), kNeverUsed.end(), ends) ||
         std::any_of(ignored_suffixes_.begin(), ignored_suffixes_.end(), ends) ||
         std::any_of(ignored_prefixes_.begin(), ignored_prefixes_.end(), starts);
}

absl::Status WeightLoader::Finish() const {
  std::vector<std::string> problems = problems_;
  for (const TensorInfo& tensor : source_.tensors()) {
    if (used_.contains(&tensor) || Ignored(tensor.name)) continue;
    if (scheme_ != nullptr && scheme_->Ignores(source_, tensor)) continue;
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
