#include "server/metrics/aliases.h"

#include <string>
#include <string_view>
#include <utility>

namespace skep::server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

struct Alias {
  std::string_view skep;
  std::string_view vllm;
};

// Names: vLLM's docs/usage/metrics.md.
constexpr Alias kNames[] = {
    {"skep_num_requests_running", "vllm:num_requests_running"},
    {"skep_num_requests_waiting", "vllm:num_requests_waiting"},
    {"skep_kv_cache_usage_ratio", "vllm:kv_cache_usage_perc"},
    {"skep_cache_config_info", "vllm:cache_config_info"},
    {"skep_prompt_tokens_total", "vllm:prompt_tokens_total"},
    {"skep_prompt_tokens_cached_total", "vllm:prompt_tokens_cached_total"},
    {"skep_generation_tokens_total", "vllm:generation_tokens_total"},
    {"skep_prefix_cache_queries_total", "vllm:prefix_cache_queries_total"},
    {"skep_prefix_cache_hits_total", "vllm:prefix_cache_hits_total"},
    {"skep_preemptions_total", "vllm:num_preemptions_total"},
    {"skep_requests_total", "vllm:request_success_total"},
    {"skep_time_to_first_token_seconds", "vllm:time_to_first_token_seconds"},
    {"skep_inter_token_latency_seconds", "vllm:inter_token_latency_seconds"},
    {"skep_time_per_output_token_seconds", "vllm:request_time_per_output_token_seconds"},
    {"skep_request_queue_seconds", "vllm:request_queue_time_seconds"},
    {"skep_request_prefill_seconds", "vllm:request_prefill_time_seconds"},
    {"skep_request_decode_seconds", "vllm:request_decode_time_seconds"},
    {"skep_e2e_request_latency_seconds", "vllm:e2e_request_latency_seconds"},
    {"skep_request_prompt_tokens", "vllm:request_prompt_tokens"},
    {"skep_request_generation_tokens", "vllm:request_generation_tokens"},
    {"skep_step_tokens", "vllm:iteration_tokens_total"},
    {"skep_spec_decode_draft_tokens_total", "vllm:spec_decode_num_draft_tokens_total"},
    {"skep_spec_decode_accepted_tokens_total", "vllm:spec_decode_num_accepted_tokens_total"},
};

void TranslateLabel(ClientMetric::Label& label) {
  if (label.name == "num_blocks") label.name = "num_gpu_blocks";
  if (label.name != "finish_reason") return;
  label.name = "finished_reason";
  if (label.value == "cancelled" || label.value == "deadline") label.value = "abort";
}

bool SameLabels(const ClientMetric& a, const ClientMetric& b) {
  if (a.label.size() != b.label.size()) return false;
  for (size_t i = 0; i < a.label.size(); ++i) {
    if (a.label[i].name != b.label[i].name || a.label[i].value != b.label[i].value) return false;
  }
  return true;
}

MetricFamily Translate(const MetricFamily& family, std::string_view name) {
  MetricFamily out = family;
  out.name = std::string(name);
  out.metric.clear();
  for (ClientMetric metric : family.metric) {
    for (ClientMetric::Label& label : metric.label) TranslateLabel(label);
    metric.label.push_back({"engine", "0"});
    // Two of Skep's reasons may be one of vLLM's; those are counters.
    bool merged = false;
    for (ClientMetric& other : out.metric) {
      if (!SameLabels(metric, other)) continue;
      other.counter.value += metric.counter.value;
      merged = true;
    }
    if (!merged) out.metric.push_back(std::move(metric));
  }
  return out;
}

}  // namespace

void AppendVllmAliases(std::vector<MetricFamily>& families) {
  const size_t own = families.size();
  families.reserve(own + std::size(kNames));
  for (const Alias& alias : kNames) {
    for (size_t i = 0; i < own; ++i) {
      if (families[i].name == alias.skep) families.push_back(Translate(families[i], alias.vllm));
    }
  }
}

}  // namespace skep::server
