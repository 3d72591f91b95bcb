// One request's results on their way to its stream: text, stop strings, usage, the final status.
#ifndef SKEP_ENGINE_REQUEST_OUTPUT_H_
#define SKEP_ENGINE_REQUEST_OUTPUT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/answer_format.h"
#include "engine/live_request.h"
#include "engine/output_format/output_parser.h"
#include "engine/response.h"
#include "engine/sequence_output.h"
#include "engine/tokenizer/tokenizer.h"
#include "scheduler/types.h"

namespace skep::engine {

// When a request reached the stages of its life; infinite past: never.
struct RequestTimes {
  absl::Time started = absl::InfinitePast();
  absl::Time first_token = absl::InfinitePast();
  absl::Time last_token = absl::InfinitePast();
  absl::Time done = absl::InfinitePast();
};

// What the loop tells the output processor of a request, in this order: started, prompt logprobs,
// tokens (or what a prompt was pooled to) and the ends of sequences, done. A request that never
// started only has kDone.
struct OutputMessage {
  enum class Kind { kStarted, kPromptLogprob, kToken, kPooled, kSequenceFinished, kDone };

  Kind kind = Kind::kStarted;
  std::shared_ptr<LiveRequest> request;
  uint32_t index = 0;         // kToken, kSequenceFinished: the sequence
  TokenId token = -1;         // kToken
  int64_t position = 0;       // kPromptLogprob: of the predicted token
  int64_t cached_tokens = 0;  // kStarted
  TokenLogprobs logprobs;     // kToken, kPromptLogprob: if asked for
  std::vector<float> pooled;  // kPooled

  // kSequenceFinished, and kToken where it is the sequence's last one. kDone: of the request.
  FinishReason reason = FinishReason::kNone;
  TokenId stop_token = -1;  // the eos or stop id that ended it: `token`, no part of the text

  // kDone: what to say of sequences that were cut short, and of those that failed by themselves.
  absl::Status ended;
  absl::Status failure;
  RequestTimes times;
  bool rejected = false;  // the scheduler never had it: its prompt was not fit
};

// A stop string was found: the loop must end the sequence after so many tokens.
struct StopFound {
  uint32_t index = 0;
  int64_t tokens = 0;
};

// Used by one thread at a time.
class RequestOutput final {
 public:
  // All must outlive it.
  RequestOutput(const LiveRequest& live, const Tokenizer& tokenizer, const AnswerFormat& format);

  // What the caller owes to others once a message is handled.
  struct Outcome {
    std::optional<StopFound> stop;
    int64_t tokens = 0;               // that now belong to the answer
    std::optional<RequestDone> done;  // to be pushed last
  };

  // Pushes what follows from `message` to the stream, except RequestDone.
  Outcome Handle(OutputMessage& message);

  // Of a request that embeds, once it is done.
  Embedding TakeEmbedding() { return std::move(embedding_); }

  // Of the last sequence to end.
  FinishReason last_reason() const { return last_reason_; }

 private:
  struct Sequence {
    SequenceOutput output;
    std::unique_ptr<OutputParser> parser;  // null: the answer is all text
    FinishReason reason = FinishReason::kNone;
  };

  void AddPromptLogprob(OutputMessage& message);
  Outcome AddToken(OutputMessage& message);
  void AddPooled(OutputMessage& message);
  void Finish(OutputMessage& message);
  // Adds the next text of a sequence to `delta`, taken apart where that is asked for.
  static void AddText(Sequence& sequence, const std::string& text, OutputDelta& delta);
  // Fills in how a sequence ended and marks it so.
  void End(Sequence& sequence, FinishReason reason, TokenId stop_token, bool by_stop_string,
           OutputDelta& delta);
  RequestDone Done(OutputMessage& message);
  // The first event of a request, once its prompt is computed.
  void AnnouncePrompt();

  const LiveRequest& live_;
  const TextOptions text_options_;
  std::vector<Sequence> sequences_;
  PromptProcessed prompt_;
  Embedding embedding_;
  bool started_ = false;
  bool announced_ = false;
  FinishReason last_reason_ = FinishReason::kNone;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_REQUEST_OUTPUT_H_
