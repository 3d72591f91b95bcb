// The CPU's operations: kernels on packed matrices, run by a pool of threads.
#ifndef SKEP_MODELS_OPS_CPU_CPU_OPS_IMPL_H_
#define SKEP_MODELS_OPS_CPU_CPU_OPS_IMPL_H_

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "models/ops/cpu/arena.h"
#include "models/ops/cpu/attention.h"
#include "models/ops/cpu/gemm_jobs.h"
#include "models/ops/cpu/scratch.h"
#include "models/ops/cpu/thread_pool.h"
#include "models/ops/ops.h"
#include "models/ops/routing.h"

namespace skep::models {

class CpuOps final : public Ops {
 public:
  CpuOps(const cpu::Kernels& kernels, int threads, cpu::KvType kv_type)
      : kernels_(kernels),
        spare_pipes_(cpu::HasSparePipes(kernels.level)),
        kv_type_(kv_type),
        arena_(std::make_shared<cpu::Arena>()),
        pool_(threads),
        workspace_memory_(threads),
        workspaces_(threads, nullptr),
        routers_(threads) {}

  std::string name() const override;
  bool BatchInvariant() const override { return true; }
  int threads() const override { return pool_.threads(); }
  void ForEach(int64_t count, absl::FunctionRef<void(int64_t, int)> body) override;

  absl::StatusOr<std::shared_ptr<const PreparedMatrix>> PrepareMatrix(
      const MatrixSource& source) override;
  at::Tensor MakeBuffer(int64_t rows, int64_t columns) override;
  at::Tensor MakeRows(int64_t rows, int64_t columns) override;
  Activation MakeActivation(int64_t rows, int64_t columns,
                            std::span<const PreparedMatrix* const> consumers) override;
  LayerCache MakeLayerCache(const AttentionShape& shape, int32_t num_blocks,
                            int32_t block_size) override;
  int64_t CacheBytesPerBlock(const AttentionShape& shape, int32_t block_size) const override;
  void CopyBlock(LayerCache& cache, BlockId source, BlockId target) override;
  void ForRanges(int64_t count, const std::function<void(int64_t, int64_t)>& body) override;

  void BeginStep(const StepInput& input) override;
  void EndStep() override;
  void EmbedRows(const PreparedMatrix& table, std::span<const TokenId> ids, float scale,
                 at::Tensor& out) override;
  void AddEmbeddedRows(const PreparedMatrix& table, std::span<const int32_t> ids,
                       at::Tensor& out) override;
  void Norm(const at::Tensor& x, const NormWeights& norm, int64_t rows, Activation& out) override;
  void QkvToCache(const QkvArguments& a) override;
  void LatentToCache(const LatentArguments& a) override;
  void PagedAttention(const AttentionArguments& a) override;
  void ProjectHeads(const Activation& x, std::span<const LinearWeights> heads, int64_t rows,
                    Activation& out) override;
  void ProjectToResidual(const Activation& x, const LinearWeights& w, const NormWeights* post_norm,
                         float multiplier, int64_t rows, at::Tensor& residual) override;
  void GatedProjectToResidual(const Activation& x, const LinearWeights& w, const Activation& y,
                              const LinearWeights& gate, int64_t rows,
                              at::Tensor& residual) override;
  void ActivatedProjection(const Activation& x, const LinearWeights& w, GateFunction function,
                           int64_t rows, Activation& out) override;
  void GatedProjection(const Activation& x, const LinearWeights& gate, const LinearWeights& up,
                       GateFunction function, int64_t rows, Activation& out) override;
  void SparseGatedProjection(const Activation& x, const LinearWeights& gate,
                             const LinearWeights& up, GateFunction function, float cutoff,
                             int64_t rows, Activation& out) override;
  void ModulatedProjection(const Activation& x, const LinearWeights& w, GateFunction function,
                           const at::Tensor& factors, int64_t first_factor, int64_t rows,
                           Activation& out) override;
  void MixStreams(std::span<const at::Tensor* const> inputs, const at::Tensor& coefficients,
                  int64_t rows, std::span<at::Tensor* const> streams) override;
  void WeightedSum(std::span<const at::Tensor* const> inputs, std::span<const float> weights,
                   int64_t rows, at::Tensor& out) override;
  void MatchMagnitude(const at::Tensor& x, float least, int64_t rows, at::Tensor& y) override;
  void MixtureOfExperts(const ExpertsArguments& a) override;
  void Logits(const Activation& x, std::span<const int32_t> row_ids, const LinearWeights& head,
              float multiplier, float softcap, at::Tensor& logits) override;

 private:
  // Element-wise work below this many floats costs less than waking the other threads.
  static constexpr int64_t kSerialFloats = 4096;

  cpu::AttentionJob AttentionJobFor(const AttentionShape& shape, int64_t block_size) const;
  void GrowWorkspaces();

  // Calls body(row), on this thread alone when there is little to do.
  template <typename Body>
  void ForRows(int64_t rows, int64_t floats_per_row, Body&& body) {
    const auto run = [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) body(row);
    };
    const int64_t chunk = std::max<int64_t>(1, rows / (pool_.threads() * 4));
    if (rows * floats_per_row <= kSerialFloats) {
      run(0, rows, 0);
    } else {
      pool_.ParallelFor(rows, chunk, run);
    }
  }

  // Runs the jobs as one list of work.
  void RunGemms(std::span<cpu::GemmJob> jobs);

  // y = norm(x) of one row; y may be x.
  void NormRow(const NormWeights& norm, const float* x, int64_t columns, float* y) const {
    NormPart(norm, 0, x, columns, y);
  }
  // The same with the norm's scale and bias from `first` on.
  void NormPart(const NormWeights& norm, int64_t first, const float* x, int64_t columns,
                float* y) const;
  // Norms, clamps and rotates one row of q or k, in place.
  void FinishHeads(const QkvArguments& a, const NormWeights* norm, int64_t heads, int64_t row,
                   float* x) const;
  void StoreKeysAndValues(const QkvArguments& a, int64_t row, float* key, float* value);
  // Rotates the last part of each query head, `q`, and hands it on.
  void FinishLatentQuery(const LatentArguments& a, int64_t row, float* q) const;
  void StoreLatent(const LatentArguments& a, int64_t row, float* kv);
  struct HeadValues {
    float* data = nullptr;
    int64_t row_stride = 0;
    int64_t head_stride = 0;
  };
  // Head h of out = heads[h] (head h of x).
  void MultiplyHeads(std::span<const LinearWeights> heads, const HeadValues& x, int64_t rows,
                     const HeadValues& out);

  // What becomes of a gate's projection: cut where there is a cutoff, then gate(y) * factors.
  struct GateJob {
    cpu::Gate gate = cpu::Gate::kIdentity;
    std::optional<float> cutoff;
    const float* factors = nullptr;  // [rows, factor_stride]
    int64_t factor_stride = 0;
  };
  // From the values of `out`, which hold the projection, to all its forms.
  void FinishGates(const GateJob& job, int64_t rows, int64_t columns, Activation& out);
  // gate and up as two products, for what no fused kernel does.
  void GateAfterwards(const Activation& x, const LinearWeights& gate, const LinearWeights& up,
                      GateFunction function, std::optional<float> cutoff, int64_t rows,
                      Activation& out);

  // The rows of a step by the experts they go to.
  struct ExpertRows {
    int64_t expert = 0;
    int64_t first = 0;  // of `order_`
    int64_t count = 0;
    int64_t place = 0;  // of its first row in the gathered activations, a whole tile
  };
  void RouteTokens(const ExpertsArguments& a);
  int64_t GroupByExpert(const ExpertsArguments& a);
  void GatherRows(const ExpertsArguments& a, int64_t places);
  void RunExperts(const ExpertsArguments& a, int64_t places);

  const cpu::Kernels& kernels_;
  const bool spare_pipes_;
  const cpu::KvType kv_type_;
  std::shared_ptr<cpu::Arena> arena_;
  cpu::ThreadPool pool_;
  int64_t workspace_bytes_ = 64;
  std::vector<cpu::Scratch> workspace_memory_;  // one a thread
  std::vector<uint8_t*> workspaces_;
  cpu::Scratch keys_;            // [tokens, kv_heads * head_dim]
  cpu::Scratch values_;          // [tokens, kv_heads * value width]
  cpu::Scratch projected_;       // [rows, features] before a post-norm or a late gate
  cpu::Scratch latent_queries_;  // [tokens, heads * (nope + rotated)]
  cpu::Scratch head_blocks_;     // what a head's own matrices read, quantised
  cpu::Scratch gathered_;        // activations of the rows that want logits
  cpu::AttentionRunner attention_;

  // Mixture of experts. A pair is a token and one of its experts.
  std::vector<Router> routers_;          // one a thread
  cpu::Scratch router_logits_;           // [rows, experts]
  std::vector<int32_t> chosen_;          // [rows, used]
  std::vector<float> weights_;           // [rows, used]
  std::vector<int64_t> order_;           // pairs, by expert
  std::vector<int64_t> places_;          // [pairs]: a pair's row of the gathered activations
  std::vector<ExpertRows> expert_rows_;  // experts that have work
  std::vector<cpu::GemmJob> jobs_;
  cpu::Scratch expert_values_;   // [places, hidden]
  cpu::Scratch expert_blocks_;   // the same, quantised
  cpu::Scratch inner_values_;    // [places, intermediate]
  cpu::Scratch inner_up_;        // the same, where gate and up run apart
  cpu::Scratch inner_blocks_;    // quantised
  cpu::Scratch expert_results_;  // [places, hidden]

  const StepInput* input_ = nullptr;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_OPS_CPU_CPU_OPS_IMPL_H_
