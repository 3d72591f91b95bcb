// What sampling asks of a row of logits, answered without sorting it: vocabularies have up to some
// hundred thousand tokens, of which a draw considers a few.
#ifndef SKEP_MODELS_SAMPLING_LOGIT_ROW_H_
#define SKEP_MODELS_SAMPLING_LOGIT_ROW_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "scheduler/types.h"

namespace skep::models {

// Reuses its memory from row to row. Between Read and the last question the logits stay unchanged.
class LogitRow final {
 public:
  // Makes room for rows of so many logits.
  void Reserve(int64_t vocab_size);

  // Looks at each logit once. `logits` is not empty.
  void Read(std::span<const float> logits);

  // No logit is NaN or plus infinity, and one is finite. The other answers need that.
  bool valid() const { return valid_; }
  float largest() const { return largest_; }
  TokenId ArgMax() const;  // lowest id on ties

  // A bound that at least min(count, tokens) logits reach, and not many more than that.
  float BoundOfLargest(int64_t count);
  // The tokens whose logits are `bound` or more, by id.
  void TokensFrom(float bound, std::vector<TokenId>& tokens) const;
  // How many logits are more than `logit`, or equal to it with an id below `token`.
  int64_t CountBefore(float logit, TokenId token) const;

  // The sum of all weights exp((logit - largest) * inverse_temperature).
  double Weigh(float inverse_temperature);
  // The token into whose weight `mass` falls when the weights of the last Weigh are laid end to end
  // by id. Never a token without weight.
  TokenId TokenAt(double mass) const;

 private:
  static constexpr size_t kStretch = 64;

  // Logits of a stretch; of the last one a copy in `tail`, filled up with minus infinity.
  const float* Stretch(size_t stretch, float (&tail)[kStretch]) const;
  void WeighStretch(size_t stretch, float (&weights)[kStretch]) const;

  std::span<const float> logits_;
  std::vector<float> largest_of_;  // of each stretch
  std::vector<double> weight_of_;
  std::vector<float> order_;
  float largest_ = 0.0f;
  float inverse_temperature_ = 1.0f;
  bool valid_ = false;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_SAMPLING_LOGIT_ROW_H_
