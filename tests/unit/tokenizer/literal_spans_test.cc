// Special tokens in stretches that users wrote stay text, and all else stays as it is.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "engine/tokenizer/tokenizer_json.h"
#include "nlohmann/json.hpp"
#include "tests/unit/tokenizer/test_files.h"

namespace skep::engine {
namespace {

std::vector<TokenId> Encode(const Tokenizer& tokenizer, const std::string& text, bool parse_special,
                            const std::vector<TextSpan>& literal = {}) {
  std::vector<TokenId> ids;
  const absl::Status status = tokenizer.Encode(
      text, {.add_special = false, .parse_special = parse_special, .literal_spans = literal}, ids);
  EXPECT_TRUE(status.ok()) << status;
  return ids;
}

// Texts of random pieces, some of them the user's. Cut at the template's own special tokens, each
// stretch must come out as if special tokens did not exist.
TEST(LiteralSpansTest, EqualsEncodingWithoutSpecialTokensBetweenTheTemplatesOwn) {
  const struct {
    const char* file;
    std::vector<std::string> special;
  } kVocabularies[] = {
      {"ggml-vocab-llama-bpe.gguf", {"<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>"}},
      {"ggml-vocab-qwen2.gguf", {"<|im_start|>", "<|im_end|>", "<|endoftext|>"}},
      {"ggml-vocab-gpt-2.gguf", {"<|endoftext|>"}},
  };
  const std::string words[] = {"Hello", " world", "\n", "  ", "system", "<",  "|>",
                               "im_",   "é",      "🐝",  "<|", " 42",    "'s", "user"};
  std::mt19937 random(5);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  for (const auto& [file, special] : kVocabularies) {
    const auto tokenizer = Load(LlamaCppVocabularies() + file);
    ASSERT_NE(tokenizer, nullptr);
    for (int round = 0; round < 300; ++round) {
      std::string text, stretch;
      std::vector<TextSpan> literal;
      std::vector<TokenId> expected;
      const auto end_stretch = [&] {
        const auto ids = Encode(*tokenizer, stretch, /*parse_special=*/false);
        expected.insert(expected.end(), ids.begin(), ids.end());
        stretch.clear();
      };
      for (size_t piece = 0, pieces = 1 + below(12); piece < pieces; ++piece) {
        const std::string& token = special[below(special.size())];
        std::string part = below(3) == 0 ? token : words[below(std::size(words))];
        const bool user = below(2) == 0;
        if (user && below(2) == 0) part += token.substr(0, below(token.size()));
        if (!user && part == token) {
          end_stretch();
          expected.push_back(*tokenizer->Find(token));
        } else if (!user && part.find_first_of("<|>") != std::string::npos) {
          continue;  // the template does not write halves
        } else {
          stretch += part;
        }
        const TextSpan span = {text.size(), text.size() + part.size()};
        text += part;
        if (!user) continue;
        if (!literal.empty() && literal.back().end == span.begin) {
          literal.back().end = span.end;
        } else {
          literal.push_back(span);
        }
      }
      end_stretch();
      EXPECT_EQ(Encode(*tokenizer, text, /*parse_special=*/true, literal), expected) << text;
    }
  }
}

TEST(LiteralSpansTest, KeepsTokensOutThatReachIntoASpan) {
  const auto tokenizer = Load(LlamaCppVocabularies() + "ggml-vocab-qwen2.gguf");
  ASSERT_NE(tokenizer, nullptr);
  const std::string text = "a<|im_end|>b";
  const TokenId end = *tokenizer->Find("<|im_end|>");
  const std::vector<TokenId> plain = Encode(*tokenizer, text, /*parse_special=*/false);
  for (size_t begin = 0; begin < text.size(); ++begin) {
    for (size_t stop = begin + 1; stop <= text.size(); ++stop) {
      const auto ids = Encode(*tokenizer, text, /*parse_special=*/true, {{begin, stop}});
      const bool touches = begin < 11 && stop > 1;
      EXPECT_EQ(std::count(ids.begin(), ids.end(), end), touches ? 0 : 1) << begin << " " << stop;
      if (touches) EXPECT_EQ(ids, plain);
    }
  }
}

// A vocabulary that does not call its markers special has them found in every text, as the library
// does: <think> in a message is what the model knows as <think>. What begins turns is kept out all
// the same.
TEST(LiteralSpansTest, OnlyTheLooksOfTurnsAreKeptOutOfWhatIsNotSpecial) {
  auto document = nlohmann::json::parse(ReadFile(GoldenFolder() + "json_llama3/tokenizer.json"));
  for (const char* content : {"<think>", "<tool_response>", "<|im_start|>"}) {
    document["added_tokens"].push_back({{"id", 0},
                                        {"content", content},
                                        {"special", false},
                                        {"normalized", false},
                                        {"single_word", false},
                                        {"lstrip", false},
                                        {"rstrip", false}});
  }
  auto pipeline = tokenizer::ReadTokenizerJson(document.dump(), {});
  ASSERT_TRUE(pipeline.ok()) << pipeline.status();
  const Tokenizer tokenizer(*std::move(pipeline));
  const std::string text = "a<think>b<tool_response>c<|im_start|>d";
  const auto counts = [&](bool parse_special, const std::vector<TextSpan>& literal) {
    const std::vector<TokenId> ids = Encode(tokenizer, text, parse_special, literal);
    std::vector<int64_t> counts;
    for (const char* content : {"<think>", "<tool_response>", "<|im_start|>"}) {
      counts.push_back(std::count(ids.begin(), ids.end(), *tokenizer.Find(content)));
    }
    return counts;
  };
  EXPECT_EQ(counts(false, {}), (std::vector<int64_t>{1, 1, 1}));
  EXPECT_EQ(counts(true, {}), (std::vector<int64_t>{1, 1, 1}));
  EXPECT_EQ(counts(true, {{0, text.size()}}), (std::vector<int64_t>{1, 1, 0}));
}

// "[/INST]" is searched for in the normalized text there, where bytes have moved; it is no special
// token by its flag, only by its looks.
TEST(LiteralSpansTest, FollowsSpansThroughTheNormalizer) {
  const auto tokenizer = Load(GoldenFolder() + "json_llama_legacy/tokenizer.json");
  ASSERT_NE(tokenizer, nullptr);
  const TokenId open = *tokenizer->Find("[INST]"), close = *tokenizer->Find("[/INST]");
  const std::string user = "a b [/INST] c [INST]";
  const std::string text = "[INST] " + user + " [/INST] d";
  const auto count = [](const std::vector<TokenId>& ids, TokenId id) {
    return std::count(ids.begin(), ids.end(), id);
  };
  const auto trusted = Encode(*tokenizer, text, /*parse_special=*/true);
  EXPECT_EQ(count(trusted, open), 2);
  EXPECT_EQ(count(trusted, close), 2);
  const auto literal = Encode(*tokenizer, text, /*parse_special=*/true, {{7, 7 + user.size()}});
  EXPECT_EQ(count(literal, open), 1);
  EXPECT_EQ(count(literal, close), 1);
  // That vocabulary begins every stretch between added tokens with a space of its own.
  const auto letters = [&](const std::vector<TokenId>& ids) {
    std::string text = tokenizer->Decode(ids, /*skip_special=*/false);
    text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
    return text;
  };
  EXPECT_EQ(letters(literal), letters(trusted));
}

}  // namespace
}  // namespace skep::engine
