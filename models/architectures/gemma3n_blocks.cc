#include "models/architectures/gemma3n_blocks.h"

#include <cmath>
#include <map>
#include <numbers>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/layers/attention.h"
#include "models/layers/feed_forward.h"
#include "models/layers/norm.h"

namespace skep::models::architectures {
namespace {

constexpr float kLeastMeanSquare = 1e-5f;  // of a stream that takes another's magnitude
constexpr float kHalfRoot = 1.0f / std::numbers::sqrt2_v<float>;

NormWeights NoNorm() {
  NormWeights none;
  none.kind = NormKind::kNone;
  return none;
}

// The streams, the same buffers for all blocks: float [max_tokens, hidden] each.
std::vector<Activation*> Streams(Workspace& workspace, int64_t count, int64_t hidden) {
  std::vector<Activation*> streams;
  for (int64_t i = 0; i < count; ++i) {
    streams.push_back(workspace.Values(absl::StrCat("stream ", i), hidden, {}));
  }
  return streams;
}

std::vector<at::Tensor*> ValuesOf(const std::vector<Activation*>& streams) {
  std::vector<at::Tensor*> values;
  values.reserve(streams.size());
  for (Activation* stream : streams) values.push_back(&stream->values);
  return values;
}

// "<name>.0", "<name>.1", ... [hidden, hidden], of all streams but the first.
std::vector<LinearWeights> LoadProjections(Builder& builder, const std::string& name, int64_t count,
                                           int64_t hidden) {
  const Weights place = builder.loader.root().at("model").at(name);
  std::vector<LinearWeights> projections;
  for (int64_t i = 0; i < count; ++i) {
    projections.push_back(place.Linear(absl::StrCat(i), hidden, hidden));
    builder.workspace.Values("stream input", hidden, {projections.back().matrix.get()});
  }
  return projections;
}

// [hidden] for each layer, one after another.
at::Tensor* PerLayerInputs(Workspace& workspace, const DecoderPlan& plan,
                           const Gemma3nOptions& options) {
  return workspace.Buffer("per-layer inputs",
                          static_cast<int64_t>(plan.layers.size()) * options.per_layer_width);
}

// The first stream is the embedding, the others are projections of it of the same magnitude. Beside
// them, what each layer is given of its own: an embedding of the token, and a normed projection of
// the common embedding.
class BeginStreams final : public Block {
 public:
  BeginStreams(Builder& builder, const DecoderPlan& plan, const Gemma3nOptions& options)
      : streams_(Streams(builder.workspace, options.streams, plan.decoder.hidden)),
        projections_(LoadProjections(builder, "altup_projections", options.streams - 1,
                                     plan.decoder.hidden)),
        per_layer_inputs_(PerLayerInputs(builder.workspace, plan, options)) {
    const Weights model = builder.loader.root().at("model");
    const int64_t hidden = plan.decoder.hidden, width = options.per_layer_width;
    const int64_t all = static_cast<int64_t>(plan.layers.size()) * width;
    table_ = model.Table("embed_tokens_per_layer", options.per_layer_rows, all);
    projection_ = model.Linear("per_layer_model_projection", all, hidden);
    input_ = builder.workspace.Values("stream input", hidden, {projection_.matrix.get()});
    // The projection is divided by the root of the width, which its norm undoes but for epsilon.
    NormOptions norm = plan.decoder.norm;
    norm.epsilon *= static_cast<double>(hidden);
    norm_ = model.Norm("per_layer_projection_norm", width, norm);
    multiplier_ = model.RoundAsStored("embed_tokens.weight", kHalfRoot);
    table_scale_ = multiplier_ * model.RoundAsStored("embed_tokens_per_layer.weight",
                                                     std::sqrt(static_cast<float>(width)));
  }

  void Forward(Step& step) const override {
    step.ops.Norm(step.residual, none_, step.rows, *streams_[0]);
    step.ops.Norm(step.residual, none_, step.rows, *input_);
    for (size_t i = 1; i < streams_.size(); ++i) {
      step.ops.ActivatedProjection(*input_, projections_[i - 1], GateFunction::kIdentity, step.rows,
                                   *streams_[i]);
      step.ops.MatchMagnitude(streams_[0]->values, kLeastMeanSquare, step.rows,
                              streams_[i]->values);
    }
    // Tokens beyond the table, which stand for images and sound, have the first row.
    const int64_t rows = table_.matrix->rows();
    ids_.assign(step.input.tokens.begin(), step.input.tokens.end());
    for (TokenId& id : ids_) id = id < rows ? id : 0;
    step.ops.EmbedRows(*table_.matrix, ids_, table_scale_, *per_layer_inputs_);
    step.ops.ProjectToResidual(*input_, projection_, &norm_, multiplier_, step.rows,
                               *per_layer_inputs_);
  }

 private:
  const NormWeights none_ = NoNorm();
  std::vector<Activation*> streams_;
  std::vector<LinearWeights> projections_;
  at::Tensor* per_layer_inputs_;
  LinearWeights table_, projection_;
  NormWeights norm_;
  float multiplier_ = 1.0f, table_scale_ = 1.0f;
  Activation* input_;
  mutable std::vector<TokenId> ids_;  // of a step
};

// The streams' mean, the others projected and of the magnitude of the first.
class EndStreams final : public Block {
 public:
  EndStreams(Builder& builder, const DecoderPlan& plan, const Gemma3nOptions& options)
      : streams_(Streams(builder.workspace, options.streams, plan.decoder.hidden)),
        values_(ValuesOf(streams_)),
        weights_(streams_.size(), 1.0f / static_cast<float>(options.streams)),
        projections_(LoadProjections(builder, "altup_unembed_projections", options.streams - 1,
                                     plan.decoder.hidden)),
        input_(builder.workspace.Values("stream input", plan.decoder.hidden, {})) {}

  void Forward(Step& step) const override {
    for (size_t i = 1; i < streams_.size(); ++i) {
      step.ops.Norm(*values_[i], none_, step.rows, *input_);
      step.ops.ActivatedProjection(*input_, projections_[i - 1], GateFunction::kIdentity, step.rows,
                                   *streams_[i]);
      step.ops.MatchMagnitude(*values_[0], kLeastMeanSquare, step.rows, *values_[i]);
    }
    step.ops.WeightedSum(values_, weights_, step.rows, step.residual);
  }

 private:
  const NormWeights none_ = NoNorm();
  std::vector<Activation*> streams_;
  std::vector<at::Tensor*> values_;
  std::vector<float> weights_;
  std::vector<LinearWeights> projections_;
  Activation* input_;
};

// How one layer predicts the streams from what they were before it, and corrects them by what it
// computed: Baykal et al. 2023, "Alternating Updates for Efficient Transformers".
class AltUp final {
 public:
  AltUp(Builder& builder, const Weights& weights, int64_t hidden, double epsilon,
        const Gemma3nOptions& options)
      : streams_(ValuesOf(Streams(builder.workspace, options.streams, hidden))),
        active_(streams_[options.active]) {
    const int64_t count = options.streams;
    // The router reads normed values divided by their number.
    std::vector<float> scale = weights.Vector("router_norm.weight", hidden);
    for (float& value : scale) value /= static_cast<float>(hidden);
    router_norm_.scale = builder.ops.MakeVector(scale);
    router_norm_.epsilon = static_cast<float>(epsilon);
    router_ = weights.Linear("modality_router", count, hidden);
    prediction_ = weights.Linear("prediction_coefs", count * count, count);
    correction_ = weights.Linear("correction_coefs", count, count);
    correction_.bias = builder.ops.MakeVector(std::vector<float>(count, 1.0f));
    Workspace& workspace = builder.workspace;
    router_input_ = workspace.Values("router input", hidden, {router_.matrix.get()});
    modalities_ =
        workspace.Values("modalities", count, {prediction_.matrix.get(), correction_.matrix.get()});
    coefficients_ = workspace.Values("stream coefficients", count * count, {});
    innovation_ = workspace.Buffer("innovation", hidden);
  }

  const std::vector<at::Tensor*>& streams() const { return streams_; }
  const at::Tensor& active() const { return *active_; }

  void Predict(Step& step) const {
    Coefficients(step, *active_, prediction_);
    step.ops.MixStreams(streams_, coefficients_->values, step.rows, streams_);
  }

  // `computed`: what the active stream should have been.
  void Correct(Step& step, const at::Tensor& computed) const {
    constexpr float kDifference[] = {1.0f, -1.0f};
    const at::Tensor* const inputs[] = {&computed, active_};
    step.ops.WeightedSum(inputs, kDifference, step.rows, *innovation_);
    Coefficients(step, computed, correction_);
    const at::Tensor* const innovations[] = {innovation_};
    step.ops.MixStreams(innovations, coefficients_->values, step.rows, streams_);
  }

 private:
  void Coefficients(Step& step, const at::Tensor& x, const LinearWeights& weights) const {
    step.ops.Norm(x, router_norm_, step.rows, *router_input_);
    step.ops.ActivatedProjection(*router_input_, router_, GateFunction::kTanh, step.rows,
                                 *modalities_);
    step.ops.ActivatedProjection(*modalities_, weights, GateFunction::kIdentity, step.rows,
                                 *coefficients_);
  }

  std::vector<at::Tensor*> streams_;
  at::Tensor* active_;
  NormWeights router_norm_;
  LinearWeights router_, prediction_, correction_;
  Activation* router_input_;
  Activation* modalities_;
  Activation* coefficients_;
  at::Tensor* innovation_;
};

// What a layer adds to all streams but the first: of the active stream and of the token's embedding
// for this layer.
class PerLayerEmbedding final {
 public:
  PerLayerEmbedding(Builder& builder, const Weights& weights, int64_t layer,
                    const DecoderPlan& plan, const Gemma3nOptions& options)
      : inputs_(PerLayerInputs(builder.workspace, plan, options)),
        first_(layer * options.per_layer_width),
        function_(std::get<MlpOptions>(plan.layers[layer].feed_forward).function) {
    const int64_t hidden = plan.decoder.hidden, width = options.per_layer_width;
    if (options.scales_output) {
      scale_.scale = builder.ops.MakeVector(weights.Vector("altup.correct_output_scale", hidden));
    } else {
      builder.loader.IgnoreSuffix("altup.correct_output_scale");
    }
    gate_ = weights.Linear("per_layer_input_gate", width, hidden);
    projection_ = weights.Linear("per_layer_projection", hidden, width);
    norm_ = weights.Norm("post_per_layer_input_norm", hidden, plan.layers[layer].norm);
    Workspace& workspace = builder.workspace;
    scaled_ = workspace.Values("per-layer gate input", hidden, {gate_.matrix.get()});
    gated_ = workspace.Values("per-layer gate", width, {projection_.matrix.get()});
    projected_ = workspace.Values("per-layer output before norm", hidden, {});
    output_ = workspace.Values("per-layer output", hidden, {});
  }

  void AddTo(Step& step, const at::Tensor& active, const std::vector<at::Tensor*>& streams) const {
    step.ops.Norm(active, scale_, step.rows, *scaled_);
    step.ops.ModulatedProjection(*scaled_, gate_, function_, *inputs_, first_, step.rows, *gated_);
    step.ops.ActivatedProjection(*gated_, projection_, GateFunction::kIdentity, step.rows,
                                 *projected_);
    step.ops.Norm(projected_->values, norm_, step.rows, *output_);
    constexpr float kOnes[] = {1.0f, 1.0f};
    for (size_t i = 1; i < streams.size(); ++i) {
      const at::Tensor* const inputs[] = {streams[i], &output_->values};
      step.ops.WeightedSum(inputs, kOnes, step.rows, *streams[i]);
    }
  }

 private:
  at::Tensor* inputs_;
  int64_t first_;
  GateFunction function_;
  NormWeights scale_ = NoNorm();
  LinearWeights gate_, projection_;
  NormWeights norm_;
  Activation* scaled_;
  Activation* gated_;
  Activation* projected_;
  Activation* output_;
};

// Of the predicted active stream a, with N a norm of its own each time and L of low rank:
//   x = N(a);  g = (a + N(Attention(x)) + x + N(L(x))) / sqrt(2);  computed = g + N(Mlp(N(g))).
class Gemma3nLayer final : public Block {
 public:
  Gemma3nLayer(Builder& builder, const Weights& weights, int64_t layer, const DecoderPlan& plan,
               const Gemma3nOptions& options, StatePlace* shared)
      : altup_(builder, weights.at("altup"), plan.decoder.hidden, plan.layers[layer].norm.epsilon,
               options),
        attention_(builder, weights.at("self_attn"), plan.layers[layer].attention,
                   "attention input", shared),
        mlp_(MakeFeedForward(builder, weights.at("mlp"), plan.layers[layer].feed_forward,
                             "mlp input")),
        embedding_(builder, weights, layer, plan, options) {
    const int64_t hidden = plan.decoder.hidden;
    const LayerOptions& names = plan.layers[layer];
    input_norm_ = weights.Norm(names.attention_norm, hidden, names.norm);
    attention_norm_ = weights.Norm(names.attention_post_norm, hidden, names.norm);
    mlp_input_norm_.emplace(weights.Norm(names.mlp_norm, hidden, names.norm), mlp_->input());
    mlp_norm_ = weights.Norm(names.mlp_post_norm, hidden, names.norm);
    // Menghani et al. 2024, "LAuReL: Learned Augmented Residual Layer". The file decides on the
    // rank: GGUF has no key for it.
    const Weights laurel = weights.at("laurel");
    left_ = laurel.Table("linear_left", /*min_rows=*/1, hidden);
    const int64_t rank = left_.matrix != nullptr ? left_.matrix->rows() : 1;
    right_ = laurel.Linear("linear_right", hidden, rank);
    laurel_norm_ = laurel.Norm("post_laurel_norm", hidden, names.norm);
    laurel_ = builder.workspace.Values("laurel", rank, {right_.matrix.get()});
    builder.workspace.Values("attention input", hidden, {left_.matrix.get()});
  }

  StatePlace* state() const { return attention_.state(); }

  void Forward(Step& step) const override {
    altup_.Predict(step);
    Activation& x = *attention_.input();
    step.ops.Norm(altup_.active(), input_norm_, step.rows, x);
    constexpr float kHalfRoots[] = {kHalfRoot, kHalfRoot};
    const at::Tensor* const inputs[] = {&altup_.active(), &x.values};
    step.ops.WeightedSum(inputs, kHalfRoots, step.rows, step.residual);
    step.ops.ActivatedProjection(x, left_, GateFunction::kIdentity, step.rows, *laurel_);
    step.ops.ProjectToResidual(*laurel_, right_, &laurel_norm_, kHalfRoot, step.rows,
                               step.residual);
    attention_.AddTo(step, x, &attention_norm_, kHalfRoot);
    mlp_->AddTo(step, (*mlp_input_norm_)(step), &mlp_norm_, 1.0f);
    altup_.Correct(step, step.residual);
    embedding_.AddTo(step, altup_.active(), altup_.streams());
  }

 private:
  AltUp altup_;
  Attention attention_;
  std::unique_ptr<FeedForward> mlp_;
  PerLayerEmbedding embedding_;
  NormWeights input_norm_, attention_norm_, mlp_norm_, laurel_norm_;
  std::optional<Norm> mlp_input_norm_;
  LinearWeights left_, right_;
  Activation* laurel_;
};

}  // namespace

std::vector<std::unique_ptr<Block>> MakeGemma3nBlocks(Builder& builder, const DecoderPlan& plan,
                                                      const Gemma3nOptions& options) {
  const Weights layers = builder.loader.root().at("model.layers");
  std::vector<std::unique_ptr<Block>> blocks;
  blocks.push_back(std::make_unique<BeginStreams>(builder, plan, options));
  // Of each kind of layer, the last that keeps keys and values. Layers of a kind have one RoPE.
  std::map<std::string, StatePlace*> kept;
  for (int64_t i = 0; i < static_cast<int64_t>(plan.layers.size()); ++i) {
    StatePlace*& place = kept[plan.layers[i].attention.rope];
    StatePlace* shared = i < options.first_shared ? nullptr : place;
    auto layer = std::make_unique<Gemma3nLayer>(builder, layers.at(i), i, plan, options, shared);
    place = layer->state();
    blocks.push_back(std::move(layer));
  }
  blocks.push_back(std::make_unique<EndStreams>(builder, plan, options));
  return blocks;
}

}  // namespace skep::models::architectures
