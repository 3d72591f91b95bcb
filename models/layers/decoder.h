// The shell of a language model, decoder or encoder: embedding, blocks, final norm, head.
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
  // What the options call head_transform.
  struct Transform {
    GateFunction function;
    LinearWeights dense;
    NormWeights norm;
    Activation* activated;
    Activation* output;
    bool due = false;  // for the rows of this step
  };
  void LoadHead(Builder& builder, const Weights& root);
  // What the head reads.
  const Activation& HeadInput();

  DecoderOptions options_;
  Ops& ops_;
  Workspace& workspace_;
  LinearWeights embedding_;
  LinearWeights positions_;
  LinearWeights head_;
  std::optional<Transform> transform_;
  std::optional<StreamNorm> embedding_norm_;
  std::optional<Norm> final_norm_;
  std::vector<std::unique_ptr<Block>> blocks_;
  at::Tensor* residual_;
  Activation* head_input_;  // the hidden states, after the final norm
  int64_t rows_ = 0;        // of this step
  int64_t vocab_size_ = 0;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_DECODER_H_
