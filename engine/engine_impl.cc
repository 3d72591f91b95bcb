#include "engine/engine_impl.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/embedding.h"
#include "engine/embedding_call.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/inbox.h"
#include "engine/live_request.h"
#include "engine/loop.h"
#include "engine/prompt_checks.h"
#include "engine/self_test.h"
#include "engine/stream.h"
#include "engine/validate.h"
#include "models/runner.h"
#include "scheduler/scheduler.h"
#include "scheduler/scheduler_options.h"

namespace skep::engine {
namespace {

// Room in the scheduler's queue for requests that need no ticket.
constexpr int32_t kInternalRequests = 16;

EngineObserver& NoObserver() {
  static EngineObserver* const observer = new EngineObserver;
  return *observer;
}

uint64_t RandomKey() {
  std::random_device random;
  return (static_cast<uint64_t>(random()) << 32) | random();
}

absl::Status CheckOptions(const EngineOptions& options) {
  const struct {
    absl::string_view name;
    int64_t value, least;
  } fields[] = {
      {"max_sequences", options.max_sequences, 1},
      {"max_batch_tokens", options.max_batch_tokens, 1},
      {"max_waiting", options.max_waiting, 1},
      {"max_waiting_prompt_bytes", options.max_waiting_prompt_bytes, 1},
      {"max_waiting_per_tenant", options.max_waiting_per_tenant, 0},
      {"max_waiting_prompt_bytes_per_tenant", options.max_waiting_prompt_bytes_per_tenant, 0},
      {"max_n", options.max_n, 1},
      {"max_inputs", options.max_inputs, 1},
      {"max_stop_strings", options.max_stop_strings, 0},
      {"max_stop_string_bytes", options.max_stop_string_bytes, 0},
      {"max_logprobs", options.max_logprobs, 0},
      {"max_logit_bias", options.max_logit_bias, 0},
      {"tokenizer_threads", options.tokenizer_threads, 1},
      {"output_threads", options.output_threads, 1},
      {"max_unread_tokens", options.max_unread_tokens, 1},
  };
  for (const auto& field : fields) {
    if (field.value >= field.least) continue;
    return absl::InvalidArgumentError(absl::StrCat("option '", field.name, "': ", field.value,
                                                   "; must be at least ", field.least));
  }
  if (!(options.max_step_seconds >= 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "option 'max_step_seconds': ", options.max_step_seconds, "; must be 0 (off) or more"));
  }
  if (options.stalled_reader_limit <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("option 'stalled_reader_limit' must be above zero");
  }
  return absl::OkStatus();
}

SchedulerOptions MakeSchedulerOptions(const EngineOptions& options, const ModelInfo& model) {
  return {.layout = model.cache,
          .context_length = model.context_length,
          .max_batch_tokens = options.max_batch_tokens,
          .max_sequences = options.max_sequences,
          .max_waiting = std::min(options.max_waiting,
                                  std::numeric_limits<int32_t>::max() - kInternalRequests) +
                         kInternalRequests,
          .max_step_seconds = options.max_step_seconds,
          .prefix_cache = options.prefix_cache,
          .whole_prompts = model.whole_prompts,
          .hash_key = RandomKey()};
}

absl::Status DrainingError() { return MakeError(Reason::kDraining, "the server is shutting down"); }

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> Engine::Create(
    const EngineOptions& options, std::unique_ptr<ModelRunner> runner,
    std::shared_ptr<const Tokenizer> tokenizer, std::shared_ptr<const ChatTemplate> chat_template,
    EngineObserver* observer) {
  return EngineImpl::Create({.options = options,
                             .runner = std::move(runner),
                             .tokenizer = std::move(tokenizer),
                             .chat_template = std::move(chat_template),
                             .observer = observer});
}

absl::StatusOr<std::unique_ptr<EngineImpl>> EngineImpl::Create(Parts parts) {
  if (parts.runner == nullptr || parts.tokenizer == nullptr) {
    return absl::InvalidArgumentError("an engine needs a model runner and a tokenizer");
  }
  if (absl::Status status = CheckOptions(parts.options); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<Scheduler>> scheduler =
      Scheduler::Create(MakeSchedulerOptions(parts.options, parts.runner->info()));
  if (!scheduler.ok()) return scheduler.status();
  absl::StatusOr<OutputFormat> format = OutputFormat::Choose(
      parts.options.tool_call_format, parts.options.reasoning_format,
      parts.chat_template != nullptr ? parts.chat_template->Sources() : std::string());
  if (!format.ok()) return format.status();
  return std::unique_ptr<EngineImpl>(
      new EngineImpl(std::move(parts), *std::move(scheduler), *std::move(format)));
}

EngineImpl::EngineImpl(Parts parts, std::unique_ptr<Scheduler> scheduler, OutputFormat format)
    : options_(parts.options),
      clock_(*parts.clock),
      observer_(parts.observer != nullptr ? *parts.observer : NoObserver()),
      runner_(std::move(parts.runner)),
      scheduler_(std::move(scheduler)),
      prompts_(std::move(parts.tokenizer), std::move(parts.chat_template)),
      format_(std::move(format), prompts_.tokenizer()),
      validation_{.model = runner_->info(),
                  .options = options_,
                  .eos_token_ids =
                      JoinEosTokenIds(runner_->info(), prompts_.tokenizer().EndOfGenerationIds()),
                  .has_chat_template = prompts_.has_chat_template()},
      inbox_(std::make_shared<Inbox>()),
      admission_({.requests = options_.max_waiting,
                  .bytes = options_.max_waiting_prompt_bytes,
                  .tenant_requests = options_.max_waiting_per_tenant,
                  .tenant_bytes = options_.max_waiting_prompt_bytes_per_tenant}),
      output_(options_.output_threads, {.tokenizer = prompts_.tokenizer(),
                                        .format = format_,
                                        .stats = stats_,
                                        .observer = observer_,
                                        .gate = gate_,
                                        .inbox = *inbox_}),
      tokenizers_(options_.tokenizer_threads) {
  stats_.Update(scheduler_->GetStats(), /*tokenizing=*/0, /*steps=*/0);
  loop_ = std::thread([this] {
    Loop({.options = options_,
          .runner = *runner_,
          .scheduler = *scheduler_,
          .clock = clock_,
          .inbox = *inbox_,
          .output = output_,
          .stats = stats_,
          .health = health_,
          .observer = observer_})
        .Run();
  });
}

EngineImpl::~EngineImpl() {
  gate_.Close();
  inbox_->Close();
  loop_.join();        // all requests have ended
  tokenizers_.Stop();  // nobody waits for these any more
  output_.Stop();      // all streams have their last event
}

absl::StatusOr<std::unique_ptr<ResponseStream>> EngineImpl::Generate(GenerationRequest request) {
  absl::StatusOr<std::unique_ptr<ResponseStream>> stream =
      Start(std::move(request), /*internal=*/false);
  if (!stream.ok()) observer_.OnRejected(stream.status());
  return stream;
}

absl::StatusOr<std::unique_ptr<ResponseStream>> EngineImpl::Embed(EmbeddingRequest request) {
  absl::StatusOr<std::unique_ptr<ResponseStream>> stream =
      Start(std::move(request), /*internal=*/false);
  if (!stream.ok()) observer_.OnRejected(stream.status());
  return stream;
}

absl::StatusOr<std::unique_ptr<ResponseStream>> EngineImpl::Start(GenerationRequest request,
                                                                  bool internal) {
  absl::StatusOr<std::shared_ptr<LiveRequest>> admitted = Admit(std::move(request), internal);
  if (!admitted.ok()) return admitted.status();
  std::shared_ptr<LiveRequest> live = *std::move(admitted);
  auto reader = std::make_unique<StreamReader>(live->stream);
  inbox_->Post(RequestArrived{live});
  SendTokens(std::move(live));
  return reader;
}

absl::StatusOr<std::unique_ptr<ResponseStream>> EngineImpl::Start(EmbeddingRequest request,
                                                                  bool internal) {
  absl::StatusOr<std::vector<std::shared_ptr<LiveRequest>>> inputs =
      AdmitInputs(std::move(request), internal);
  if (!inputs.ok()) return inputs.status();
  auto reader = std::make_unique<StreamReader>(inputs->front()->stream);
  // The loop knows all of them before one can fail and take the others with it.
  for (const std::shared_ptr<LiveRequest>& live : *inputs) inbox_->Post(RequestArrived{live});
  for (std::shared_ptr<LiveRequest>& live : *inputs) SendTokens(std::move(live));
  return reader;
}

std::shared_ptr<Stream> EngineImpl::MakeStream(RequestId first, size_t count) const {
  return std::make_shared<Stream>(options_.max_unread_tokens,
                                  [inbox = inbox_, first, count](StreamSignal signal) {
                                    for (RequestId id = first; id < first + count; ++id) {
                                      if (signal == StreamSignal::kCancel) {
                                        inbox->Post(CancelRequest{id});
                                      } else {
                                        inbox->Post(ResumeRequest{id});
                                      }
                                    }
                                  });
}

void EngineImpl::SendTokens(std::shared_ptr<LiveRequest> live) {
  if (std::holds_alternative<TokenPrompt>(live->request.prompt)) {
    inbox_->Post(RequestTokenized{live->id, Tokenize(*live)});
    return;
  }
  tokenizers_.Post([this, live = std::move(live)] {
    if (!live->abandoned) inbox_->Post(RequestTokenized{live->id, Tokenize(*live)});
  });
}

absl::Status EngineImpl::CheckOpen(bool internal) const {
  if (gate_.closed()) return DrainingError();
  return internal ? absl::OkStatus() : health_.Usable();
}

// The last step is to pass the gate, so that nothing need be undone.
absl::StatusOr<std::shared_ptr<LiveRequest>> EngineImpl::Admit(GenerationRequest request,
                                                               bool internal) {
  if (absl::Status status = CheckOpen(internal); !status.ok()) return status;
  const absl::Time now = clock_.Now();
  request.deadline = clock_.FromWall(request.deadline);
  absl::StatusOr<SamplingParams> sampling = Validate(request, validation_, now);
  if (!sampling.ok()) return sampling.status();

  auto live = std::make_shared<LiveRequest>();
  if (!internal) {
    absl::StatusOr<AdmissionTicket> ticket =
        admission_.Take(request.tenant, PromptBytes(request.prompt));
    if (!ticket.ok()) return ticket.status();
    live->ticket = *std::move(ticket);
  }
  live->id = next_id_.fetch_add(1);
  live->internal = internal;
  live->arrival = now;
  live->deadline = request.deadline;
  live->sampling = *std::move(sampling);
  live->request = std::move(request);
  live->stream = MakeStream(live->id, 1);
  if (!gate_.Enter()) return DrainingError();
  return live;
}

absl::StatusOr<std::vector<std::shared_ptr<LiveRequest>>> EngineImpl::AdmitInputs(
    EmbeddingRequest request, bool internal) {
  if (absl::Status status = CheckOpen(internal); !status.ok()) return status;
  const absl::Time now = clock_.Now();
  request.deadline = clock_.FromWall(request.deadline);
  const absl::StatusOr<EmbeddingParams> params = Validate(request, validation_, now);
  if (!params.ok()) return params.status();

  const size_t count = request.inputs.size();
  const RequestId first = next_id_.fetch_add(count);
  const std::shared_ptr<Stream> stream = MakeStream(first, count);
  const auto call = std::make_shared<EmbeddingCall>(*params, first, count, stream);
  std::vector<std::shared_ptr<LiveRequest>> inputs;
  for (size_t i = 0; i < count; ++i) {
    auto& live = inputs.emplace_back(std::make_shared<LiveRequest>());
    if (!internal) {
      absl::StatusOr<AdmissionTicket> ticket =
          admission_.Take(request.tenant, PromptBytes(request.inputs[i]));
      if (!ticket.ok()) return ticket.status();
      live->ticket = *std::move(ticket);
    }
    live->id = first + i;
    live->internal = internal;
    live->arrival = now;
    live->deadline = request.deadline;
    live->request = {.request_id = request.request_id,
                     .prompt = std::move(request.inputs[i]),
                     .priority = request.priority,
                     .tenant = request.tenant,
                     .bypass_prefix_cache = request.bypass_prefix_cache};
    live->stream = stream;
    live->call = call;
    live->input = i;
  }
  if (!gate_.Enter()) return DrainingError();
  return inputs;
}

TokenizedPrompt EngineImpl::Tokenize(const LiveRequest& live) const {
  TokenizedPrompt prompt{.sampling = live.sampling};
  try {
    const auto* chat = std::get_if<ChatPrompt>(&live.request.prompt);
    const bool embeds = live.call != nullptr;
    std::string prompt_end;
    absl::StatusOr<std::vector<TokenId>> ids = prompts_.Build(
        live.request.prompt, &prompt_end, embeds ? InputField(live.input) : "prompt");
    if (!ids.ok()) {
      prompt.status = ids.status();
      return prompt;
    }
    prompt.ids = *std::move(ids);
    if (embeds) {
      prompt.status = FitInput(live.input, live.call->params().truncation, validation_, prompt.ids,
                               prompt.truncated);
      return prompt;
    }
    if (chat != nullptr && live.request.parsing == AnswerParsing::kAuto &&
        !format_.format().empty()) {
      prompt.answer_context = std::make_unique<const AnswerContext>(
          AnswerContext{.tools = ToolSchemas(chat->tools), .prompt_end = std::move(prompt_end)});
    }
    prompt.status = FitToContext(live.request, validation_, prompt.ids, prompt.sampling);
  } catch (const std::exception& error) {  // out of memory, or a fault of a library
    prompt.status =
        MakeError(Reason::kInternal, absl::StrCat("tokenising the prompt failed: ", error.what()));
  }
  return prompt;
}

absl::StatusOr<RenderedChat> EngineImpl::RenderChat(const ChatPrompt& prompt) const {
  if (absl::Status status = ValidatePrompt(prompt, validation_); !status.ok()) return status;
  return prompts_.Render(prompt);
}

absl::Status EngineImpl::SelfTest() {
  const auto start = [this](auto request) { return Start(std::move(request), /*internal=*/true); };
  absl::Status status = model().generates ? TestGeneration(model(), tokenizer(), start)
                                          : TestEmbedding(model(), tokenizer(), start);
  if (status.ok()) health_.SelfTestPassed();
  return status;
}

absl::Status EngineImpl::Healthy(absl::Duration stuck_after) const {
  return health_.Check(clock_.Now(), stuck_after);
}

void EngineImpl::Drain(absl::Time deadline) {
  gate_.Close();
  if (gate_.AwaitEmpty(clock_, clock_.FromWall(deadline))) return;
  inbox_->Post(EndAll{});
  gate_.AwaitEmpty();
}

}  // namespace skep::engine
