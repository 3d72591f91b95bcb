#include "models/layers/decoder.h"

#include <algorithm>
#include <utility>

namespace skep::models {

Decoder::Decoder(Builder& builder, const DecoderOptions& options,
                 std::vector<std::unique_ptr<Block>> blocks)
    : options_(options),
      ops_(builder.ops),
      workspace_(builder.workspace),
      blocks_(std::move(blocks)) {
  const Weights root = builder.loader.root();
  embedding_ = root.at("model").Table("embed_tokens", options.vocab_size, options.hidden);
  if (options.positions > 0) {
    positions_ = root.at("model").Table("position_embeddings", options.positions, options.hidden);
  }
  if (options.tied_head) {
    head_ = embedding_;
    builder.loader.IgnoreSuffix("lm_head.weight");
  } else if (embedding_.matrix != nullptr) {
    head_ = root.Linear("lm_head", embedding_.matrix->rows(), options.hidden, Partition::kColumn,
                        options.head_bias);
  }
  residual_ = workspace_.Buffer("residual", options.hidden);
  head_input_ = workspace_.Values("head input", options.hidden, {head_.matrix.get()});
  final_norm_.emplace(root.at("model").Norm("norm", options.hidden, options.norm), head_input_);
  if (embedding_.matrix != nullptr) vocab_size_ = embedding_.matrix->rows();
}

void Decoder::Forward(const StepInput& input) {
  workspace_.BeginStep(input.positions);
  ops_.BeginStep(input);
  ops_.EmbedRows(*embedding_.matrix, input.tokens, options_.embedding_scale, *residual_);
  if (positions_.matrix != nullptr) {
    ops_.AddEmbeddedRows(*positions_.matrix, input.positions, *residual_);
  }
  Step step{input, ops_, *residual_, input.num_tokens()};
  for (const auto& block : blocks_) block->Forward(step);
  (*final_norm_)(step);
}

void Decoder::Logits(std::span<const int32_t> row_ids, at::Tensor& logits) {
  ops_.Logits(*head_input_, row_ids, head_, options_.logits_multiplier, options_.logits_softcap,
              logits);
}

void Decoder::Hidden(std::span<const int32_t> row_ids, at::Tensor& hidden) {
  // A norm writes the values also where the head reads only their quantised form.
  const at::Tensor& values = head_input_->values;
  const float* from = values.data_ptr<float>();
  float* to = hidden.data_ptr<float>();
  for (const int32_t row : row_ids) {
    to = std::copy_n(from + row * values.stride(0), options_.hidden, to);
  }
}

}  // namespace skep::models
