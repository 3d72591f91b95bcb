#include "server/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "engine/error.h"
#include "server/finish_name.h"
#include "server/metrics/aliases.h"

namespace skep::server {
namespace {

using engine::EngineStats;
using prometheus::ClientMetric;
using prometheus::Counter;
using prometheus::Histogram;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Buckets = Histogram::BucketBoundaries;

// vLLM's bounds plus 2.0, which service levels like to name.
Buckets FirstTokenBuckets() {
  return {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1,
          2,     2.5,   5,    7.5,  10,   20,   40,   80,  160,  640, 2560};
}
// vLLM's start at 10 ms, where a small model's decoding would be one bucket.
Buckets TokenBuckets() {
  return {0.001, 0.0025, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3,
          0.4,   0.5,    0.75,  1,      2.5,  5,     7.5,  10,    20,  40,   80};
}
Buckets RequestBuckets() {
  return {0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1,   1.5, 2,   2.5,  5,
          10,   15,    20,   30,  40,  50,  60,  120, 240, 480, 960, 1920, 7680};
}
Buckets LengthBuckets() {
  Buckets out;
  for (int64_t decade = 1; decade <= 1000000; decade *= 10) {
    for (int64_t step : {1, 2, 5}) out.push_back(static_cast<double>(decade * step));
  }
  return out;
}
Buckets StepTokenBuckets() {
  Buckets out = {1};
  for (int64_t bound = 8; bound <= 16384; bound *= 2) out.push_back(static_cast<double>(bound));
  return out;
}

constexpr std::string_view kService = "skep.v1.Inference";
constexpr std::string_view kMethods[] = {"Generate",   "GenerateStream", "Embed",        "Tokenize",
                                         "Detokenize", "GetModelInfo",   "GetServerInfo"};
constexpr std::string_view kCodes[] = {"OK",
                                       "CANCELLED",
                                       "INVALID_ARGUMENT",
                                       "DEADLINE_EXCEEDED",
                                       "NOT_FOUND",
                                       "INTERNAL",
                                       "UNIMPLEMENTED",
                                       "RESOURCE_EXHAUSTED",
                                       "FAILED_PRECONDITION",
                                       "UNAVAILABLE",
                                       "UNAUTHENTICATED"};

constexpr FinishReason kFinishReasons[] = {FinishReason::kStop, FinishReason::kLength,
                                           FinishReason::kCancelled, FinishReason::kDeadline,
                                           FinishReason::kError};

// The series that the engine's snapshot gives, built anew at every scrape.
class SnapshotFamilies final {
 public:
  explicit SnapshotFamilies(const std::string& model_name) : model_name_(model_name) {}

  void Gauge(std::string name, std::string help, double value,
             std::vector<ClientMetric::Label> labels = {}) {
    Add(std::move(name), std::move(help), MetricType::Gauge, std::move(labels)).gauge.value = value;
  }
  void Counter(std::string name, std::string help, int64_t value) {
    Add(std::move(name), std::move(help), MetricType::Counter, {}).counter.value =
        static_cast<double>(value);
  }
  std::vector<MetricFamily> Take() { return std::move(families_); }

 private:
  ClientMetric& Add(std::string name, std::string help, MetricType type,
                    std::vector<ClientMetric::Label> labels) {
    if (families_.empty() || families_.back().name != name) {
      families_.push_back({std::move(name), std::move(help), type, {}});
    }
    ClientMetric& metric = families_.back().metric.emplace_back();
    metric.label.push_back({"model_name", model_name_});
    for (ClientMetric::Label& label : labels) metric.label.push_back(std::move(label));
    return metric;
  }

  std::string model_name_;
  std::vector<MetricFamily> families_;
};

void AddModel(const MetricsOptions& options, const ModelInfo& model, SnapshotFamilies& out) {
  int64_t blocks = 0;
  for (const CacheGroupSpec& group : model.cache.groups) blocks += group.num_blocks;
  out.Gauge(
      "skep_cache_config_info", "The paged cache's size, in labels.", 1,
      {{"block_size", absl::StrCat(model.cache.block_size)}, {"num_blocks", absl::StrCat(blocks)}});
  out.Gauge("skep_build_info", "What runs here, in labels.", 1,
            {{"version", options.version},
             {"device", model.device},
             {"architecture", model.architecture},
             {"quantization", model.quantization}});
}

void AddStats(const EngineStats& stats, SnapshotFamilies& out) {
  out.Gauge("skep_num_requests_running", "Requests that take part in steps.",
            static_cast<double>(stats.running_requests));
  out.Gauge("skep_num_requests_waiting", "Requests accepted that do not run yet.",
            static_cast<double>(stats.waiting_requests));
  out.Gauge("skep_kv_cache_usage_ratio", "Use of the fullest cache group, 0 to 1.",
            stats.cache_usage);
  const std::string blocks = "skep_kv_blocks";
  const std::string help = "Blocks of the paged cache, over all groups.";
  out.Gauge(blocks, help, static_cast<double>(stats.blocks_total), {{"state", "total"}});
  out.Gauge(blocks, help, static_cast<double>(stats.blocks_free), {{"state", "free"}});
  out.Gauge(blocks, help, static_cast<double>(stats.blocks_cached), {{"state", "cached"}});
  out.Counter("skep_prompt_tokens_total", "Tokens of prompts.", stats.prompt_tokens);
  out.Counter("skep_prompt_tokens_cached_total", "Of those, taken from the prefix cache.",
              stats.cached_prompt_tokens);
  out.Counter("skep_generation_tokens_total", "Tokens generated.", stats.generated_tokens);
  out.Counter("skep_prefix_cache_queries_total", "Tokens looked up in the prefix cache.",
              stats.prefix_query_tokens);
  out.Counter("skep_prefix_cache_hits_total", "Tokens found in the prefix cache.",
              stats.prefix_hit_tokens);
  out.Counter("skep_preemptions_total", "Sequences that had to give their blocks back.",
              stats.preemptions);
  out.Counter("skep_spec_decode_draft_tokens_total", "Tokens proposed by speculation.", 0);
  out.Counter("skep_spec_decode_accepted_tokens_total", "Proposed tokens that were right.", 0);
}

}  // namespace

struct Metrics::Series {
  explicit Series(const MetricsOptions& metric_options);

  Histogram& AddHistogram(const std::string& name, const std::string& help,
                          const Buckets& buckets) {
    return prometheus::BuildHistogram().Name(name).Help(help).Labels(labels).Register(registry).Add(
        {}, buckets);
  }

  MetricsOptions options;
  prometheus::Labels labels;
  prometheus::Registry registry;
  std::map<std::pair<std::string_view, std::string_view>, Counter*> calls;  // (method, code)
  std::map<std::string, Counter*, std::less<>> rejections;                  // by reason
  std::map<FinishReason, Counter*> finished;
  Histogram& first_token;
  Histogram& inter_token;
  Histogram& per_output_token;
  Histogram& queue;
  Histogram& prefill;
  Histogram& decode;
  Histogram& total;
  Histogram& prompt_tokens;
  Histogram& generation_tokens;
  Histogram& step_tokens;
  Histogram& step_seconds;

  mutable absl::Mutex mutex;
  const engine::Engine* engine ABSL_GUARDED_BY(mutex) = nullptr;
};

Metrics::Series::Series(const MetricsOptions& metric_options)
    : options(metric_options),
      labels{{"model_name", metric_options.model_name}},
      first_token(AddHistogram("skep_time_to_first_token_seconds",
                               "From a request's arrival to its first token.",
                               FirstTokenBuckets())),
      inter_token(AddHistogram("skep_inter_token_latency_seconds",
                               "Between two tokens of a sequence.", TokenBuckets())),
      per_output_token(AddHistogram("skep_time_per_output_token_seconds",
                                    "A request's decode time divided by its tokens after the "
                                    "first.",
                                    TokenBuckets())),
      queue(AddHistogram("skep_request_queue_seconds", "From arrival to a request's first step.",
                         RequestBuckets())),
      prefill(AddHistogram("skep_request_prefill_seconds",
                           "From a request's first step to its first token, or its embedding.",
                           RequestBuckets())),
      decode(AddHistogram("skep_request_decode_seconds", "From a request's first token to its end.",
                          RequestBuckets())),
      total(AddHistogram("skep_e2e_request_latency_seconds", "From a request's arrival to its end.",
                         RequestBuckets())),
      prompt_tokens(AddHistogram("skep_request_prompt_tokens", "Tokens of a request's prompt.",
                                 LengthBuckets())),
      generation_tokens(AddHistogram("skep_request_generation_tokens",
                                     "Tokens generated for a request.", LengthBuckets())),
      step_tokens(
          AddHistogram("skep_step_tokens", "Tokens computed in one step.", StepTokenBuckets())),
      step_seconds(AddHistogram("skep_step_seconds", "Duration of one step.", TokenBuckets())) {
  auto& call_family = prometheus::BuildCounter()
                          .Name("skep_grpc_requests_total")
                          .Help("Finished gRPC calls; health checks and reflection not counted.")
                          .Labels(labels)
                          .Register(registry);
  for (std::string_view method : kMethods) {
    for (std::string_view code : kCodes) {
      calls[{method, code}] = &call_family.Add({{"service", std::string(kService)},
                                                {"method", std::string(method)},
                                                {"code", std::string(code)}});
    }
  }
  auto& rejection_family = prometheus::BuildCounter()
                               .Name("skep_rejections_total")
                               .Help("Requests that were refused.")
                               .Labels(labels)
                               .Register(registry);
  for (int i = 0; i <= static_cast<int>(engine::Reason::kInternal); ++i) {
    const std::string name(engine::ReasonName(static_cast<engine::Reason>(i)));
    rejections[name] = &rejection_family.Add({{"reason", name}});
  }
  auto& finish_family = prometheus::BuildCounter()
                            .Name("skep_requests_total")
                            .Help(
                                "Requests that were accepted and have ended; each input of an "
                                "Embed call is one.")
                            .Labels(labels)
                            .Register(registry);
  for (FinishReason reason : kFinishReasons) {
    finished[reason] = &finish_family.Add({{"finish_reason", std::string(FinishName(reason))}});
  }
}

Metrics::Metrics(const MetricsOptions& options) : series_(std::make_unique<Series>(options)) {}
Metrics::~Metrics() = default;

void Metrics::ShowEngine(const engine::Engine* engine) {
  absl::MutexLock lock(&series_->mutex);
  series_->engine = engine;
}

void Metrics::CountCall(std::string_view method, std::string_view code) {
  const auto found = series_->calls.find({method, code});
  if (found != series_->calls.end()) found->second->Increment();
}

void Metrics::OnRejected(const absl::Status& status) {
  const auto found = series_->rejections.find(engine::ReasonName(engine::ReasonOf(status)));
  if (found != series_->rejections.end()) found->second->Increment();
}

void Metrics::OnFirstToken(absl::Duration since_arrival) {
  series_->first_token.Observe(absl::ToDoubleSeconds(since_arrival));
}

void Metrics::OnInterTokenLatency(absl::Duration latency) {
  series_->inter_token.Observe(absl::ToDoubleSeconds(latency));
}

void Metrics::OnStep(int64_t tokens, absl::Duration duration) {
  series_->step_tokens.Observe(static_cast<double>(tokens));
  series_->step_seconds.Observe(absl::ToDoubleSeconds(duration));
}

void Metrics::OnFinished(const Finished& finished) {
  const auto found = series_->finished.find(finished.reason);
  (found == series_->finished.end() ? series_->finished[FinishReason::kError] : found->second)
      ->Increment();
  series_->queue.Observe(absl::ToDoubleSeconds(finished.queued));
  series_->prefill.Observe(absl::ToDoubleSeconds(finished.prefill));
  series_->total.Observe(absl::ToDoubleSeconds(finished.total));
  series_->prompt_tokens.Observe(static_cast<double>(finished.prompt_tokens));
  if (finished.embedding) return;
  series_->decode.Observe(absl::ToDoubleSeconds(finished.decode));
  series_->generation_tokens.Observe(static_cast<double>(finished.generated_tokens));
  if (finished.generated_tokens > 1) {
    series_->per_output_token.Observe(absl::ToDoubleSeconds(finished.decode) /
                                      static_cast<double>(finished.generated_tokens - 1));
  }
}

std::string Metrics::Serialize() const {
  SnapshotFamilies snapshot(series_->options.model_name);
  {
    absl::MutexLock lock(&series_->mutex);
    const engine::Engine* engine = series_->engine;
    AddModel(series_->options, engine == nullptr ? ModelInfo() : engine->model(), snapshot);
    AddStats(engine == nullptr ? EngineStats() : engine->Stats(), snapshot);
  }
  std::vector<MetricFamily> families = snapshot.Take();
  for (MetricFamily& family : series_->registry.Collect()) families.push_back(std::move(family));
  if (series_->options.vllm_aliases) AppendVllmAliases(families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace skep::server
