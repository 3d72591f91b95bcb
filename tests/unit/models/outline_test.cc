// What is said of a model before it is loaded: parameters counted by hand, and the cache that it
// then takes.
#include "models/outline.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "models/load_runner.h"
#include "models/weights/model_files.h"
#include "tests/golden/golden_path.h"

namespace skep::models {
namespace {

namespace fs = std::filesystem;

std::string Model(const std::string& name) { return GoldenPath("models/") + name; }

ModelOutline Outline(const std::string& path) {
  const auto files = OpenModel(path);
  EXPECT_TRUE(files.ok()) << files.status();
  return files.ok() ? OutlineModel(*files) : ModelOutline();
}

// The tiny Llama of tests/golden/families: 64 wide, 2 layers, 4 heads of 16 and 2 of keys and
// values.
int64_t LlamaParameters(int64_t vocabulary, bool tied) {
  const int64_t attention = 64 * 64 + 2 * 32 * 64 + 64 * 64, mlp = 3 * 64 * 128;
  return (tied ? 1 : 2) * vocabulary * 64 + 2 * (attention + mlp + 2 * 64) + 64;
}

TEST(OutlineTest, CountsWhatCodesStandFor) {
  int checkpoints = 0;
  for (const auto& entry : fs::directory_iterator(Model("quantized_llama"))) {
    if (!entry.is_directory()) continue;
    ++checkpoints;
    const auto files = OpenModel(entry.path());
    ASSERT_TRUE(files.ok()) << files.status();
    const int64_t vocabulary = *files->config.RequiredInt("vocab_size");
    EXPECT_EQ(OutlineModel(*files).parameters, LlamaParameters(vocabulary, /*tied=*/false))
        << entry.path();
  }
  EXPECT_GE(checkpoints, 21);
}

TEST(OutlineTest, NamesTheScheme) {
  const auto quantization = [](const char* name) {
    return Outline(Model(std::string("quantized_llama/") + name)).quantization;
  };
  EXPECT_EQ(quantization("gptq"), "F32+gptq 4-bit");
  EXPECT_EQ(quantization("gptq-3"), "F32+gptq 3-bit");
  EXPECT_EQ(quantization("awq"), "F32+awq 4-bit");
  EXPECT_EQ(quantization("int4"), "F32+compressed-tensors pack-quantized");
  EXPECT_EQ(quantization("nvfp4-modelopt"), "F32+modelopt NVFP4");
  EXPECT_EQ(quantization("fp8-tensor"), "F32+fp8");
  EXPECT_EQ(Outline(Model("gpt_oss/mxfp4")).quantization, "F32+mxfp4");
  EXPECT_EQ(Outline(Model("llama_tied/q4_0.gguf")).quantization, "Q4_0");
}

// gpt-oss's experts in MXFP4 count as those in float32 do.
TEST(OutlineTest, CountsBlocksOfExperts) {
  EXPECT_EQ(Outline(Model("gpt_oss/mxfp4")).parameters,
            Outline(Model("gpt_oss/float32")).parameters);
}

TEST(OutlineTest, SaysWhatATokenTakesInTheCache) {
  struct Case {
    const char* path;
    int64_t bytes;  // layers * 2 * heads * (width of a key + of a value)
  };
  for (const Case& c : {Case{"llama_tied/float32", 2 * 2 * 4 * (16 + 16)},
                        Case{"quantized_llama/gptq", 2 * 2 * 2 * (16 + 16)},
                        // A latent of 32 with a rotated key of 8, and the latent as the value.
                        Case{"deepseek_v2/float32", 2 * 2 * (32 + 8 + 32)},
                        Case{"deepseek_v2/f32.gguf", 2 * 2 * (32 + 8 + 32)}}) {
    const std::string path = Model(c.path);
    EXPECT_EQ(Outline(path).cache_bytes_per_token, c.bytes) << c.path;
    RunnerOptions options;
    options.kv_cache_memory = 16 << 20;
    options.max_sequences = 2;
    options.max_batch_tokens = 32;
    options.threads = 1;
    const auto runner = LoadModelRunner(path, options);
    ASSERT_TRUE(runner.ok()) << runner.status();
    int64_t block = 0;
    for (const CacheGroupSpec& group : (*runner)->info().cache.groups) {
      block += group.bytes_per_block;
    }
    EXPECT_EQ(block, c.bytes * (*runner)->info().cache.block_size) << c.path;
  }
}

}  // namespace
}  // namespace skep::models
