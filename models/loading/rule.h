// What is to be loaded, and where files keep it: data that plans and rules of families consist of.
#ifndef SKEP_MODELS_LOADING_RULE_H_
#define SKEP_MODELS_LOADING_RULE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "models/ops/options.h"

namespace skep::models {

enum class Bias { kNone, kOptional, kRequired };

// Which rows of a file's tensor make up a canonical one. See rules.h for those in use.
struct RowMap {
  int64_t rows = 0;                     // of the canonical tensor
  int64_t file_rows = 0;                // of the file's
  std::function<int64_t(int64_t)> row;  // of the file's tensor, for a canonical row
};

// Where a file keeps a canonical tensor. Each "{}" stands for a number (a layer's index, an
// expert's). If the file's name has one less, the last number chooses a slab of a three-dimensional
// tensor (stacked experts).
struct WeightRule {
  std::string canonical;
  std::string file;
  std::optional<RowMap> rows;  // of a slab, where there are slabs; none: all of them, in order
  bool transposed = false;     // stored [in, out]
  // > 0: the file's tensor has two dimensions, its rows are so many slabs one after another.
  int64_t slabs = 0;
  bool rows_are_columns = false;  // the chosen rows are the columns of the canonical matrix
  bool mxfp4 = false;             // two tensors, <file>_blocks and <file>_scales: see mxfp4.h
};

// A rule applied to a canonical name: the file's name for it, and which slab of that tensor.
struct Instance {
  std::string file;
  int64_t slab = -1;  // -1: the tensor is not stacked
};
// None if the rule is for other names.
std::optional<Instance> Apply(const WeightRule& rule, std::string_view canonical);

struct NormOptions {
  NormKind kind = NormKind::kRms;
  double epsilon = 0;
  float offset = 0.0f;  // added to the stored scale: 1 where files store w for 1 + w
  bool scale = true;    // false: there is nothing to load
  Bias bias = Bias::kNone;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LOADING_RULE_H_
