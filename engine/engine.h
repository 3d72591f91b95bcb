// Text in, text out: validates requests, turns them into tokens, feeds the scheduler, drives the
// model runner from one loop thread and turns sampled tokens back into text.
#ifndef SKEP_ENGINE_ENGINE_H_
#define SKEP_ENGINE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/request.h"
#include "engine/response.h"
#include "models/runner.h"
#include "scheduler/types.h"

namespace skep::engine {

class OutputFormat;  // engine/output_format/output_format.h
class Tokenizer;     // engine/tokenizer/tokenizer.h
struct RenderedChat;
class ChatTemplate;  // engine/chat_template/chat_template.h

struct EngineOptions {
  int32_t max_sequences = 64;      // running at once
  int32_t max_batch_tokens = 512;  // tokens of one step
  double max_step_seconds = 0.25;  // a prompt's chunk is cut so that a step stays below; 0: off
  bool prefix_cache = true;

  // Admission: beyond these a request is refused at once.
  int32_t max_waiting = 1024;
  int64_t max_waiting_prompt_bytes = 64 << 20;
  int32_t max_waiting_per_tenant = 0;               // 0: only the limit over all tenants
  int64_t max_waiting_prompt_bytes_per_tenant = 0;  // the same

  // Caps on single fields.
  int32_t max_n = 16;
  int32_t max_inputs = 256;  // of one embedding request
  int32_t max_stop_strings = 16;
  int32_t max_stop_string_bytes = 1024;
  int32_t max_logprobs = 20;
  int32_t max_logit_bias = 1024;

  // How the model writes tool calls and thoughts (engine/output_format/output_format.h): a name,
  // "none", or "auto" for what its chat template says.
  std::string tool_call_format = "auto";
  std::string reasoning_format = "auto";

  int32_t tokenizer_threads = 1;
  int32_t output_threads = 1;

  // A stream may hold this many unread tokens before its sequences pause, and stay so this long.
  int32_t max_unread_tokens = 512;
  absl::Duration stalled_reader_limit = absl::Seconds(60);
};

// Told of everything worth measuring, from threads of the engine. Must not block.
class EngineObserver {
 public:
  struct Finished {                             // one a request
    FinishReason reason = FinishReason::kNone;  // of the last sequence to end
    int64_t prompt_tokens = 0;
    int64_t generated_tokens = 0;
    bool embedding = false;  // an input of Embed: `prefill` lasts until its end, `decode` is zero
    absl::Duration queued, prefill, decode, total;
  };
  virtual ~EngineObserver() = default;
  virtual void OnRejected(const absl::Status& /*status*/) {}
  virtual void OnFirstToken(absl::Duration /*since_arrival*/) {}
  virtual void OnInterTokenLatency(absl::Duration /*latency*/) {}
  virtual void OnStep(int64_t /*tokens*/, absl::Duration /*duration*/) {}
  virtual void OnFinished(const Finished& /*finished*/) {}
};

// A snapshot, consistent with itself, cheap enough to take on every scrape.
struct EngineStats {
  int64_t running_requests = 0;
  int64_t waiting_requests = 0;
  int64_t blocks_total = 0;   // over all cache groups
  int64_t blocks_free = 0;    // not referenced and not cached
  int64_t blocks_cached = 0;  // not referenced, kept for the prefix cache
  double cache_usage = 0;     // of the fullest group, 0..1
  int64_t prompt_tokens = 0;  // counters since the start
  int64_t cached_prompt_tokens = 0;
  int64_t generated_tokens = 0;
  int64_t prefix_query_tokens = 0;
  int64_t prefix_hit_tokens = 0;
  int64_t preemptions = 0;
  uint64_t steps = 0;
};

// Thread-safe. Destroying it stops at once: running requests end with kDraining.
class Engine {
 public:
  // `chat_template` may be null (then chat prompts fail with kNoChatTemplate); `observer` too, and
  // it must outlive the engine.
  static absl::StatusOr<std::unique_ptr<Engine>> Create(
      const EngineOptions& options, std::unique_ptr<ModelRunner> runner,
      std::shared_ptr<const Tokenizer> tokenizer, std::shared_ptr<const ChatTemplate> chat_template,
      EngineObserver* observer);
  virtual ~Engine() = default;

  virtual const ModelInfo& model() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;
  virtual const OutputFormat& output_format() const = 0;

  // Checks every field and takes an admission ticket, or fails at once; the rest (template,
  // tokenising, generating) happens in the background and is read from the stream.
  virtual absl::StatusOr<std::unique_ptr<ResponseStream>> Generate(GenerationRequest request) = 0;

  // The same for embeddings: the stream has an event Embeddings with those of all inputs, then
  // RequestDone; or, when one input fails, RequestDone alone. Each input is admitted and runs as a
  // request of its own.
  virtual absl::StatusOr<std::unique_ptr<ResponseStream>> Embed(EmbeddingRequest request) = 0;

  // The chat template's text for `prompt`, without generating.
  virtual absl::StatusOr<RenderedChat> RenderChat(const ChatPrompt& prompt) const = 0;

  virtual EngineStats Stats() const = 0;

  // Generates a few tokens, or embeds one where the model does not generate, and checks that what
  // comes out is possible. Before it succeeded, and again when the loop has work but has not
  // finished a step for `stuck_after`, Healthy() fails.
  virtual absl::Status SelfTest() = 0;
  virtual absl::Status Healthy(absl::Duration stuck_after = absl::Seconds(60)) const = 0;

  // Refuses new requests with kDraining, lets running ones end until `deadline`, then ends the
  // rest. Returns when nothing runs. Safe to call twice; a second call with an earlier deadline
  // shortens.
  virtual void Drain(absl::Time deadline) = 0;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_ENGINE_H_
