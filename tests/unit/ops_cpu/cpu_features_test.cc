#include "models/ops/cpu/cpu_features.h"

#include <gtest/gtest.h>

#include "models/ops/cpu/kernels.h"

namespace skep::cpu {
namespace {

TEST(CpuFeaturesTest, NamesForceALevel) {
  EXPECT_EQ(*SelectCpuLevel(""), DetectCpuLevel());
  EXPECT_EQ(*SelectCpuLevel("portable"), CpuLevel::kPortable);
  EXPECT_EQ(*SelectCpuLevel(CpuLevelName(DetectCpuLevel())), DetectCpuLevel());
  EXPECT_EQ(SelectCpuLevel("avx1024").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CpuFeaturesTest, EachLevelHasItsTable) {
  for (CpuLevel level : {CpuLevel::kPortable, CpuLevel::kAvx2, CpuLevel::kAvx512}) {
    if (level <= DetectCpuLevel()) {
      EXPECT_EQ(KernelsFor(level).level, level);
    } else {
      EXPECT_EQ(SelectCpuLevel(CpuLevelName(level)).status().code(),
                absl::StatusCode::kFailedPrecondition);
    }
  }
}

TEST(CpuFeaturesTest, ThereIsAtLeastOneThread) { EXPECT_GE(DefaultThreads(), 1); }

}  // namespace
}  // namespace skep::cpu
