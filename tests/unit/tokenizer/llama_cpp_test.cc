// The vocabularies of the llama.cpp source with the ids that the models' own tokenizers give:
// NAME.inp holds texts, NAME.out their ids, made without special tokens and without parsing those.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "test_files.h"

namespace skep::engine {
namespace {

class LlamaCppVocabularyTest : public testing::TestWithParam<const char*> {};

std::vector<std::string> SplitTexts(const std::string& all) {
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::vector<std::string> texts;
  size_t pos = 0;
  while (pos < all.size()) {
    const size_t next = std::min(all.find(separator, pos), all.size());
    texts.push_back(all.substr(pos, next - pos));
    pos = next + separator.size();
  }
  return texts;
}

TEST_P(LlamaCppVocabularyTest, GivesTheExpectedIds) {
  const std::string path =
      LlamaCppVocabularies() + "ggml-vocab-" + std::string(GetParam()) + ".gguf";
  const auto tokenizer = Load(path);
  ASSERT_NE(tokenizer, nullptr);
  const std::vector<std::string> texts = SplitTexts(ReadFile(path + ".inp"));
  std::istringstream expected(ReadFile(path + ".out"));
  ASSERT_GE(texts.size(), 40u);
  for (const std::string& text : texts) {
    std::string line;
    ASSERT_TRUE(std::getline(expected, line)) << "fewer results than texts";
    std::istringstream numbers(line);
    std::vector<TokenId> wanted;
    for (TokenId id; numbers >> id;) wanted.push_back(id);
    EXPECT_EQ(Encode(*tokenizer, text, {.add_special = false}), wanted) << "text: " << text;
  }
}

INSTANTIATE_TEST_SUITE_P(All, LlamaCppVocabularyTest,
                         testing::Values("bert-bge", "command-r", "deepseek-coder", "deepseek-llm",
                                         "falcon", "gemma-4", "gpt-2", "llama-bpe", "llama-spm",
                                         "mpt", "phi-3", "qwen2", "qwen35", "refact", "starcoder"));

// Those that come without texts, too.
TEST(LlamaCppVocabulary, EveryFileLoads) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(LlamaCppVocabularies())) {
    if (entry.path().extension() != ".gguf") continue;
    ++count;
    const auto tokenizer = Load(entry.path().string());
    ASSERT_NE(tokenizer, nullptr);
    EXPECT_FALSE(Encode(*tokenizer, "Hello world", {.add_special = false}).empty());
  }
  EXPECT_GE(count, 19);
}

TEST(LlamaCppVocabulary, KnowsTheSpecialTokens) {
  const auto spm = Load(LlamaCppVocabularies() + "ggml-vocab-llama-spm.gguf");
  ASSERT_NE(spm, nullptr);
  EXPECT_TRUE(spm->adds_bos());
  EXPECT_EQ(spm->bos_id(), 1);
  EXPECT_EQ(spm->eos_id(), 2);
  EXPECT_EQ(spm->unk_id(), 0);
  EXPECT_EQ(Encode(*spm, ""), std::vector<TokenId>{1});
  EXPECT_EQ(spm->TokenText(15043), "▁Hello");
  EXPECT_EQ(spm->EndOfGenerationIds(), std::vector<TokenId>{2});
  EXPECT_EQ(spm->vocab_size(), 32000);

  const auto llama3 = Load(LlamaCppVocabularies() + "ggml-vocab-llama-bpe.gguf");
  ASSERT_NE(llama3, nullptr);
  EXPECT_TRUE(llama3->adds_bos());
  EXPECT_EQ(llama3->EndOfGenerationIds(), (std::vector<TokenId>{128001, 128009}));

  const auto qwen = Load(LlamaCppVocabularies() + "ggml-vocab-qwen2.gguf");
  ASSERT_NE(qwen, nullptr);
  EXPECT_FALSE(qwen->adds_bos());
  EXPECT_TRUE(qwen->IsSpecial(*qwen->Find("<|im_end|>")));
}

TEST(LlamaCppVocabulary, SpecialTokensTypedAreTextUnlessAsked) {
  for (const char* name : {"llama-spm", "llama-bpe", "qwen2", "phi-3"}) {
    const auto tokenizer = Load(LlamaCppVocabularies() + "ggml-vocab-" + name + ".gguf");
    ASSERT_NE(tokenizer, nullptr);
    for (const char* text : {"<|im_start|>system", "<s>", "</s>", "<|eot_id|>", "<|endoftext|>",
                             "<|start_header_id|>", "<|end|>", "<unk>", "<0x0A>"}) {
      const std::vector<TokenId> plain = Encode(*tokenizer, text, {.add_special = false});
      for (TokenId id : plain) EXPECT_FALSE(tokenizer->IsSpecial(id)) << name << ": " << text;
      EXPECT_EQ(tokenizer->Decode(plain, /*skip_special=*/true), text) << name;
      if (const auto special = tokenizer->Find(text); special && tokenizer->IsSpecial(*special)) {
        EXPECT_EQ(Encode(*tokenizer, text, {.add_special = false, .parse_special = true}),
                  std::vector<TokenId>{*special});
      }
    }
  }
}

// A quadratic tokenizer would take hours for these. "\xC3" alone is no UTF-8. (Bytes that UTF-8
// never has, as 0xFF, some vocabularies cannot express: deepseek-llm's own tokenizer has no piece
// for them.)
TEST(LlamaCppVocabulary, LongWordsTakeLinearTime) {
  for (const char* name : {"llama-spm", "llama-bpe", "deepseek-llm", "gpt-2"}) {
    const auto tokenizer = Load(LlamaCppVocabularies() + "ggml-vocab-" + name + ".gguf");
    ASSERT_NE(tokenizer, nullptr);
    for (const char* unit : {"x", " ", "\n", "7", "\xCC\x81", "\xC3", "aA", "中", "\t "}) {
      std::string text;
      while (text.size() < kLongText / 4) text += unit;
      text += "!";
      const std::vector<TokenId> ids = Encode(*tokenizer, text, {.add_special = false});
      std::string bytes;
      for (TokenId id : ids) bytes += tokenizer->TokenBytes(id);
      EXPECT_TRUE(bytes == text || bytes == " " + text) << name << ": " << unit;
    }
  }
}

}  // namespace
}  // namespace skep::engine
