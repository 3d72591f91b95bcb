#include "engine/request_output.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engine/answer_format.h"
#include "engine/embedding.h"
#include "engine/error.h"
#include "engine/live_request.h"
#include "engine/output_format/output_parser.h"
#include "engine/output_format/parsed_output.h"
#include "engine/response.h"
#include "engine/sequence_output.h"
#include "engine/stream.h"
#include "engine/tokenizer/tokenizer.h"
#include "scheduler/types.h"

namespace skep::engine {

namespace {

// Sets the ids of tool calls apart from those of other requests and other processes.
uint64_t ProcessSeed() {
  static const uint64_t seed = (uint64_t{std::random_device()()} << 32) | std::random_device()();
  return seed;
}

std::unique_ptr<OutputParser> MakeParser(const LiveRequest& live, const AnswerFormat& format,
                                         int32_t index) {
  if (live.answer_context == nullptr) return nullptr;
  OutputParser::Options options;
  options.id_seed =
      ProcessSeed() ^ (static_cast<uint64_t>(live.id) << 20) ^ (static_cast<uint64_t>(index) << 8);
  if (live.request.skip_special_tokens) {
    options.stray_markers.assign(format.marker_texts().begin(), format.marker_texts().end());
  }
  auto parser = std::make_unique<OutputParser>(format.format(), live.answer_context->tools,
                                               std::move(options));
  parser->Continue(live.answer_context->prompt_end);
  return parser;
}

void Add(ParsedOutput parsed, OutputDelta& delta) {
  delta.text += parsed.content;
  delta.reasoning += parsed.reasoning;
  AppendToolCalls(delta.tool_calls, std::move(parsed.tool_calls));
}

}  // namespace

RequestOutput::RequestOutput(const LiveRequest& live, const Tokenizer& tokenizer,
                             const AnswerFormat& format)
    : live_(live),
      text_options_{.stop_strings = live.request.stop_strings,
                    .include_stop_string = live.request.include_stop_string,
                    .skip_special_tokens = live.request.skip_special_tokens,
                    .shown_special_tokens =
                        live.answer_context != nullptr ? &format.marker_tokens() : nullptr,
                    .min_tokens = live.request.min_tokens} {
  sequences_.reserve(live.sampling.n);
  for (int32_t i = 0; i < live.sampling.n; ++i) {
    sequences_.push_back({.output = SequenceOutput(tokenizer, text_options_),
                          .parser = MakeParser(live, format, i)});
  }
}

RequestOutput::Outcome RequestOutput::Handle(OutputMessage& message) {
  switch (message.kind) {
    case OutputMessage::Kind::kStarted:
      started_ = true;
      prompt_.cached_tokens = message.cached_tokens;
      if (live_.sampling.prompt_logprobs >= 0 && !live_.prompt.empty()) {
        prompt_.logprobs.resize(live_.prompt.size() - 1);
      }
      return {};
    case OutputMessage::Kind::kPromptLogprob:
      AddPromptLogprob(message);
      return {};
    case OutputMessage::Kind::kToken:
      return AddToken(message);
    case OutputMessage::Kind::kPooled:
      AddPooled(message);
      return {};
    case OutputMessage::Kind::kSequenceFinished:
      Finish(message);
      return {};
    case OutputMessage::Kind::kDone:
      return {.done = Done(message)};
  }
  return {};
}

// A preempted prompt is computed, and reported, again; the values are the same.
void RequestOutput::AddPromptLogprob(OutputMessage& message) {
  const int64_t place = message.position - 1;
  if (place < 0 || place >= static_cast<int64_t>(prompt_.logprobs.size())) return;
  prompt_.logprobs[place] = std::move(message.logprobs);
}

void RequestOutput::AnnouncePrompt() {
  if (announced_) return;
  announced_ = true;
  prompt_.token_ids = live_.prompt;
  live_.stream->Push(std::move(prompt_));
}

void RequestOutput::AddPooled(OutputMessage& message) {
  const auto tokens = static_cast<int64_t>(live_.prompt.size());
  embedding_ = {.values = FinishEmbedding(std::move(message.pooled), live_.call->params(), tokens),
                .prompt_tokens = tokens,
                .cached_tokens = prompt_.cached_tokens,
                .truncated = live_.truncated};
}

RequestOutput::Outcome RequestOutput::AddToken(OutputMessage& message) {
  AnnouncePrompt();
  Sequence& sequence = sequences_[message.index];
  if (sequence.reason != FinishReason::kNone) {  // sampled while the stop string was being found
    live_.stream->TokensDropped(1);
    return {};
  }
  Outcome outcome{.tokens = 1};
  OutputDelta delta{.index = message.index, .token_ids = {message.token}};
  if (live_.sampling.logprobs >= 0) delta.logprobs.push_back(std::move(message.logprobs));
  std::string text;
  if (message.stop_token >= 0) {
    sequence.output.AppendSilent();
    End(sequence, message.reason, message.stop_token, /*by_stop_string=*/false, delta);
  } else if (sequence.output.Append(message.token, text)) {
    AddText(sequence, text, delta);
    End(sequence, FinishReason::kStop, /*stop_token=*/-1, /*by_stop_string=*/true, delta);
    outcome.stop = StopFound{.index = message.index, .tokens = sequence.output.tokens()};
  } else {
    AddText(sequence, text, delta);
    if (message.reason != FinishReason::kNone) {
      End(sequence, message.reason, /*stop_token=*/-1, /*by_stop_string=*/false, delta);
    }
  }
  live_.stream->Push(std::move(delta));
  return outcome;
}

void RequestOutput::Finish(OutputMessage& message) {
  Sequence& sequence = sequences_[message.index];
  if (sequence.reason != FinishReason::kNone) return;
  OutputDelta delta{.index = message.index};
  End(sequence, message.reason, message.stop_token, /*by_stop_string=*/false, delta);
  // Of a request whose prompt was never computed, the reader only learns that it is done.
  if (announced_) live_.stream->Push(std::move(delta));
}

void RequestOutput::AddText(Sequence& sequence, const std::string& text, OutputDelta& delta) {
  if (sequence.parser == nullptr) {
    delta.text += text;
    return;
  }
  ParsedOutput parsed;
  sequence.parser->Append(text, parsed);
  Add(std::move(parsed), delta);
}

void RequestOutput::End(Sequence& sequence, FinishReason reason, TokenId stop_token,
                        bool by_stop_string, OutputDelta& delta) {
  // The text that was held back may hold a last stop string.
  if (std::string text; !by_stop_string) {
    if (sequence.output.Finish(text)) {
      by_stop_string = true;
      reason = FinishReason::kStop;
      stop_token = -1;
    }
    AddText(sequence, text, delta);
  }
  if (sequence.parser != nullptr) {
    ParsedOutput parsed;
    sequence.parser->Finish(parsed);
    Add(std::move(parsed), delta);
  }
  sequence.reason = reason;
  last_reason_ = reason;
  delta.finish = {
      .reason = reason, .stop_token = stop_token, .generated_tokens = sequence.output.tokens()};
  delta.finish.tool_calls =
      reason == FinishReason::kStop && sequence.parser != nullptr && sequence.parser->calls() > 0;
  if (by_stop_string) delta.finish.stop_string = sequence.output.stop_string();
}

RequestDone RequestOutput::Done(OutputMessage& message) {
  RequestDone done;
  bool cut_short = !started_;
  bool all_failed = true;
  for (const Sequence& sequence : sequences_) {
    done.usage.generated_tokens += sequence.output.tokens();
    const bool whole =
        sequence.reason == FinishReason::kStop || sequence.reason == FinishReason::kLength;
    all_failed &= sequence.reason == FinishReason::kError;
    cut_short |= !whole && sequence.reason != FinishReason::kError;
  }
  done.usage.prompt_tokens = static_cast<int64_t>(live_.prompt.size());
  done.usage.cached_tokens = started_ ? prompt_.cached_tokens : 0;
  // Sequences that all ended well before the cancellation took effect are an answer.
  if (cut_short) {
    done.status = message.ended.ok() ? MakeError(Reason::kInternal, "the request was cut short")
                                     : std::move(message.ended);
  } else if (all_failed) {
    done.status = std::move(message.failure);
  }
  return done;
}

}  // namespace skep::engine
