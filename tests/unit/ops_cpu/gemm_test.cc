// The quantised and float GEMMs against double precision on the reference decoder's weights, and
// against themselves: a row has the same bits whatever the batch.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "test_data.h"

namespace skep::cpu {
namespace {

constexpr double kUlp = 0x1p-24;  // relative error of one float rounding

// Formats with minimums round sums of parts (scale x stored code, minimum) that may be larger than
// the weight. How large, as multiples of the type's half fields.
std::vector<double> PartsOfFields(TensorType type) {
  switch (type) {
    case TensorType::kQ4_1:
      return {15, 1};
    case TensorType::kQ5_1:
      return {31, 1};
    case TensorType::kQ4_K:
      return {63 * 15, 63};
    case TensorType::kQ5_K:
      return {63 * 31, 63};
    case TensorType::kQ2_K:  // the minimum is added as that of the other half and the difference
      return {15 * 3, 2 * 15};
    case TensorType::kIQ2_XS:  // scale 31 / 8, stored value up to 43 + 64, the 64 taken off
                               // likewise
    case TensorType::kIQ2_S:
      return {31.0 / 8 * (43 + 64 + 2 * 64)};
    default:
      return {};
  }
}

double PartsBound(const Case& c, int64_t row) {
  const std::vector<double> factors = PartsOfFields(c.file.type);
  const std::vector<int64_t> fields = HalfFields(c.file.type);
  const int64_t block = models::Traits(c.file.type).block_bytes;
  double bound = 0;
  for (int64_t at = 0; at < c.file.row_bytes; at += block) {
    double parts = 0;
    for (size_t i = 0; i < factors.size(); ++i) {
      uint16_t bits;
      std::memcpy(&bits, c.file.pointers[row] + at + fields[i], 2);
      parts += std::fabs(HalfToFloat(bits)) * factors[i];
    }
    bound = std::max(bound, parts);
  }
  return bound;
}

void ExpectProduct(const Kernels& kernels, const Case& c, const std::vector<float>& x,
                   int64_t rows) {
  const int64_t columns = c.file.columns;
  const std::vector<float> y = Multiply(kernels, c.packed, x.data(), rows);
  AlignedBlocks blocks(rows, columns);
  QuantiseRows(kernels, x.data(), rows, columns, blocks.data());
  const bool int8 = IsInt8(c.packed.format());
  const bool bfloats = c.packed.rounds_inputs();
  for (int64_t n = 0; n < c.file.rows; ++n) {
    const double parts = int8 ? PartsBound(c, n) : 0;
    for (int64_t m = 0; m < rows; ++m) {
      double exact = 0;  // on the activations as the kernel sees them
      double unquantised = 0;
      double magnitude = 0;  // what roundings are relative to
      double lost = 0;       // what quantising the activations may cost
      for (int64_t k = 0; k < columns; ++k) {
        const double w = c.weights[n * columns + k];
        double seen = x[m * columns + k];
        unquantised += w * seen;
        if (int8) {
          const ActivationBlock& b =
              blocks.data()[ActivationIndex(m, k / kBlock, BlocksOf(columns))];
          lost += std::fabs(w) * 0.5 * b.scale * (1 + 0x1p-20);  // scale is absmax / 127
          seen = static_cast<double>(b.scale) * b.q[k % kBlock];
        }
        if (bfloats) {
          lost += std::fabs(w * seen) * 0x1p-8;
          seen = Bfloat16ToFloat(FloatToBfloat16(x[m * columns + k]));
        }
        exact += w * seen;
        magnitude += std::max(std::fabs(w), parts) * std::fabs(seen);
      }
      // Each float addition (halves with scales of their own: two a block), and five roundings in a
      // block's term.
      const double additions = static_cast<double>(int8 ? 2 * BlocksOf(columns) : columns);
      const double tolerance = (additions + 5) * kUlp * magnitude + 1e-30;
      ASSERT_NEAR(y[m * c.file.rows + n], exact, tolerance)
          << models::TypeName(c.file.type) << " " << CpuLevelName(kernels.level) << " row " << m
          << " of " << rows << " output " << n << " of " << c.file.rows << " columns " << columns;
      ASSERT_NEAR(y[m * c.file.rows + n], unquantised, tolerance + lost);
    }
  }
}

TEST(GemmTest, EqualsExactArithmeticOnQuantisedActivations) {
  for (CpuLevel level : LevelsHere()) {
    const Kernels& kernels = KernelsFor(level);
    // The slower levels take one row at a time.
    std::vector<int64_t> row_counts = {1, 7, 13};
    if (level == CpuLevel::kAvx512) row_counts = {1, 2, 3, 5, 7, 11, 12, 13, 25};
    for (TensorType type : AllTypes()) {
      for (int64_t columns : ColumnsFor(type)) {
        for (int64_t outputs : {1, 17, 50}) {
          const Case c(type, outputs, columns);
          for (int64_t rows : row_counts) {
            ExpectProduct(kernels, c, RandomActivations(rows, columns, /*seed=*/rows), rows);
            if (HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

// The levels that can multiply pairs of bfloat16.
std::vector<CpuLevel> BfloatLevels() {
  std::vector<CpuLevel> levels = LevelsHere();
  std::erase_if(levels,
                [](CpuLevel level) { return level == CpuLevel::kAvx512 && !HasBfloatDots(level); });
  return levels;
}

TEST(GemmTest, EqualsExactArithmeticOnActivationsRoundedToBfloat) {
  for (CpuLevel level : BfloatLevels()) {
    for (int64_t columns : {int64_t{1}, int64_t{2}, int64_t{15}, int64_t{16}, int64_t{331}}) {
      for (int64_t outputs : {1, 17, 50}) {
        Case c(TensorType::kBF16, outputs, columns);
        c.packed.set_rounds_inputs(true);
        for (int64_t rows : {1, 2, 3, 7, 12, 13, 25, 97}) {
          ExpectProduct(KernelsFor(level), c, RandomActivations(rows, columns, /*seed=*/rows),
                        rows);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(GemmTest, OnlyMatricesOfBfloatsRoundTheirInputsToThem) {
  Case floats(TensorType::kF32, /*rows=*/1, /*columns=*/16);
  floats.packed.set_rounds_inputs(true);
  EXPECT_FALSE(floats.packed.rounds_inputs());
}

TEST(GemmTest, ExtremeBlocks) {
  for (CpuLevel level : LevelsHere()) {
    for (TensorType type : kInt8Types) {
      const int64_t columns = ColumnsFor(type).back();
      for (Fill fill : {Fill::kAllZeroBits, Fill::kAllOneBits}) {
        const Case c(type, /*rows=*/33, columns, fill);
        for (int64_t rows : {1, 6, 14}) {
          // The largest codes of one sign: the integer sums reach their extremes.
          std::vector<float> x(rows * columns);
          for (size_t i = 0; i < x.size(); ++i) x[i] = (i / columns) % 2 == 0 ? -3.0f : 3.0f;
          ExpectProduct(KernelsFor(level), c, x, rows);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(GemmTest, NonFiniteActivationsReachOnlyTheirOwnRow) {
  for (CpuLevel level : LevelsHere()) {
    const Case c(TensorType::kQ4_K, /*rows=*/32, /*columns=*/256);
    for (float bad : {NAN, INFINITY, -INFINITY}) {
      std::vector<float> x = RandomActivations(5, 256, 3);
      const std::vector<float> good = Multiply(KernelsFor(level), c.packed, x.data(), 5);
      x[2 * 256 + 40] = bad;
      const std::vector<float> y = Multiply(KernelsFor(level), c.packed, x.data(), 5);
      for (int64_t i = 0; i < 5 * 32; ++i) {
        if (i / 32 == 2) {
          EXPECT_TRUE(std::isnan(y[i]));
        } else {
          EXPECT_EQ(y[i], good[i]);
        }
      }
    }
  }
}

TEST(GemmTest, Epilogues) {
  constexpr int64_t kColumns = 64;
  constexpr int64_t kOutputs = 45;
  constexpr int64_t kRows = 15;
  const Case gate(TensorType::kQ4_1, kOutputs, kColumns, Fill::kRandom, 1);
  const Case up(TensorType::kQ5_0, kOutputs, kColumns, Fill::kRandom, 2);
  const std::vector<float> x = RandomActivations(kRows, kColumns, 5);
  const std::vector<float> bias = RandomActivations(1, kOutputs, 6);
  for (CpuLevel level : LevelsHere()) {
    const Kernels& kernels = KernelsFor(level);
    const std::vector<float> g = Multiply(kernels, gate.packed, x.data(), kRows);
    const std::vector<float> u = Multiply(kernels, up.packed, x.data(), kRows);
    AlignedBlocks blocks(kRows, kColumns);
    QuantiseRows(kernels, x.data(), kRows, kColumns, blocks.data());
    std::vector<ActivationBlock> workspace(GemmWorkspaceBytes(gate.packed) / 64 + 1);
    GemmJob job;
    job.matrix = &gate.packed;
    job.bias = bias.data();
    job.blocks = blocks.data();
    job.rows = kRows;
    job.multiplier = 0.5f;
    job.softcap = 3.0f;
    job.second = &up.packed;
    job.second_bias = bias.data();
    job.out_stride = kOutputs + 3;
    AlignedBlocks quantised(kRows, kOutputs);
    job.out_blocks = quantised.data();
    for (Epilogue epilogue : {Epilogue::kStore, Epilogue::kAddTo, Epilogue::kLogits,
                              Epilogue::kActivate, Epilogue::kGate}) {
      std::vector<float> out(kRows * job.out_stride, 2.0f);
      job.epilogue = epilogue;
      job.out = out.data();
      kernels.gemm(job, 0, UnitsOf(gate.packed), reinterpret_cast<uint8_t*>(workspace.data()));
      for (int64_t m = 0; m < kRows; ++m) {
        for (int64_t n = 0; n < job.out_stride; ++n) {
          const float actual = out[m * job.out_stride + n];
          if (n >= kOutputs) {
            ASSERT_EQ(actual, 2.0f) << "written beyond the row";
            continue;
          }
          const double y = static_cast<double>(g[m * kOutputs + n]) + bias[n];
          const double v = static_cast<double>(u[m * kOutputs + n]) + bias[n];
          double expected = y;
          if (epilogue == Epilogue::kAddTo) expected = 2.0 + 0.5 * y;
          if (epilogue == Epilogue::kLogits) expected = 3.0 * std::tanh(0.5 * y / 3.0);
          if (epilogue == Epilogue::kActivate) expected = y / (1 + std::exp(-y));
          if (epilogue == Epilogue::kGate) expected = y / (1 + std::exp(-y)) * v;
          ASSERT_NEAR(actual, expected, 1e-6 * (std::fabs(expected) + 2.0));
        }
      }
      if (epilogue != Epilogue::kGate && epilogue != Epilogue::kActivate) continue;
      AlignedBlocks again(kRows, kOutputs);
      for (int64_t m = 0; m < kRows; ++m) {
        kernels.quantise(out.data() + m * job.out_stride, kOutputs,
                         again.data() + ActivationIndex(m, 0, BlocksOf(kOutputs)));
        for (int64_t b = 0; b < BlocksOf(kOutputs); ++b) {
          const int64_t at = ActivationIndex(m, b, BlocksOf(kOutputs));
          EXPECT_EQ(std::memcmp(quantised.data() + at, again.data() + at, 52), 0);
        }
      }
    }
  }
}

// --- batch invariance ----------------------------------------------------------------------------

using MultiplyFunction = std::vector<float> (*)(const Kernels&, const PackedMatrix&, const float*,
                                                int64_t rows, int64_t parts);

// True when each row of every batch has the bits that it has alone, however the units are cut.
bool IsBatchInvariant(MultiplyFunction multiply, const Kernels& kernels, const PackedMatrix& matrix,
                      const std::vector<float>& x, int64_t max_rows) {
  const int64_t n = matrix.rows();
  std::vector<float> alone;
  for (int64_t m = 0; m < max_rows; ++m) {
    const std::vector<float> y = multiply(kernels, matrix, x.data() + m * matrix.columns(), 1, 1);
    alone.insert(alone.end(), y.begin(), y.end());
  }
  for (int64_t rows = 2; rows <= max_rows; ++rows) {
    for (int64_t first : {int64_t{0}, max_rows - rows}) {
      const std::vector<float> y = multiply(kernels, matrix, x.data() + first * matrix.columns(),
                                            rows, /*parts=*/1 + rows % 3);
      if (std::memcmp(y.data(), alone.data() + first * n, rows * n * sizeof(float)) != 0) {
        return false;
      }
    }
  }
  return true;
}

// One row as most processors multiply it, several as those with spare pipes do.
std::vector<float> MultiplyBatchesWithSparePipes(const Kernels& kernels, const PackedMatrix& matrix,
                                                 const float* x, int64_t rows, int64_t parts) {
  return Multiply(kernels, matrix, x, rows, parts, /*spare_pipes=*/rows > 1);
}

TEST(BatchInvarianceTest, EveryTypeAndRowCount) {
  for (CpuLevel level : LevelsHere()) {
    // The slower levels run the same driver with fewer tile shapes.
    const int64_t max_rows = level == CpuLevel::kAvx512 ? 61 : 14;
    for (TensorType type : AllTypes()) {
      const int64_t columns = ColumnsFor(type).back();
      const Case c(type, /*rows=*/80, columns);
      for (const MultiplyFunction multiply :
           {static_cast<MultiplyFunction>(Multiply), MultiplyBatchesWithSparePipes}) {
        EXPECT_TRUE(IsBatchInvariant(multiply, KernelsFor(level), c.packed,
                                     RandomActivations(max_rows, columns, 7), max_rows))
            << models::TypeName(type) << " " << CpuLevelName(level);
      }
    }
  }
}

TEST(BatchInvarianceTest, PairsOfBfloats) {
  for (CpuLevel level : BfloatLevels()) {
    Case c(TensorType::kBF16, /*rows=*/80, /*columns=*/331);
    c.packed.set_rounds_inputs(true);
    EXPECT_TRUE(
        IsBatchInvariant(Multiply, KernelsFor(level), c.packed, RandomActivations(61, 331, 7), 61))
        << CpuLevelName(level);
  }
}

// A kernel as one might write it: from eight rows up it sums two halves of the inputs apart.
std::vector<float> MultiplyInBatchDependentOrder(const Kernels&, const PackedMatrix& matrix,
                                                 const float* x, int64_t rows, int64_t) {
  std::vector<float> y;
  std::vector<float> w(matrix.columns());
  for (int64_t m = 0; m < rows; ++m) {
    for (int64_t n = 0; n < matrix.rows(); ++n) {
      matrix.DecodeRow(n, w.data());
      const int64_t middle = rows < 8 ? matrix.columns() : matrix.columns() / 2;
      float halves[2] = {0.0f, 0.0f};
      for (int64_t k = 0; k < matrix.columns(); ++k) {
        halves[k < middle ? 0 : 1] += w[k] * x[m * matrix.columns() + k];
      }
      y.push_back(halves[0] + halves[1]);
    }
  }
  return y;
}

TEST(BatchInvarianceTest, TheCheckFindsAKernelThatReducesByBatchSize) {
  const Case c(TensorType::kQ8_0, /*rows=*/32, /*columns=*/576);
  const std::vector<float> x = RandomActivations(12, 576, 7);
  const Kernels& kernels = KernelsFor(CpuLevel::kPortable);
  EXPECT_FALSE(IsBatchInvariant(MultiplyInBatchDependentOrder, kernels, c.packed, x, 12));
  EXPECT_TRUE(IsBatchInvariant(MultiplyInBatchDependentOrder, kernels, c.packed, x, 7));
}

}  // namespace
}  // namespace skep::cpu
