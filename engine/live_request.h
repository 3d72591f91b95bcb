// A request that was accepted and has not ended, as the engine's threads share it.
#ifndef SKEP_ENGINE_LIVE_REQUEST_H_
#define SKEP_ENGINE_LIVE_REQUEST_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "engine/admission.h"
#include "engine/answer_format.h"
#include "engine/embedding_call.h"
#include "engine/request.h"
#include "engine/stream.h"
#include "scheduler/sampling_params.h"
#include "scheduler/types.h"

namespace skep::engine {

class RequestOutput;

// Each group of fields says who may touch it when; what passes from one thread to the next goes
// through a queue with a lock, so the fields need none.
struct LiveRequest {
  LiveRequest();
  ~LiveRequest();

  // Constant from the start.
  RequestId id = 0;
  bool internal = false;  // the self-test: in no counter, told to no observer
  absl::Time arrival;
  absl::Time deadline;
  GenerationRequest request;  // of an embedding, only the prompt and what says when it runs
  std::shared_ptr<Stream> stream;

  // Of an embedding, the call and which of its inputs this is. Null: generates.
  std::shared_ptr<EmbeddingCall> call;
  size_t input = 0;

  // Set when the request ended before it was tokenised, so that nobody does it in vain.
  std::atomic<bool> abandoned{false};

  // The loop's.
  SamplingParams sampling;
  AdmissionTicket ticket;

  // Written by the loop before the first message to the output processor, then the latter's.
  std::vector<TokenId> prompt;
  bool truncated = false;
  std::unique_ptr<const AnswerContext> answer_context;  // null: the answer is all text
  std::unique_ptr<RequestOutput> output;
};

// What became of a prompt in the tokenizer's hands.
struct TokenizedPrompt {
  absl::Status status;
  std::vector<TokenId> ids;
  bool truncated = false;
  std::unique_ptr<const AnswerContext> answer_context;
  SamplingParams sampling;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_LIVE_REQUEST_H_
