#include "server/commands/summary.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/logging.h"

namespace skep::server {
namespace {

// Sequences of the whole context that fit into a group's blocks at once.
int64_t FullSequences(const CacheGroupSpec& group, const ModelInfo& model) {
  if (group.kind == StateKind::kRecurrent) return group.num_blocks;
  int64_t tokens = model.context_length;
  // A window rarely starts at a block's edge, so it touches one block more.
  if (group.kind == StateKind::kSlidingWindow) {
    tokens = std::min(tokens, group.window + model.cache.block_size);
  }
  const int64_t blocks = (tokens + model.cache.block_size - 1) / model.cache.block_size;
  return group.num_blocks / std::max<int64_t>(1, blocks);
}

}  // namespace

std::string FormatBytes(int64_t bytes) {
  if (bytes >= int64_t{1} << 30) {
    return absl::StrFormat("%.2f GiB", static_cast<double>(bytes) / (int64_t{1} << 30));
  }
  return absl::StrFormat("%.1f MiB", static_cast<double>(bytes) / (1 << 20));
}

void LogSummary(const ServeConfig& config, const Server& server) {
  const ModelInfo& model = server.engine().model();
  int64_t blocks = 0;
  int64_t cache_bytes = 0;
  int64_t sequences = config.model.max_sequences;
  for (const CacheGroupSpec& group : model.cache.groups) {
    blocks += group.num_blocks;
    cache_bytes += group.num_blocks * group.bytes_per_block;
    sequences = std::min(sequences, FullSequences(group, model));
  }
  Log(LogLevel::kInfo, "model",
      {{"name", model.name},
       {"architecture", model.architecture},
       {"quantization", model.quantization},
       {"format", model.format},
       {"parameters", model.num_parameters},
       {"context", model.context_length},
       {"device", model.device},
       {"weights", FormatBytes(model.weight_bytes)}});
  Log(LogLevel::kInfo, "kv cache",
      {{"memory", FormatBytes(cache_bytes)},
       {"blocks", blocks},
       {"block_tokens", model.cache.block_size},
       {"sequences_at_once", config.model.max_sequences},
       {"of_full_context", sequences}});
  Log(LogLevel::kInfo, "serving",
      {{"served_model_name", config.served_model_name.empty() ? DefaultServedName(config.model.path)
                                                              : config.served_model_name},
       {"grpc_address", config.grpc.address},
       {"grpc_port", server.grpc_port()},
       {"metrics_address", config.metrics_address},
       {"metrics_port", server.metrics_port()}});
}

}  // namespace skep::server
