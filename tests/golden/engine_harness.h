// An engine over a real model of the golden data, and token ids to give it.
#ifndef SKEP_TESTS_GOLDEN_ENGINE_HARNESS_H_
#define SKEP_TESTS_GOLDEN_ENGINE_HARNESS_H_

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "models/runner/loaded_model.h"
#include "models/runner/local_runner.h"
#include "tests/fakes/fake_tokenizer.h"
#include "tests/golden/broken_ops.h"
#include "tests/golden/golden_path.h"

namespace skep::engine {

enum class Kernels { kReal, kBroken };

struct HarnessOptions {
  Kernels kernels = Kernels::kReal;
  std::string ops = "fused";
  std::string kv_cache_type = "f16";
  int32_t max_batch_tokens = 128;
  int32_t max_sequences = 4;
  int64_t cache_bytes = int64_t{16} << 20;
};

class Harness {
 public:
  // `model` is a path below the golden data.
  Harness(const std::string& model, const HarnessOptions& harness) {
    models::RunnerOptions options;
    options.threads = 2;
    options.ops = harness.ops;
    options.kv_cache_type = harness.kv_cache_type;
    options.max_batch_tokens = harness.max_batch_tokens;
    options.max_sequences = harness.max_sequences;
    options.kv_cache_memory = harness.cache_bytes;
    const c10::InferenceMode inference;
    auto ops = models::MakeOps(options);
    EXPECT_TRUE(ops.ok()) << ops.status();
    std::unique_ptr<models::Ops> chosen = *std::move(ops);
    if (harness.kernels == Kernels::kBroken) {
      chosen = std::make_unique<models::BrokenOps>(std::move(chosen));
    }
    auto loaded = models::LoadModel(GoldenPath(model), options, std::move(chosen));
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    EngineOptions engine_options;
    engine_options.max_batch_tokens = harness.max_batch_tokens;
    engine_options.max_sequences = harness.max_sequences;
    auto engine =
        Engine::Create(engine_options, std::make_unique<models::LocalRunner>(*std::move(loaded)),
                       MakeFakeTokenizer(), /*chat_template=*/nullptr,
                       /*observer=*/nullptr);
    EXPECT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }

  Engine& engine() { return *engine_; }

 private:
  std::unique_ptr<Engine> engine_;
};

inline std::vector<TokenId> Tokens(std::mt19937& random, size_t count) {
  std::vector<TokenId> tokens(count);
  for (TokenId& token : tokens) token = static_cast<TokenId>(random() % 250);
  return tokens;
}

}  // namespace skep::engine

#endif  // SKEP_TESTS_GOLDEN_ENGINE_HARNESS_H_
