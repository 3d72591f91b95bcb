// Ids and texts equal to those of the reference libraries (tests/golden/tokenization.py).
#include <gtest/gtest.h>

#include <filesystem>

#include "nlohmann/json.hpp"
#include "test_files.h"
#include "tests/golden/golden_path.h"

namespace skep::engine {
namespace {

class ReferenceTest : public testing::TestWithParam<const char*> {};

std::vector<TokenId> Ids(const nlohmann::json& node) { return node.get<std::vector<TokenId>>(); }

TEST_P(ReferenceTest, AgreesWithTheLibrary) {
  const std::string folder = GoldenFolder() + GetParam();
  const bool elsewhere = std::filesystem::exists(folder + "/path");
  const auto tokenizer = Load(elsewhere ? CachePath(ReadFile(folder + "/path")) : folder);
  ASSERT_NE(tokenizer, nullptr);
  const nlohmann::json golden = nlohmann::json::parse(ReadFile(folder + "/cases.json"));
  const bool add_special = golden["add_special"].get<bool>();
  ASSERT_GE(golden["cases"].size(), 500u);
  int failures = 0;
  for (const nlohmann::json& test : golden["cases"]) {
    const std::string text = test["text"].get<std::string>();
    EXPECT_EQ(Encode(*tokenizer, text, {.add_special = add_special}), Ids(test["ids"]))
        << "text: " << test["text"];
    const std::vector<TokenId> parsed =
        Encode(*tokenizer, text, {.add_special = add_special, .parse_special = true});
    EXPECT_EQ(parsed, Ids(test["parsed"])) << "text: " << test["text"];
    EXPECT_EQ(tokenizer->Decode(Ids(test["parsed"]), /*skip_special=*/false),
              test["decoded"].get<std::string>());
    EXPECT_EQ(tokenizer->Decode(Ids(test["parsed"]), /*skip_special=*/true),
              test["skipped"].get<std::string>());
    if (HasFailure() && ++failures == 5) break;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ReferenceTest,
                         testing::Values("smollm2", "gguf_llama-bpe", "gguf_qwen2", "gguf_qwen35",
                                         "gguf_gpt-2", "gguf_deepseek-coder", "json_llama_legacy",
                                         "json_llama", "json_metaspace_always", "json_llama3",
                                         "json_tekken", "json_qwen", "json_gemma", "json_gpt2",
                                         "json_unk", "spm_bpe", "spm_unigram"));

}  // namespace
}  // namespace skep::engine
