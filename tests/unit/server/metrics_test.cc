#include "server/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/time.h"
#include "engine/error.h"

namespace skep::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

MetricsOptions Options(bool aliases = true) {
  return {.model_name = "m", .version = "1.2.3", .vllm_aliases = aliases};
}

// From the reference pages on metrics: Skep's names.
TEST(MetricsTest, EverySeriesExistsAtTheStart) {
  const std::string text = Metrics(Options()).Serialize();
  for (const char* series : {
           "skep_num_requests_running{model_name=\"m\"} 0",
           "skep_num_requests_waiting{model_name=\"m\"} 0",
           "skep_kv_cache_usage_ratio{model_name=\"m\"} 0",
           "skep_kv_blocks{model_name=\"m\",state=\"total\"} 0",
           "skep_kv_blocks{model_name=\"m\",state=\"free\"} 0",
           "skep_kv_blocks{model_name=\"m\",state=\"cached\"} 0",
           "skep_cache_config_info{",
           "skep_build_info{model_name=\"m\",version=\"1.2.3\"",
           "skep_prompt_tokens_total{model_name=\"m\"} 0",
           "skep_generation_tokens_total{model_name=\"m\"} 0",
           "skep_prompt_tokens_cached_total{model_name=\"m\"} 0",
           "skep_prefix_cache_queries_total{model_name=\"m\"} 0",
           "skep_prefix_cache_hits_total{model_name=\"m\"} 0",
           "skep_preemptions_total{model_name=\"m\"} 0",
           "skep_spec_decode_draft_tokens_total{model_name=\"m\"} 0",
           "skep_spec_decode_accepted_tokens_total{model_name=\"m\"} 0",
           "skep_requests_total{model_name=\"m\",finish_reason=\"stop\"} 0",
           "skep_requests_total{model_name=\"m\",finish_reason=\"deadline\"} 0",
           "skep_rejections_total{model_name=\"m\",reason=\"QUEUE_FULL\"} 0",
           "skep_rejections_total{model_name=\"m\",reason=\"DRAINING\"} 0",
           "skep_grpc_requests_total{model_name=\"m\",code=\"UNAVAILABLE\",method="
           "\"GenerateStream\",service=\"skep.v1.Inference\"} 0",
           "skep_grpc_requests_total{model_name=\"m\",code=\"OK\",method=\"Embed\",service="
           "\"skep.v1.Inference\"} 0",
           "skep_time_to_first_token_seconds_bucket{model_name=\"m\",le=\"2\"} 0",
           "skep_inter_token_latency_seconds_bucket{model_name=\"m\",le=\"0.001\"} 0",
           "skep_time_per_output_token_seconds_count{model_name=\"m\"} 0",
           "skep_request_queue_seconds_bucket{model_name=\"m\",le=\"0.01\"} 0",
           "skep_request_prefill_seconds_count{model_name=\"m\"} 0",
           "skep_request_decode_seconds_count{model_name=\"m\"} 0",
           "skep_e2e_request_latency_seconds_count{model_name=\"m\"} 0",
           "skep_request_prompt_tokens_count{model_name=\"m\"} 0",
           "skep_request_generation_tokens_count{model_name=\"m\"} 0",
           "skep_step_tokens_count{model_name=\"m\"} 0",
           "skep_step_seconds_count{model_name=\"m\"} 0",
           "vllm:num_requests_running{model_name=\"m\",engine=\"0\"} 0",
           "vllm:kv_cache_usage_perc{model_name=\"m\",engine=\"0\"} 0",
           "vllm:generation_tokens_total{model_name=\"m\",engine=\"0\"} 0",
           "vllm:request_success_total{model_name=\"m\",finished_reason=\"stop\",engine=\"0\"} 0",
           "vllm:time_to_first_token_seconds_bucket{model_name=\"m\",engine=\"0\",le=\"2\"} 0",
       }) {
    EXPECT_THAT(text, HasSubstr(series));
  }
}

TEST(MetricsTest, AliasesCanBeLeftOut) {
  EXPECT_THAT(Metrics(Options(/*aliases=*/false)).Serialize(), Not(HasSubstr("vllm:")));
}

TEST(MetricsTest, ObservationsAreCounted) {
  Metrics metrics(Options());
  metrics.CountCall("Generate", "OK");
  metrics.CountCall("Generate", "no such code");
  metrics.OnRejected(engine::MakeError(engine::Reason::kQueueFull, "full"));
  metrics.OnRejected(absl::UnknownError("not from the table"));
  metrics.OnFirstToken(absl::Milliseconds(3));
  metrics.OnStep(17, absl::Milliseconds(2));
  metrics.OnFinished({.reason = FinishReason::kCancelled,
                      .prompt_tokens = 5,
                      .generated_tokens = 3,
                      .decode = absl::Milliseconds(20)});
  metrics.OnFinished({.reason = FinishReason::kDeadline});
  metrics.OnFinished({.reason = FinishReason::kStop, .prompt_tokens = 7, .embedding = true});
  const std::string text = metrics.Serialize();
  EXPECT_THAT(
      text,
      HasSubstr(
          "{model_name=\"m\",code=\"OK\",method=\"Generate\",service=\"skep.v1.Inference\"} 1"));
  EXPECT_THAT(text, HasSubstr("skep_rejections_total{model_name=\"m\",reason=\"QUEUE_FULL\"} 1"));
  EXPECT_THAT(text, HasSubstr("skep_rejections_total{model_name=\"m\",reason=\"INTERNAL\"} 1"));
  EXPECT_THAT(
      text, HasSubstr("skep_time_to_first_token_seconds_bucket{model_name=\"m\",le=\"0.005\"} 1"));
  EXPECT_THAT(text, HasSubstr("skep_step_tokens_bucket{model_name=\"m\",le=\"32\"} 1"));
  // 20 ms over the two tokens after the first.
  EXPECT_THAT(
      text, HasSubstr("skep_time_per_output_token_seconds_bucket{model_name=\"m\",le=\"0.01\"} 1"));
  EXPECT_THAT(text,
              HasSubstr("skep_requests_total{model_name=\"m\",finish_reason=\"cancelled\"} 1"));
  EXPECT_THAT(text, HasSubstr("skep_requests_total{model_name=\"m\",finish_reason=\"stop\"} 1"));
  EXPECT_THAT(text, HasSubstr("skep_request_prompt_tokens_count{model_name=\"m\"} 3"));
  EXPECT_THAT(text, HasSubstr("skep_request_generation_tokens_count{model_name=\"m\"} 2"));
  // vLLM has one word for both.
  EXPECT_THAT(
      text,
      HasSubstr(
          "vllm:request_success_total{model_name=\"m\",finished_reason=\"abort\",engine=\"0\"} 2"));
}

}  // namespace
}  // namespace skep::server
