// Operations on several residual streams, and gates that are cut or multiplied by what is given,
// against the reference operations; and bit-equality however the rows are cut into calls.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "models/ops/reference/reference_ops.h"
#include "tests/unit/models/ops_on_levels.h"

namespace skep::models {
namespace {

constexpr int64_t kRows = 29;
constexpr float kLeast = 1e-5f;

// Sums of some hundred products of float32, and what follows them.
constexpr double kRounding = 2e-6;
// Activations rounded to 8 bits are off by 0.5 % (see model_test.cc); what a cut leaves of a gate
// is about half a deviation, of which that is 1 %, and the other factor is off as well.
constexpr double kRounded = 0.03;

// Rows of random numbers, of which a call takes some.
class Rows {
 public:
  Rows(int64_t columns, uint32_t seed) : columns_(columns), values_(kRows * columns) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (float& value : values_) value = normal(random);
  }

  float* row(int64_t i) { return values_.data() + i * columns_; }

  // In a buffer of their own.
  at::Tensor On(Ops& ops, int64_t first, int64_t count) const {
    at::Tensor buffer = ops.MakeBuffer(count, columns_);
    std::memcpy(buffer.data_ptr<float>(), values_.data() + first * columns_,
                count * columns_ * sizeof(float));
    return buffer;
  }

 private:
  int64_t columns_;
  std::vector<float> values_;
};

std::vector<float> Read(const at::Tensor& values, int64_t columns) {
  std::vector<float> read;
  for (int64_t row = 0; row < values.size(0); ++row) {
    const float* from = values.data_ptr<float>() + row * values.stride(0);
    read.insert(read.end(), from, from + columns);
  }
  return read;
}

// What an operation makes of rows [first, first + count).
using Run = std::function<std::vector<float>(Ops& ops, int64_t first, int64_t count)>;

// The time between BeginStep and EndStep, for what was prepared before.
class InStep {
 public:
  explicit InStep(Ops& ops) : ops_(ops) { ops_.BeginStep(input_); }
  ~InStep() { ops_.EndStep(); }
  InStep(const InStep&) = delete;
  InStep& operator=(const InStep&) = delete;

 private:
  Ops& ops_;
  const StepInput input_{};
};

double Difference(const std::vector<float>& actual, const std::vector<float>& expected) {
  EXPECT_EQ(actual.size(), expected.size());
  double squares = 0, expected_squares = 0;
  for (size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
    squares += std::pow(static_cast<double>(actual[i]) - expected[i], 2);
    expected_squares += std::pow(static_cast<double>(expected[i]), 2);
  }
  return std::sqrt(squares / expected_squares);
}

void ExpectLikeReference(const Run& run, double tolerance) {
  const std::unique_ptr<Ops> reference = MakeReferenceOps();
  const std::vector<float> expected = run(*reference, 0, kRows);
  for (const auto& ops : CpuLevels()) {
    const std::vector<float> actual = run(*ops, 0, kRows);
    EXPECT_LT(Difference(actual, expected), tolerance) << ops->name();
    std::vector<float> pieces;
    for (const auto& [first, count] :
         std::vector<std::pair<int64_t, int64_t>>{{0, 1}, {1, 13}, {14, 15}}) {
      const std::vector<float> piece = run(*ops, first, count);
      pieces.insert(pieces.end(), piece.begin(), piece.end());
    }
    EXPECT_EQ(pieces, actual) << ops->name();
  }
}

// Rows in the form in which `reader` takes them.
Activation Input(Ops& ops, const Rows& rows, int64_t columns, const LinearWeights& reader,
                 int64_t first, int64_t count) {
  const PreparedMatrix* readers[] = {reader.matrix.get()};
  Activation x = ops.MakeActivation(count, columns, readers);
  NormWeights none;
  none.kind = NormKind::kNone;
  ops.Norm(rows.On(ops, first, count), none, count, x);
  return x;
}

// The quantised form of `out` is that of its values.
void ExpectQuantised(Ops& ops, const Activation& out, const PreparedMatrix* reader, int64_t rows) {
  if (!out.quantized.defined()) return;
  const PreparedMatrix* readers[] = {reader};
  Activation again = ops.MakeActivation(rows, out.columns, readers);
  NormWeights none;
  none.kind = NormKind::kNone;
  ops.Norm(out.values, none, rows, again);
  EXPECT_EQ(
      std::memcmp(out.quantized.data_ptr(), again.quantized.data_ptr(), out.quantized.nbytes()), 0)
      << ops.name();
}

TEST(StreamOpsTest, MixStreamsReadsThemAsTheyWere) {
  for (int64_t columns : {15, 64, 300}) {
    const Rows first(columns, 1), second(columns, 2), third(columns, 3), coefficients(11, 4);
    ExpectLikeReference(
        [&](Ops& ops, int64_t begin, int64_t count) {
          at::Tensor streams[] = {first.On(ops, begin, count), second.On(ops, begin, count),
                                  third.On(ops, begin, count)};
          at::Tensor* const all[] = {&streams[0], &streams[1], &streams[2]};
          const at::Tensor* const inputs[] = {&streams[0], &streams[1], &streams[2]};
          const InStep step(ops);
          ops.MixStreams(inputs, coefficients.On(ops, begin, count), count, all);
          std::vector<float> result;
          for (int64_t row = 0; row < count; ++row) {
            for (const at::Tensor& stream : streams) {
              const float* values = stream.data_ptr<float>() + row * columns;
              result.insert(result.end(), values, values + columns);
            }
          }
          return result;
        },
        kRounding);
  }
}

TEST(StreamOpsTest, MixStreamsTakesOtherInputs) {
  const Rows first(45, 1), second(45, 2), input(45, 3), coefficients(2, 4);
  ExpectLikeReference(
      [&](Ops& ops, int64_t begin, int64_t count) {
        at::Tensor streams[] = {first.On(ops, begin, count), second.On(ops, begin, count)};
        at::Tensor* const all[] = {&streams[0], &streams[1]};
        const at::Tensor x = input.On(ops, begin, count);
        const at::Tensor* const inputs[] = {&x};
        const InStep step(ops);
        ops.MixStreams(inputs, coefficients.On(ops, begin, count), count, all);
        return Read(streams[1], 45);
      },
      kRounding);
}

TEST(StreamOpsTest, WeightedSumMayReplaceItsFirstInput) {
  const Rows first(45, 1), second(45, 2), third(45, 3);
  const float weights[] = {0.5f, -2.0f, 1.0f};
  for (bool in_place : {false, true}) {
    ExpectLikeReference(
        [&](Ops& ops, int64_t begin, int64_t count) {
          const at::Tensor a = first.On(ops, begin, count), b = second.On(ops, begin, count),
                           c = third.On(ops, begin, count);
          const at::Tensor* const inputs[] = {&a, &b, &c};
          at::Tensor out = in_place ? a : ops.MakeBuffer(count, 45);
          const InStep step(ops);
          ops.WeightedSum(inputs, weights, count, out);
          return Read(out, 45);
        },
        kRounding);
  }
}

TEST(StreamOpsTest, MatchMagnitudeLeavesWhatIsNearZeroSmall) {
  for (int64_t columns : {15, 300}) {
    const Rows x(columns, 1);
    Rows y(columns, 2);
    std::fill_n(y.row(3), columns, 0.0f);
    for (int64_t i = 0; i < columns; ++i) y.row(5)[i] *= 1e-4f;
    ExpectLikeReference(
        [&](Ops& ops, int64_t begin, int64_t count) {
          at::Tensor out = y.On(ops, begin, count);
          const InStep step(ops);
          ops.MatchMagnitude(x.On(ops, begin, count), kLeast, count, out);
          return Read(out, columns);
        },
        kRounding);
  }
}

TEST(GateOpsTest, SparseGatesKeepWhatExceedsTheCut) {
  for (TensorType type : {TensorType::kF32, TensorType::kQ8_0}) {
    const int64_t hidden = type == TensorType::kF32 ? 45 : 64, width = 96;
    std::mt19937 random(7);
    const Matrix gate(type, width, hidden, random), up(type, width, hidden, random),
        reader(type, 32, width, random);
    const Rows rows(hidden, 1);
    ExpectLikeReference(
        [&](Ops& ops, int64_t begin, int64_t count) {
          const LinearWeights g = gate.Prepare(ops), u = up.Prepare(ops),
                              next = reader.Prepare(ops);
          const InStep step(ops);
          const Activation x = Input(ops, rows, hidden, g, begin, count);
          const PreparedMatrix* readers[] = {next.matrix.get()};
          Activation out = ops.MakeActivation(count, width, readers);
          ops.SparseGatedProjection(x, g, u, GateFunction::kGeluTanh, /*cutoff=*/0.5f, count, out);
          ExpectQuantised(ops, out, next.matrix.get(), count);
          return Read(out.values, width);
        },
        type == TensorType::kF32 ? kRounding : kRounded);
  }
}

TEST(GateOpsTest, ModulatedProjectionTakesFactorsFromWithinARow) {
  for (TensorType type : {TensorType::kF32, TensorType::kQ8_0}) {
    const int64_t hidden = type == TensorType::kF32 ? 45 : 64, width = 32;
    std::mt19937 random(7);
    const Matrix matrix(type, width, hidden, random), reader(type, 32, width, random);
    const Rows rows(hidden, 1), factors(3 * width, 2);
    ExpectLikeReference(
        [&](Ops& ops, int64_t begin, int64_t count) {
          const LinearWeights w = matrix.Prepare(ops), next = reader.Prepare(ops);
          const InStep step(ops);
          const Activation x = Input(ops, rows, hidden, w, begin, count);
          const PreparedMatrix* readers[] = {next.matrix.get()};
          Activation out = ops.MakeActivation(count, width, readers);
          ops.ModulatedProjection(x, w, GateFunction::kGeluTanh, factors.On(ops, begin, count),
                                  /*first_factor=*/width, count, out);
          ExpectQuantised(ops, out, next.matrix.get(), count);
          return Read(out.values, width);
        },
        type == TensorType::kF32 ? kRounding : kRounded);
  }
}

TEST(GateOpsTest, TanhIsAFunctionOfProjections) {
  std::mt19937 random(7);
  const Matrix matrix(TensorType::kF32, 5, 45, random);
  const Rows rows(45, 1);
  ExpectLikeReference(
      [&](Ops& ops, int64_t begin, int64_t count) {
        const LinearWeights w = matrix.Prepare(ops);
        const InStep step(ops);
        const Activation x = Input(ops, rows, 45, w, begin, count);
        Activation out = ops.MakeActivation(count, 5, {});
        ops.ActivatedProjection(x, w, GateFunction::kTanh, count, out);
        return Read(out.values, 5);
      },
      kRounding);
}

TEST(NormOpsTest, NoNormMultipliesByItsScale) {
  const Rows rows(45, 1), scales(45, 2);
  ExpectLikeReference(
      [&](Ops& ops, int64_t begin, int64_t count) {
        NormWeights scale;
        scale.kind = NormKind::kNone;
        scale.scale = scales.On(ops, 0, 1);
        Activation out = ops.MakeActivation(count, 45, {});
        const InStep step(ops);
        ops.Norm(rows.On(ops, begin, count), scale, count, out);
        return Read(out.values, 45);
      },
      kRounding);
}

TEST(NormOpsTest, PostNormsOfPartsOfARow) {
  std::mt19937 random(7);
  const int64_t part = 15, parts = 4;
  const Matrix matrix(TensorType::kF32, parts * part, 45, random);
  const Rows rows(45, 1), scales(part, 2), before(parts * part, 3);
  ExpectLikeReference(
      [&](Ops& ops, int64_t begin, int64_t count) {
        const LinearWeights w = matrix.Prepare(ops);
        const InStep step(ops);
        const Activation x = Input(ops, rows, 45, w, begin, count);
        const NormWeights norm{NormKind::kRms, scales.On(ops, 0, 1), {}, 1e-6f};
        at::Tensor residual = before.On(ops, begin, count);
        ops.ProjectToResidual(x, w, &norm, /*multiplier=*/0.5f, count, residual);
        return Read(residual, parts * part);
      },
      kRounding);
}

}  // namespace
}  // namespace skep::models
