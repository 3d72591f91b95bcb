// Vocabularies that are no tokenizer.json: ids and texts equal to those of the reference libraries
// (tests/golden/vocabularies.py).
#include <gtest/gtest.h>

#include <filesystem>

#include "nlohmann/json.hpp"
#include "test_files.h"
#include "tests/golden/golden_path.h"

namespace skep::engine {
namespace {

std::string FolderOf(const std::string& name) { return GoldenPath("vocabularies/") + name; }

// The folder, its GGUF file, or what its `path` points to.
std::string ModelOf(const std::string& name) {
  const std::string folder = FolderOf(name);
  if (std::filesystem::exists(folder + "/path")) {
    return CachePath(ReadFile(folder + "/path"));
  }
  if (std::filesystem::exists(folder + "/model.gguf")) return folder + "/model.gguf";
  return folder;
}

std::vector<TokenId> Ids(const nlohmann::json& node) { return node.get<std::vector<TokenId>>(); }

class VocabularyTest : public testing::TestWithParam<const char*> {};

TEST_P(VocabularyTest, AgreesWithTheLibrary) {
  const auto tokenizer = Load(ModelOf(GetParam()));
  ASSERT_NE(tokenizer, nullptr);
  const nlohmann::json golden =
      nlohmann::json::parse(ReadFile(FolderOf(GetParam()) + "/cases.json"));
  const bool add_special = golden["add_special"].get<bool>();
  ASSERT_GE(golden["cases"].size(), 500u);
  int failures = 0;
  for (const nlohmann::json& test : golden["cases"]) {
    const std::string text = test["text"].get<std::string>();
    EXPECT_EQ(Encode(*tokenizer, text, {.add_special = add_special}), Ids(test["ids"]))
        << "text: " << test["text"];
    if (test.contains("parsed")) {
      EXPECT_EQ(Encode(*tokenizer, text, {.add_special = add_special, .parse_special = true}),
                Ids(test["parsed"]))
          << "text: " << test["text"];
    }
    EXPECT_EQ(tokenizer->Decode(Ids(test["ids"]), /*skip_special=*/false),
              test["decoded"].get<std::string>());
    if (HasFailure() && ++failures == 5) break;
  }
}

INSTANTIATE_TEST_SUITE_P(All, VocabularyTest,
                         testing::Values("tiktoken_r50k", "tiktoken_cl100k", "tiktoken_o200k",
                                         "tiktoken_qwen", "tiktoken_llama3", "tiktoken_kimi",
                                         "tiktoken_ties", "tekken_v3", "tekken_v7", "rwkv",
                                         "gguf_rwkv", "vocab_gpt2", "vocab_neox", "vocab_qwen2",
                                         "vocab_roberta", "vocab_bert", "gguf_bert", "spm_llama",
                                         "spm_gemma", "spm_t5", "spm_nfkc_cf", "spm_bpe_nfkc",
                                         "spm_mistral_v1", "spm_mistral_v3", "spm_mistral_v7",
                                         "gguf_spm_t5", "gguf_spm_nfkc_cf", "gguf_nomic"));

// A special token and a kind of vocabulary.
struct Typed {
  const char* name;
  const char* token;
};

class TypedTest : public testing::TestWithParam<Typed> {};

TEST_P(TypedTest, SpecialTokensTypedAreTextUnlessAsked) {
  const auto tokenizer = Load(ModelOf(GetParam().name));
  ASSERT_NE(tokenizer, nullptr);
  const std::string token = GetParam().token;
  const auto id = tokenizer->Find(token);
  ASSERT_TRUE(id.has_value());
  ASSERT_TRUE(tokenizer->IsSpecial(*id));
  const std::string text = token + "system";
  const std::vector<TokenId> plain = Encode(*tokenizer, text, {.add_special = false});
  for (TokenId piece : plain) EXPECT_FALSE(tokenizer->IsSpecial(piece)) << piece;
  const std::vector<TokenId> parsed =
      Encode(*tokenizer, text, {.add_special = false, .parse_special = true});
  ASSERT_FALSE(parsed.empty());
  EXPECT_EQ(parsed[0], *id);
  EXPECT_NE(parsed, plain);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, TypedTest,
    testing::Values(Typed{"tiktoken_qwen", "<|im_start|>"}, Typed{"tiktoken_kimi", "<|im_start|>"},
                    Typed{"tekken_v7", "[INST]"}, Typed{"rwkv", "<|rwkv_tokenizer_end_of_text|>"},
                    Typed{"gguf_rwkv", "<s>"}, Typed{"vocab_qwen2", "<|im_start|>"},
                    Typed{"gguf_nomic", "<s>"}, Typed{"gguf_spm_t5", "</s>"},
                    Typed{"spm_mistral_v3", "[INST]"}, Typed{"spm_typed", "<|im_start|>"}));

TEST(Vocabularies, TheSpecialIdsAreThoseOfTheModel) {
  const auto qwen = Load(ModelOf("tiktoken_qwen"));
  ASSERT_NE(qwen, nullptr);
  EXPECT_EQ(qwen->eos_id(), 151643);
  EXPECT_EQ(qwen->EndOfGenerationIds(), (std::vector<TokenId>{151643, 151645}));
  EXPECT_FALSE(qwen->adds_bos());
  const auto llama = Load(ModelOf("tiktoken_llama3"));
  ASSERT_NE(llama, nullptr);
  EXPECT_EQ(llama->bos_id(), 128000);
  EXPECT_TRUE(llama->adds_bos());
  EXPECT_EQ(llama->vocab_size(), 128256);
  const auto tekken = Load(ModelOf("tekken_v7"));
  ASSERT_NE(tekken, nullptr);
  EXPECT_EQ(tekken->vocab_size(), 131072);
  EXPECT_EQ(tekken->bos_id(), 1);
  EXPECT_EQ(tekken->eos_id(), 2);
  const auto rwkv = Load(ModelOf("gguf_rwkv"));
  ASSERT_NE(rwkv, nullptr);
  EXPECT_FALSE(rwkv->adds_bos());
  EXPECT_EQ(rwkv->EndOfGenerationIds(), (std::vector<TokenId>{0, 261}));
}

TEST(Vocabularies, AnyBytesSurvive) {
  std::string bytes;
  for (int i = 0; i < 1024; ++i) bytes.push_back(static_cast<char>(i * 37));
  for (const char* name : {"rwkv", "gguf_rwkv", "tiktoken_r50k", "tekken_v3"}) {
    const auto tokenizer = Load(ModelOf(name));
    ASSERT_NE(tokenizer, nullptr);
    std::string back;
    for (TokenId id : Encode(*tokenizer, bytes, {.add_special = false})) {
      back += tokenizer->TokenBytes(id);
    }
    EXPECT_EQ(back, bytes) << name;
  }
}

// A quadratic tokenizer would take hours for these.
TEST(Vocabularies, LongWordsTakeLinearTime) {
  for (const char* name : {"rwkv", "tiktoken_cl100k", "tiktoken_kimi", "tekken_v3", "spm_t5"}) {
    const auto tokenizer = Load(ModelOf(name));
    ASSERT_NE(tokenizer, nullptr);
    for (const char* unit : {"x", " ", "\n", "7", "\xCC\x81", "aA"}) {
      std::string text;
      while (text.size() < kLongText / 4) text += unit;
      EXPECT_FALSE(Encode(*tokenizer, text + "!", {.add_special = false}).empty()) << name;
    }
  }
}

}  // namespace
}  // namespace skep::engine
