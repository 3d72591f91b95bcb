#include "engine/tokenizer/detokenizer.h"

#include <gtest/gtest.h>

#include <random>

#include "engine/tokenizer/pipeline.h"
#include "engine/tokenizer/unicode.h"
#include "test_files.h"

namespace skep::engine {
namespace {

class DetokenizerTest : public testing::TestWithParam<const char*> {};

// Random ids, so that characters are cut, left open and contradicted in every way.
TEST_P(DetokenizerTest, DeltasAreWholeCharactersAndAddUp) {
  const auto tokenizer = Load(LlamaCppVocabularies() + "ggml-vocab-" + GetParam() + ".gguf");
  ASSERT_NE(tokenizer, nullptr);
  std::vector<TokenId> byte_ids;
  for (TokenId id = 0; id < tokenizer->vocab_size(); ++id) {
    if (tokenizer->TokenBytes(id).size() == 1) byte_ids.push_back(id);
  }
  ASSERT_GE(byte_ids.size(), 256u);
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::vector<TokenId> ids(1 + random() % 12);
    for (TokenId& id : ids) {
      id = random() % 3 != 0 ? byte_ids[random() % byte_ids.size()]
                             : static_cast<TokenId>(random() % (tokenizer->vocab_size() + 2)) - 1;
    }
    const bool skip_special = random() % 2 != 0;
    Detokenizer detokenizer(*tokenizer, skip_special);
    std::string text, raw;
    for (TokenId id : ids) {
      std::string delta;
      detokenizer.Append(id, delta);
      EXPECT_TRUE(tokenizer::IsValidUtf8(delta));
      EXPECT_LE(detokenizer.held_bytes(), 3u);
      text += delta;
      if (!skip_special || !tokenizer->IsSpecial(id)) raw += tokenizer->TokenBytes(id);
    }
    detokenizer.Flush(text);
    EXPECT_EQ(text, tokenizer->Decode(ids, skip_special));
    // Independently: all bytes at once, less the leading space.
    if (tokenizer->pipeline().decoder.leading_spaces_to_drop > 0 && raw.starts_with(" "))
      raw.erase(0, 1);
    std::string whole;
    tokenizer::AppendValidUtf8(raw, /*keep_incomplete=*/false, whole);
    EXPECT_EQ(text, whole);
  }
}

INSTANTIATE_TEST_SUITE_P(All, DetokenizerTest, testing::Values("llama-spm", "qwen2"));

TEST(Detokenizer, HoldsBackIncompleteCharacters) {
  const auto tokenizer = Load(LlamaCppVocabularies() + "ggml-vocab-llama-spm.gguf");
  ASSERT_NE(tokenizer, nullptr);
  const auto byte = [&](const char* piece) { return *tokenizer->Find(piece); };
  Detokenizer detokenizer(*tokenizer, /*skip_special=*/true);
  std::string text;
  for (const char* piece : {"<0xF0>", "<0x9F>", "<0x98>"}) detokenizer.Append(byte(piece), text);
  EXPECT_EQ(text, "");
  EXPECT_EQ(detokenizer.held_bytes(), 3u);
  detokenizer.Append(byte("<0x80>"), text);
  EXPECT_EQ(text, "😀");
  detokenizer.Append(byte("<0xE2>"), text);
  detokenizer.Append(*tokenizer->Find("▁a"), text);
  EXPECT_EQ(text, "😀\uFFFD a");
}

TEST(Detokenizer, TheLeadingSpaceIsOfTheTextNotOfItsContinuation) {
  const auto tokenizer = Load(LlamaCppVocabularies() + "ggml-vocab-llama-spm.gguf");
  ASSERT_NE(tokenizer, nullptr);
  const TokenId hello = *tokenizer->Find("▁Hello");
  EXPECT_EQ(tokenizer->Decode({hello, hello}, /*skip_special=*/true), "Hello Hello");
  EXPECT_EQ(tokenizer->Decode({1, hello}, /*skip_special=*/true), "Hello");
  EXPECT_EQ(tokenizer->Decode({1, hello}, /*skip_special=*/false), "<s> Hello");
  Detokenizer continued(*tokenizer, /*skip_special=*/true, /*continues_text=*/true);
  std::string text;
  continued.Append(hello, text);
  EXPECT_EQ(text, " Hello");
}

}  // namespace
}  // namespace skep::engine
