// From a row of logits to a token. Every function here is a function of its arguments alone: a
// sequence draws the same tokens whatever runs beside it, and again after a preemption.
#ifndef SKEP_MODELS_SAMPLING_SAMPLER_H_
#define SKEP_MODELS_SAMPLING_SAMPLER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "models/sampling/logit_row.h"
#include "scheduler/plan.h"

namespace skep::models {

// Reuses its memory; one per thread that samples.
class Sampler final {
 public:
  explicit Sampler(int64_t vocab_size);

  // `logits` [vocab_size] is overwritten. Fills `result`, reusing its memory.
  void Sample(const SequenceView& sequence, std::span<float> logits, SampleResult& result);

  // The log-probability of `token` and the `count` most likely tokens, from raw logits. NaN and
  // none if they are not valid (see LogitRow).
  void Logprobs(std::span<const float> logits, TokenId token, int32_t count, TokenLogprob& chosen,
                std::vector<TokenLogprob>& top);

 private:
  struct Candidate {
    float logit;  // relative to the largest, over the temperature
    TokenId token;
  };
  static bool MoreLikely(const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  }
  void ApplyBans(const SequenceView& sequence, std::span<float> logits);
  void ApplyPenalties(const SequenceView& sequence, std::span<float> logits);
  TokenId Draw(const SequenceView& sequence, std::span<const float> logits);
  double Uniform(const SequenceView& sequence) const;

  // These fill candidates_, most likely first but for TakeAll, with their probabilities.
  void TakeAll(std::span<const float> logits);
  void TakeTopK(std::span<const float> logits, int32_t k);
  void TakeTopP(std::span<const float> logits, float p);
  void TakeFrom(std::span<const float> logits, float lowest);
  // These shorten them.
  void KeepTypical(float p);
  void KeepTopP(float p);
  void KeepMinP(float p);
  void AddCandidates(std::span<const float> logits, float bound);
  void Renormalize();

  const int64_t vocab_size_;
  LogitRow row_;
  float inverse_temperature_ = 1.0f;
  std::vector<TokenId> tokens_;
  std::vector<Candidate> candidates_;
  std::vector<Candidate> kept_;
  std::vector<float> probabilities_;  // parallel
  double log_sum_ = 0;                // of the candidates' weights
  std::vector<int32_t> counts_;       // per token, zero between calls
  std::vector<float> raw_;            // the model's logits, kept for log-probabilities
  std::vector<float> allowed_;
  std::vector<int32_t> order_;
};

// A number in [0, 1) keyed by its arguments: the one random draw of a position.
double UniformDraw(uint64_t seed, uint32_t sequence_index, int64_t position);

}  // namespace skep::models

#endif  // SKEP_MODELS_SAMPLING_SAMPLER_H_
