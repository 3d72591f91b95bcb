#include "models/runner/prefix.h"

#include <algorithm>
#include <span>

namespace skep::models {
namespace {

int32_t Find(std::span<const TokenId> tokens, TokenId wanted) {
  return static_cast<int32_t>(std::find(tokens.begin(), tokens.end(), wanted) - tokens.begin());
}

}  // namespace

Prefix FindPrefix(const PrefixOptions& options, const SequenceView& sequence) {
  if (options.end == PrefixOptions::End::kNone) return {};
  if (options.end == PrefixOptions::End::kSequence) {
    return {.length = static_cast<int32_t>(sequence.tokens.size())};
  }
  // What was generated does not move the prefix: earlier tokens were computed without it.
  const auto prompt = sequence.tokens.first(
      std::min(sequence.tokens.size(), static_cast<size_t>(sequence.prompt_length)));
  const auto size = static_cast<int32_t>(prompt.size());
  Prefix prefix{.length = Find(prompt, options.end_token)};
  prefix.mask_position = std::max(0, prefix.length - 1);
  for (TokenId mask : options.mask_tokens) {
    const int32_t place = Find(prompt, mask);
    if (place == size) continue;
    prefix.mask_position = place;
    break;
  }
  return prefix;
}

}  // namespace skep::models
