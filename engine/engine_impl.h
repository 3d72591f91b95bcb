// Puts the parts of the engine together. Front ends use Engine::Create; tests bring a clock.
#ifndef SKEP_ENGINE_ENGINE_IMPL_H_
#define SKEP_ENGINE_ENGINE_IMPL_H_

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/admission.h"
#include "engine/answer_format.h"
#include "engine/clock.h"
#include "engine/engine.h"
#include "engine/gate.h"
#include "engine/inbox.h"
#include "engine/live_request.h"
#include "engine/loop.h"
#include "engine/loop_health.h"
#include "engine/output_processor.h"
#include "engine/prompt_builder.h"
#include "engine/stats_board.h"
#include "engine/validate.h"
#include "engine/worker_pool.h"
#include "models/runner.h"
#include "scheduler/scheduler.h"

namespace skep::engine {

class EngineImpl final : public Engine {
 public:
  struct Parts {
    EngineOptions options;
    std::unique_ptr<ModelRunner> runner;
    std::shared_ptr<const Tokenizer> tokenizer;
    std::shared_ptr<const ChatTemplate> chat_template;  // may be null
    EngineObserver* observer = nullptr;                 // may be null; outlives the engine
    Clock* clock = &Clock::Steady();                    // the same
  };

  static absl::StatusOr<std::unique_ptr<EngineImpl>> Create(Parts parts);
  ~EngineImpl() override;

  const ModelInfo& model() const override { return runner_->info(); }
  const Tokenizer& tokenizer() const override { return prompts_.tokenizer(); }
  const OutputFormat& output_format() const override { return format_.format(); }

  absl::StatusOr<std::unique_ptr<ResponseStream>> Generate(GenerationRequest request) override;
  absl::StatusOr<std::unique_ptr<ResponseStream>> Embed(EmbeddingRequest request) override;
  absl::StatusOr<RenderedChat> RenderChat(const ChatPrompt& prompt) const override;
  EngineStats Stats() const override { return stats_.Snapshot(); }
  absl::Status SelfTest() override;
  absl::Status Healthy(absl::Duration stuck_after) const override;
  void Drain(absl::Time deadline) override;

 private:
  EngineImpl(Parts parts, std::unique_ptr<Scheduler> scheduler, OutputFormat format);

  // `internal`: of the self-test, which needs no ticket and appears in no counter.
  absl::StatusOr<std::unique_ptr<ResponseStream>> Start(GenerationRequest request, bool internal);
  absl::StatusOr<std::unique_ptr<ResponseStream>> Start(EmbeddingRequest request, bool internal);
  absl::Status CheckOpen(bool internal) const;
  absl::StatusOr<std::shared_ptr<LiveRequest>> Admit(GenerationRequest request, bool internal);
  absl::StatusOr<std::vector<std::shared_ptr<LiveRequest>>> AdmitInputs(EmbeddingRequest request,
                                                                        bool internal);
  // A stream whose reader cancels and resumes the requests with these ids.
  std::shared_ptr<Stream> MakeStream(RequestId first, size_t count) const;
  // Has the prompt tokenised, here or by a worker. The loop knows of the request.
  void SendTokens(std::shared_ptr<LiveRequest> live);
  TokenizedPrompt Tokenize(const LiveRequest& live) const;

  const EngineOptions options_;
  Clock& clock_;
  EngineObserver& observer_;
  const std::unique_ptr<ModelRunner> runner_;
  const std::unique_ptr<Scheduler> scheduler_;
  const PromptBuilder prompts_;
  const AnswerFormat format_;
  const ValidationContext validation_;
  const std::shared_ptr<Inbox> inbox_;  // shared with the streams, which may live longer

  Admission admission_;
  Gate gate_;
  StatsBoard stats_;
  LoopHealth health_;
  std::atomic<RequestId> next_id_{1};

  OutputProcessor output_;
  WorkerPool tokenizers_;
  std::thread loop_;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_ENGINE_IMPL_H_
