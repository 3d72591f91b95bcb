// One call of Engine::Embed: its inputs run as requests of their own and are answered together.
#ifndef SKEP_ENGINE_EMBEDDING_CALL_H_
#define SKEP_ENGINE_EMBEDDING_CALL_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "engine/embedding.h"
#include "engine/response.h"
#include "engine/stream.h"
#include "scheduler/types.h"

namespace skep::engine {

// Thread-safe. The request of input i has the id first_request() + i.
class EmbeddingCall final {
 public:
  // `stream` gets nothing but what Add pushes.
  EmbeddingCall(const EmbeddingParams& params, RequestId first_request, size_t num_inputs,
                std::shared_ptr<Stream> stream);

  const EmbeddingParams& params() const { return params_; }
  RequestId first_request() const { return first_request_; }
  size_t num_inputs() const { return num_inputs_; }

  struct Outcome {
    bool failed = false;  // for the first input that fails: the others are in vain now
    bool ended = false;   // this was the last input: the stream has all its events
  };

  // The end of input `index`, once for each. `embedding` counts where `done` is OK; the status of
  // the call is that of the first input that failed.
  Outcome Add(size_t index, RequestDone done, Embedding embedding);

 private:
  const EmbeddingParams params_;
  const RequestId first_request_;
  const size_t num_inputs_;
  const std::shared_ptr<Stream> stream_;

  std::mutex mutex_;
  size_t left_ ABSL_GUARDED_BY(mutex_);
  RequestDone done_ ABSL_GUARDED_BY(mutex_);
  std::vector<Embedding> inputs_;  // each is written once, before left_ counts it
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_EMBEDDING_CALL_H_
