// Attention that looks ahead: the CPU's operations against plain libtorch.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "models/ops/cpu/cpu_ops.h"
#include "models/ops/reference/reference_ops.h"

namespace skep::models {
namespace {

constexpr int32_t kBlockSize = 32;
constexpr int64_t kHidden = 48;
constexpr AttentionShape kShape{.query_heads = 6, .kv_heads = 2, .head_dim = 32};

std::vector<float> Normal(int64_t count, float deviation, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// A projection of the hidden states, the same for every backend.
class Projection {
 public:
  Projection(int64_t rows, uint32_t seed)
      : rows_(rows),
        values_(Normal(rows * kHidden, 1.0f / std::sqrt(static_cast<float>(kHidden)), seed)) {}

  LinearWeights Prepare(Ops& ops) const {
    std::vector<const std::byte*> rows;
    for (int64_t r = 0; r < rows_; ++r) {
      rows.push_back(reinterpret_cast<const std::byte*>(values_.data() + r * kHidden));
    }
    auto matrix = ops.PrepareMatrix({"test", TensorType::kF32, rows_, kHidden, rows});
    EXPECT_TRUE(matrix.ok()) << matrix.status();
    return {*std::move(matrix), {}};
  }

 private:
  int64_t rows_;
  std::vector<float> values_;
};

struct Look {
  std::string name;
  std::vector<int32_t> prefixes;
  int64_t radius = 0;
};

// What attention gives for all tokens of sequences of these lengths, computed in one step.
std::vector<float> Attend(Ops& ops, const std::vector<int32_t>& lengths, const Look& look) {
  static const Projection* const q_source = new Projection(6 * 32, /*seed=*/1);
  static const Projection* const k_source = new Projection(2 * 32, /*seed=*/2);
  static const Projection* const v_source = new Projection(2 * 32, /*seed=*/3);
  const LinearWeights q = q_source->Prepare(ops), k = k_source->Prepare(ops);
  const LinearWeights v = v_source->Prepare(ops);

  std::vector<int32_t> tokens, starts = {0}, table;
  std::vector<int64_t> write;
  constexpr int64_t kStride = 3;  // blocks of a sequence; those of the sequences alternate
  for (size_t s = 0; s < lengths.size(); ++s) {
    for (int64_t b = 0; b < kStride; ++b) {
      table.push_back(static_cast<int32_t>(b * lengths.size() + s));
    }
    for (int32_t position = 0; position < lengths[s]; ++position) {
      const int32_t block = table[s * kStride + position / kBlockSize];
      write.push_back(int64_t{block} * kBlockSize + position % kBlockSize);
      tokens.push_back(position);
    }
    starts.push_back(static_cast<int32_t>(tokens.size()));
  }
  StepInput input;
  input.tokens = tokens;
  input.positions = tokens;
  input.query_starts = starts;
  input.kv_lengths = lengths;
  input.prefixes = look.prefixes;
  input.groups = {{table, kStride, write, /*window=*/0}};
  input.block_size = kBlockSize;

  const auto rows = static_cast<int64_t>(tokens.size());
  const int64_t width = kShape.query_heads * kShape.head_dim;
  const PreparedMatrix* readers[] = {q.matrix.get(), k.matrix.get(), v.matrix.get()};
  Activation x = ops.MakeActivation(rows, kHidden, readers);
  const std::vector<float> states = Normal(rows * kHidden, 1.0f, /*seed=*/4);
  for (int64_t row = 0; row < rows; ++row) {
    std::copy_n(states.begin() + row * kHidden, kHidden,
                x.values.data_ptr<float>() + row * x.values.stride(0));
  }
  at::Tensor queries = ops.MakeBuffer(rows, width);
  Activation output = ops.MakeActivation(rows, width, {});
  LayerCache cache =
      ops.MakeLayerCache(kShape, static_cast<int32_t>(kStride * lengths.size()), kBlockSize);
  QkvArguments qkv;
  qkv.input = &x;
  qkv.q = &q;
  qkv.k = &k;
  qkv.v = &v;
  qkv.shape = kShape;
  qkv.cache = &cache;
  qkv.queries = &queries;
  AttentionArguments attention;
  attention.queries = &queries;
  attention.cache = &cache;
  attention.shape = kShape;
  attention.scale = 0.3f;
  attention.radius = look.radius;
  attention.output = &output;
  ops.BeginStep(input);
  ops.QkvToCache(qkv);
  ops.PagedAttention(attention);
  ops.EndStep();
  std::vector<float> result;
  for (int64_t row = 0; row < rows; ++row) {
    const float* values = output.values.data_ptr<float>() + row * output.values.stride(0);
    result.insert(result.end(), values, values + width);
  }
  return result;
}

TEST(LookAheadOpsTest, CpuGivesWhatTheReferenceGives) {
  const std::vector<int32_t> lengths = {1, 33, 70, 5};
  const std::vector<Look> looks = {{"whole", lengths, 0},
                                   {"near", lengths, 7},
                                   {"prefix", {1, 20, 64, 0}, 0},
                                   {"near within a prefix", {0, 20, 64, 3}, 7}};
  const std::unique_ptr<Ops> reference = MakeReferenceOps();
  auto cpu = MakeCpuOps({.threads = 2, .kv_type = cpu::KvType::kF32});
  ASSERT_TRUE(cpu.ok()) << cpu.status();
  const std::vector<float> causal = Attend(*reference, lengths, {"causal", {}, 0});
  for (const Look& look : looks) {
    const std::vector<float> expected = Attend(*reference, lengths, look);
    const std::vector<float> actual = Attend(**cpu, lengths, look);
    ASSERT_EQ(actual.size(), expected.size());
    // Sums of at most 70 products of float32 that are of the order of one, twice.
    for (size_t i = 0; i < actual.size(); ++i) {
      ASSERT_NEAR(actual[i], expected[i], 1e-5) << look.name << ", element " << i;
    }
    EXPECT_NE(expected, causal) << look.name;
  }
}

}  // namespace
}  // namespace skep::models
