// What a request's stream carries, and the bounded stream itself.
#ifndef SKEP_ENGINE_RESPONSE_H_
#define SKEP_ENGINE_RESPONSE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "engine/output_format/parsed_output.h"
#include "scheduler/plan.h"
#include "scheduler/types.h"

namespace skep::engine {

struct TokenLogprobs {
  TokenLogprob chosen;
  std::vector<TokenLogprob> top;
};

// First event of every accepted request that generates.
struct PromptProcessed {
  std::vector<TokenId> token_ids;
  int64_t cached_tokens = 0;            // taken from the prefix cache
  std::vector<TokenLogprobs> logprobs;  // of tokens 1.., if asked for
};

// Which ending a finished sequence had. `stop_string` or `stop_token` says what matched.
struct FinishInfo {
  FinishReason reason = FinishReason::kNone;
  std::string stop_string;
  TokenId stop_token = -1;
  int64_t generated_tokens = 0;
  bool tool_calls = false;  // it stopped (kStop) after calling tools
};

// Some more of one sequence: text and ids since its last event. Text may lag behind the ids while a
// character, a possible stop string or a possible marker is incomplete; at the end they agree.
struct OutputDelta {
  uint32_t index = 0;  // 0 .. n-1
  std::string text;    // the content, where the answer is taken apart
  std::string reasoning;
  std::vector<ToolCallDelta> tool_calls;
  std::vector<TokenId> token_ids;
  std::vector<TokenLogprobs> logprobs;  // parallel to token_ids, if asked for
  FinishInfo finish;                    // reason kNone: goes on
};

struct Embedding {
  std::vector<float> values;
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  bool truncated = false;  // the input was longer
};

// Of all inputs of an embedding request, in their order. The one event before its RequestDone.
struct Embeddings {
  std::vector<Embedding> inputs;
};

struct Usage {
  int64_t prompt_tokens = 0;  // over all inputs
  int64_t cached_tokens = 0;
  int64_t generated_tokens = 0;  // over all sequences
};

// Last event, exactly one. A status that is not OK carries its reason (engine/error.h).
struct RequestDone {
  absl::Status status;
  Usage usage;
};

// Adds `more`, which follows, to `whole`.
void Append(OutputDelta& whole, OutputDelta more);

using ResponseEvent = std::variant<PromptProcessed, OutputDelta, Embeddings, RequestDone>;

// The reading end of a request's events. The queue behind it is bounded: while it is full, the
// request's sequences pause, and a reader that stays away too long ends its request.
// Thread-safe; at most one reader. Destroying it cancels a request that is still running.
class ResponseStream {
 public:
  virtual ~ResponseStream() = default;

  // Takes the next event into `event` and returns true; or returns false and arranges that
  // `on_ready` is called once, from a thread of the engine, when there is one. `on_ready` must not
  // block. After RequestDone no event follows.
  virtual bool Next(ResponseEvent& event, std::function<void()> on_ready) = 0;

  // Waits for the next event.
  virtual ResponseEvent Wait() = 0;

  // Ends the request within a step; RequestDone still comes. Idempotent.
  virtual void Cancel() = 0;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_RESPONSE_H_
