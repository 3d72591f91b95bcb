#include "engine/embedding_call.h"

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

#include "engine/response.h"
#include "engine/stream.h"
#include "scheduler/types.h"

namespace skep::engine {

EmbeddingCall::EmbeddingCall(const EmbeddingParams& params, RequestId first_request,
                             size_t num_inputs, std::shared_ptr<Stream> stream)
    : params_(params),
      first_request_(first_request),
      num_inputs_(num_inputs),
      stream_(std::move(stream)),
      left_(num_inputs),
      inputs_(num_inputs) {}

EmbeddingCall::Outcome EmbeddingCall::Add(size_t index, RequestDone done, Embedding embedding) {
  inputs_[index] = std::move(embedding);
  Outcome outcome;
  RequestDone last;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    outcome.failed = !done.status.ok() && done_.status.ok();
    if (outcome.failed) done_.status = std::move(done.status);
    done_.usage.prompt_tokens += done.usage.prompt_tokens;
    done_.usage.cached_tokens += done.usage.cached_tokens;
    outcome.ended = --left_ == 0;
    if (!outcome.ended) return outcome;
    last = std::move(done_);
  }
  if (last.status.ok()) stream_->Push(Embeddings{std::move(inputs_)});
  stream_->Push(std::move(last));
  return outcome;
}

}  // namespace skep::engine
