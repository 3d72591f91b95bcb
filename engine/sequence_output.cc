#include "engine/sequence_output.h"

#include <string>

#include "engine/stop_matcher.h"
#include "engine/tokenizer/tokenizer.h"
#include "scheduler/types.h"

namespace skep::engine {

SequenceOutput::SequenceOutput(const Tokenizer& tokenizer, const TextOptions& options)
    : options_(&options),
      detokenizer_(tokenizer, options.skip_special_tokens, /*continues_text=*/true,
                   options.shown_special_tokens),
      matcher_(options.stop_strings) {}

bool SequenceOutput::Append(TokenId token, std::string& text) {
  ++tokens_;
  fresh_.clear();
  detokenizer_.Append(token, fresh_);
  return Feed(text);
}

bool SequenceOutput::Finish(std::string& text) {
  fresh_.clear();
  detokenizer_.Flush(fresh_);
  if (Feed(text)) return true;
  text += held_;
  held_.clear();
  return false;
}

// Moves `fresh_` on: to `text` what no stop string can claim any more, to `held_` the rest.
bool SequenceOutput::Feed(std::string& text) {
  const StopMatcher::Match match = matcher_.Feed(fresh_, tokens_ > options_->min_tokens);
  if (match.stop_string >= 0) {
    stop_string_ = match.stop_string;
    held_.append(fresh_, 0, match.end);
    if (!options_->include_stop_string) held_.resize(held_.size() - stop_string().size());
    text += held_;
    held_.clear();
    return true;
  }
  held_ += fresh_;
  const size_t certain = held_.size() - matcher_.held_bytes();
  text.append(held_, 0, certain);
  held_.erase(0, certain);
  return false;
}

}  // namespace skep::engine
