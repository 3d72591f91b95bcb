#include "models/ops/cpu/kernels.h"

#include <algorithm>

namespace skep::cpu {

#if defined(SKEP_CPU_X86)
extern const Kernels kAvx512Kernels;
extern const Kernels kAvx2Kernels;
#endif
extern const Kernels kPortableKernels;

const Kernels& KernelsFor(CpuLevel level) {
#if defined(SKEP_CPU_X86)
  if (level == CpuLevel::kAvx512) return kAvx512Kernels;
  if (level == CpuLevel::kAvx2) return kAvx2Kernels;
#endif
  return kPortableKernels;
}

int64_t GemmWorkspaceBytes(const PackedMatrix& matrix) {
  if (IsInt8(matrix.format())) return 4 * BlocksOf(matrix.columns()) * kMaxDecodedBlockBytes;
  const int64_t columns = (matrix.columns() + kStretch - 1) / kStretch * kStretch;
  return (kFloatChunkTiles * kTileRows + 4 * kLanes + 1) * columns *
         static_cast<int64_t>(sizeof(float));
}

namespace {

int64_t RoundUp16(int64_t n) { return (n + 15) / 16 * 16; }

int64_t StateRows(const AttentionJob& job) { return TileTokens(job) * job.group(); }

}  // namespace

int64_t AttentionStateFloats(const AttentionJob& job) {
  return 2 * RoundUp16(StateRows(job)) + StateRows(job) * job.value_stride();
}

AttentionState CarveState(const AttentionJob& job, float* memory) {
  const int64_t rows = RoundUp16(StateRows(job));
  return {memory, memory + rows, memory + 2 * rows};
}

int64_t AttentionWorkspaceBytes(const AttentionJob& job) {
  const int64_t rows = StateRows(job);
  const int64_t block = job.block_size * std::max(RoundUp16(job.head_dim), job.value_stride());
  const int64_t floats = rows * QueryPitch(job) + (rows + 1) * kSplitTokens + block;
  return floats * static_cast<int64_t>(sizeof(float));
}

}  // namespace skep::cpu
