// Operations with a deliberate fault: what a projection adds depends, ever so slightly, on how many
// rows the step has. A test that claims to see batch dependence has to see this.
#ifndef SKEP_TESTS_GOLDEN_BROKEN_OPS_H_
#define SKEP_TESTS_GOLDEN_BROKEN_OPS_H_

#include <memory>
#include <string>
#include <utility>

#include "models/ops/ops.h"

namespace skep::models {

class BrokenOps final : public Ops {
 public:
  explicit BrokenOps(std::unique_ptr<Ops> real) : real_(std::move(real)) {}

  std::string name() const override { return real_->name(); }
  bool BatchInvariant() const override { return true; }
  absl::StatusOr<std::shared_ptr<const PreparedMatrix>> PrepareMatrix(
      const MatrixSource& source) override {
    return real_->PrepareMatrix(source);
  }
  at::Tensor MakeBuffer(int64_t rows, int64_t columns) override {
    return real_->MakeBuffer(rows, columns);
  }
  Activation MakeActivation(int64_t rows, int64_t columns,
                            std::span<const PreparedMatrix* const> consumers) override {
    return real_->MakeActivation(rows, columns, consumers);
  }
  LayerCache MakeLayerCache(const AttentionShape& shape, int32_t num_blocks,
                            int32_t block_size) override {
    return real_->MakeLayerCache(shape, num_blocks, block_size);
  }
  int64_t CacheBytesPerBlock(const AttentionShape& shape, int32_t block_size) const override {
    return real_->CacheBytesPerBlock(shape, block_size);
  }
  void CopyBlock(LayerCache& cache, BlockId source, BlockId target) override {
    real_->CopyBlock(cache, source, target);
  }
  void BeginStep(const StepInput& input) override { real_->BeginStep(input); }
  void EndStep() override { real_->EndStep(); }
  void EmbedRows(const PreparedMatrix& table, std::span<const TokenId> ids, float scale,
                 at::Tensor& out) override {
    real_->EmbedRows(table, ids, scale, out);
  }
  void AddEmbeddedRows(const PreparedMatrix& table, std::span<const int32_t> ids,
                       at::Tensor& out) override {
    real_->AddEmbeddedRows(table, ids, out);
  }
  void Norm(const at::Tensor& x, const NormWeights& norm, int64_t rows, Activation& out) override {
    real_->Norm(x, norm, rows, out);
  }
  void QkvToCache(const QkvArguments& arguments) override { real_->QkvToCache(arguments); }
  void LatentToCache(const LatentArguments& arguments) override { real_->LatentToCache(arguments); }
  void PagedAttention(const AttentionArguments& arguments) override {
    real_->PagedAttention(arguments);
  }
  void ProjectHeads(const Activation& x, std::span<const LinearWeights> heads, int64_t rows,
                    Activation& out) override {
    real_->ProjectHeads(x, heads, rows, out);
  }
  void ProjectToResidual(const Activation& x, const LinearWeights& w, const NormWeights* post_norm,
                         float multiplier, int64_t rows, at::Tensor& residual) override {
    const float fault = 1.0f + 1e-6f * static_cast<float>(rows % 8);
    real_->ProjectToResidual(x, w, post_norm, multiplier * fault, rows, residual);
  }
  void GatedProjectToResidual(const Activation& x, const LinearWeights& w, const Activation& y,
                              const LinearWeights& gate, int64_t rows,
                              at::Tensor& residual) override {
    real_->GatedProjectToResidual(x, w, y, gate, rows, residual);
  }
  void ActivatedProjection(const Activation& x, const LinearWeights& w, GateFunction function,
                           int64_t rows, Activation& out) override {
    real_->ActivatedProjection(x, w, function, rows, out);
  }
  void MixtureOfExperts(const ExpertsArguments& arguments) override {
    real_->MixtureOfExperts(arguments);
  }
  void GatedProjection(const Activation& x, const LinearWeights& gate, const LinearWeights& up,
                       GateFunction function, int64_t rows, Activation& out) override {
    real_->GatedProjection(x, gate, up, function, rows, out);
  }
  void SparseGatedProjection(const Activation& x, const LinearWeights& gate,
                             const LinearWeights& up, GateFunction function, float cutoff,
                             int64_t rows, Activation& out) override {
    real_->SparseGatedProjection(x, gate, up, function, cutoff, rows, out);
  }
  void ModulatedProjection(const Activation& x, const LinearWeights& w, GateFunction function,
                           const at::Tensor& factors, int64_t first_factor, int64_t rows,
                           Activation& out) override {
    real_->ModulatedProjection(x, w, function, factors, first_factor, rows, out);
  }
  void MixStreams(std::span<const at::Tensor* const> inputs, const at::Tensor& coefficients,
                  int64_t rows, std::span<at::Tensor* const> streams) override {
    real_->MixStreams(inputs, coefficients, rows, streams);
  }
  void WeightedSum(std::span<const at::Tensor* const> inputs, std::span<const float> weights,
                   int64_t rows, at::Tensor& out) override {
    real_->WeightedSum(inputs, weights, rows, out);
  }
  void MatchMagnitude(const at::Tensor& x, float least, int64_t rows, at::Tensor& y) override {
    real_->MatchMagnitude(x, least, rows, y);
  }
  void Logits(const Activation& x, std::span<const int32_t> row_ids, const LinearWeights& head,
              float multiplier, float softcap, at::Tensor& logits) override {
    real_->Logits(x, row_ids, head, multiplier, softcap, logits);
  }

 private:
  std::unique_ptr<Ops> real_;
};

}  // namespace skep::models

#endif  // SKEP_TESTS_GOLDEN_BROKEN_OPS_H_
