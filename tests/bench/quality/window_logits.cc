// The logits of a model over windows of tokens, for comparisons of quality (quality.py).
//
//   window_logits MODEL WINDOW [--ops=fused|reference] [--kv-cache-type=f16] < TOKENS > LOGITS
//
// TOKENS: int32, as many as whole windows need. LOGITS: float32 [window][WINDOW / 2][vocab], those
// after each token of a window's second half. All little-endian.
#include <c10/core/InferenceMode.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "models/runner/batch.h"
#include "models/runner/loaded_model.h"

namespace skep::models {
namespace {

std::string Option(int argc, char** argv, const std::string& name, const std::string& fallback) {
  const std::string prefix = "--" + name + "=";
  for (int i = 3; i < argc; ++i) {
    if (std::strncmp(argv[i], prefix.c_str(), prefix.size()) == 0) return argv[i] + prefix.size();
  }
  return fallback;
}

template <typename T>
T OrExit(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::fprintf(stderr, "%s\n", std::string(result.status().message()).c_str());
  std::exit(1);
}

void WriteWindow(LoadedModel& loaded, Batch& batch, const std::vector<TokenId>& tokens,
                 const std::vector<BlockId>& blocks, at::Tensor& logits) {
  Plan plan;
  PlanRow row;
  row.sequence.tokens = tokens;
  row.count = static_cast<int32_t>(tokens.size());
  for (size_t g = 0; g < loaded.info.cache.groups.size(); ++g) row.block_tables[g] = blocks;
  plan.rows.push_back(row);
  loaded.model->Forward(batch.Build(plan));
  std::vector<int32_t> rows(tokens.size() - tokens.size() / 2);
  std::iota(rows.begin(), rows.end(), static_cast<int32_t>(tokens.size() / 2));
  loaded.model->Logits(rows, logits);
  loaded.model->EndStep();
  std::fwrite(logits.data_ptr<float>(), sizeof(float), rows.size() * loaded.info.vocab_size,
              stdout);
}

int Main(int argc, char** argv) {
  const int64_t window = argc < 3 ? 0 : std::atoll(argv[2]);
  if (window < 2 || window > 1 << 16) {
    std::fprintf(stderr, "usage: window_logits MODEL WINDOW [--ops=fused|reference] ...\n");
    return 2;
  }
  RunnerOptions options;
  options.ops = Option(argc, argv, "ops", "fused");
  options.kv_cache_type = Option(argc, argv, "kv-cache-type", "f16");
  options.max_sequences = 1;
  options.max_batch_tokens = static_cast<int32_t>(window);
  options.context_length = window;
  options.kv_cache_memory = int64_t{1} << 30;
  const c10::InferenceMode inference;
  LoadedModel loaded = OrExit(LoadModel(argv[1], options, OrExit(MakeOps(options))));
  const CacheLayout& cache = loaded.info.cache;
  Batch batch(cache, loaded.max_batch_tokens, loaded.max_sequences, loaded.info.context_length);
  std::vector<BlockId> blocks((window + cache.block_size - 1) / cache.block_size);
  std::iota(blocks.begin(), blocks.end(), BlockId{0});
  at::Tensor logits = loaded.ops->MakeBuffer(window, loaded.info.vocab_size);
  std::vector<TokenId> tokens(window);
  while (std::fread(tokens.data(), sizeof(TokenId), tokens.size(), stdin) == tokens.size()) {
    for (const TokenId token : tokens) {
      if (token < 0 || token >= loaded.info.vocab_size) {
        std::fprintf(stderr, "token %d: must be below %d\n", static_cast<int>(token),
                     static_cast<int>(loaded.info.vocab_size));
        return 1;
      }
    }
    WriteWindow(loaded, batch, tokens, blocks, logits);
  }
  return 0;
}

}  // namespace
}  // namespace skep::models

int main(int argc, char** argv) { return skep::models::Main(argc, argv); }
