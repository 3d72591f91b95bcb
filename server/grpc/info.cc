#include "server/grpc/info.h"

#include <set>
#include <string>

namespace skep::server {
namespace {

void FillDefaults(const SamplingDefaults& from, v1::SamplingOptions& to) {
  if (from.temperature.has_value()) to.set_temperature(*from.temperature);
  if (from.top_k.has_value()) to.set_top_k(*from.top_k);
  if (from.top_p.has_value()) to.set_top_p(*from.top_p);
  if (from.min_p.has_value()) to.set_min_p(*from.min_p);
  if (from.typical_p.has_value()) to.set_typical_p(*from.typical_p);
  if (from.repetition_penalty.has_value()) to.set_repetition_penalty(*from.repetition_penalty);
}

v1::Pooling FromPooling(Pooling pooling) {
  switch (pooling) {
    case Pooling::kLast:
      return v1::POOLING_LAST;
    case Pooling::kMean:
      return v1::POOLING_MEAN;
    case Pooling::kFirst:
      return v1::POOLING_CLS;
  }
  return v1::POOLING_UNSPECIFIED;
}

void FillLimits(const ServiceOptions& options, v1::RequestLimits& out) {
  out.set_max_sequences_per_request(options.engine.max_n);
  out.set_max_stop_strings(options.engine.max_stop_strings);
  out.set_max_stop_string_bytes(options.engine.max_stop_string_bytes);
  out.set_max_logprobs(options.engine.max_logprobs);
  out.set_max_logit_bias(options.engine.max_logit_bias);
  out.set_max_message_bytes(options.max_message_bytes);
  out.set_max_inputs_per_request(options.engine.max_inputs);
}

void FillLoad(const engine::EngineStats& stats, v1::ServerLoad& out) {
  out.set_running_requests(stats.running_requests);
  out.set_waiting_requests(stats.waiting_requests);
  out.set_cache_usage(stats.cache_usage);
  out.set_blocks_total(stats.blocks_total);
  out.set_blocks_free(stats.blocks_free);
  out.set_blocks_cached(stats.blocks_cached);
}

}  // namespace

void FillModelInfo(const ServiceOptions& options, const ModelInfo& model,
                   const engine::Tokenizer& tokenizer, const engine::OutputFormat& format,
                   v1::GetModelInfoResponse& out) {
  out.set_model(options.served_model_name);
  out.set_name(model.name);
  out.set_architecture(model.architecture);
  out.set_quantization(model.quantization);
  out.set_format(model.format);
  out.set_device(model.device);
  out.set_vocab_size(static_cast<uint32_t>(model.vocab_size));
  out.set_context_length(model.context_length);
  out.set_hidden_size(model.hidden_size);
  out.set_num_layers(model.num_layers);
  out.set_num_parameters(model.num_parameters);
  out.set_weight_bytes(model.weight_bytes);
  std::set<TokenId> ends(model.eos_token_ids.begin(), model.eos_token_ids.end());
  const std::vector<TokenId>& known = tokenizer.EndOfGenerationIds();
  ends.insert(known.begin(), known.end());
  for (const TokenId id : ends) out.add_eos_token_ids(static_cast<uint32_t>(id));
  if (tokenizer.bos_id().has_value()) {
    out.set_bos_token_id(static_cast<uint32_t>(*tokenizer.bos_id()));
  }
  out.set_has_chat_template(options.has_chat_template);
  FillDefaults(model.sampling_defaults, *out.mutable_sampling_defaults());
  out.set_tool_call_format(std::string(format.tool_call_name()));
  out.set_reasoning_format(std::string(format.reasoning_name()));
  out.set_generates(model.generates);
  out.set_default_pooling(FromPooling(model.embedding_defaults.pooling));
  out.set_default_normalize(model.embedding_defaults.normalize);
}

void FillServerInfo(const ServiceOptions& options, absl::Time start_time, const ModelInfo& model,
                    const engine::EngineStats& stats, v1::GetServerInfoResponse& out) {
  out.set_version(options.version);
  out.set_instance_id(options.instance_id);
  const int64_t seconds = absl::ToUnixSeconds(start_time);
  out.mutable_start_time()->set_seconds(seconds);
  out.mutable_start_time()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(start_time - absl::FromUnixSeconds(seconds))));
  out.set_model(options.served_model_name);
  out.set_max_sequences(options.engine.max_sequences);
  out.set_max_batch_tokens(options.engine.max_batch_tokens);
  out.set_max_waiting(options.engine.max_waiting);
  out.set_block_size(model.cache.block_size);
  for (const CacheGroupSpec& group : model.cache.groups) {
    v1::CacheGroup& to = *out.add_cache_groups();
    to.set_num_blocks(group.num_blocks);
    to.set_bytes_per_block(group.bytes_per_block);
    if (group.kind == StateKind::kSlidingWindow) to.set_window(group.window);
  }
  out.set_prefix_cache(options.engine.prefix_cache && !model.whole_prompts);
  FillLimits(options, *out.mutable_limits());
  FillLoad(stats, *out.mutable_load());
}

}  // namespace skep::server
