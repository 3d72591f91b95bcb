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
  if (options.embedding_norm) {
    embedding_norm_.emplace(
        root.at("model").Norm("embed_norm", options.hidden, *options.embedding_norm));
  }
  residual_ = workspace_.Buffer("residual", options.hidden);
  LoadHead(builder, root);
  final_norm_.emplace(root.at("model").Norm("norm", options.hidden, options.norm), head_input_);
  if (embedding_.matrix != nullptr) vocab_size_ = embedding_.matrix->rows();
}

void Decoder::LoadHead(Builder& builder, const Weights& root) {
  const int64_t hidden = options_.hidden;
  if (options_.tied_head) {
    head_ = embedding_;
    builder.loader.IgnoreSuffix("lm_head.weight");
    if (options_.head_bias == Bias::kRequired && embedding_.matrix != nullptr) {
      head_.bias = ops_.MakeVector(root.Vector("lm_head.bias", embedding_.matrix->rows()));
    }
  } else if (embedding_.matrix != nullptr) {
    head_ = root.Linear("lm_head", embedding_.matrix->rows(), hidden, Partition::kColumn,
                        options_.head_bias);
  }
  const PreparedMatrix* reader = head_.matrix.get();
  if (options_.head_transform) {
    const HeadTransformOptions& options = *options_.head_transform;
    const Weights place = root.at("head");
    transform_.emplace(Transform{
        .function = options.function,
        .dense = place.Linear("dense", hidden, hidden, Partition::kReplicated, options.bias),
        .norm = place.Norm("norm", hidden, options.norm),
        .activated = workspace_.Values("head activated", hidden, {}),
        .output = workspace_.Values("head transformed", hidden, {head_.matrix.get()})});
    reader = transform_->dense.matrix.get();
  }
  head_input_ = workspace_.Values("head input", hidden, {reader});
}

void Decoder::Forward(const StepInput& input) {
  rows_ = input.num_tokens();
  if (transform_) transform_->due = true;
  workspace_.BeginStep(input.positions, input.block_positions);
  ops_.BeginStep(input);
  ops_.EmbedRows(*embedding_.matrix, input.tokens, options_.embedding_scale, *residual_);
  if (positions_.matrix != nullptr) {
    ops_.AddEmbeddedRows(*positions_.matrix, input.positions, *residual_);
  }
  Step step{input, ops_, *residual_, rows_};
  if (embedding_norm_) (*embedding_norm_)(step);
  for (const auto& block : blocks_) block->Forward(step);
  (*final_norm_)(step);
}

const Activation& Decoder::HeadInput() {
  if (!transform_) return *head_input_;
  if (transform_->due) {
    ops_.ActivatedProjection(*head_input_, transform_->dense, transform_->function, rows_,
                             *transform_->activated);
    ops_.Norm(transform_->activated->values, transform_->norm, rows_, *transform_->output);
    transform_->due = false;
  }
  return *transform_->output;
}

void Decoder::Logits(std::span<const int32_t> row_ids, at::Tensor& logits) {
  ops_.Logits(HeadInput(), row_ids, head_, options_.logits_multiplier, options_.logits_softcap,
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
