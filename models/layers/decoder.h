// The shell of a decoder-only language model: embedding, blocks, final norm, head.
#ifndef SKEP_MODELS_LAYERS_DECODER_H_
#define SKEP_MODELS_LAYERS_DECODER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "models/layers/block.h"
#include "models/layers/builder.h"
#include "models/layers/norm.h"
#include "models/layers/options.h"
#include "models/model.h"

namespace skep::models {

class Decoder final : public Model {
 public:
  // Loads "model.embed_tokens", "model.norm", "lm_head" and what the options ask for, below the
  // loader's root.
  Decoder(Builder& builder, const DecoderOptions& options,
          std::vector<std::unique_ptr<Block>> blocks);

  int64_t vocab_size() const override { return vocab_size_; }
  void Forward(const StepInput& input) override;
  void Logits(std::span<const int32_t> row_ids, at::Tensor& logits) override;
  void Hidden(std::span<const int32_t> row_ids, at::Tensor& hidden) override;
  void EndStep() override { ops_.EndStep(); }

 private:
  DecoderOptions options_;
  Ops& ops_;
  Workspace& workspace_;
  LinearWeights embedding_;
  LinearWeights positions_;
  LinearWeights head_;
  std::optional<Norm> final_norm_;
  std::vector<std::unique_ptr<Block>> blocks_;
  at::Tensor* residual_;
  Activation* head_input_;
  int64_t vocab_size_ = 0;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_DECODER_H_
