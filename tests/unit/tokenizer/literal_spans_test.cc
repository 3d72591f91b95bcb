// Special tokens in stretches that users wrote stay text, and all else stays as it is.
#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/tokenizer_json.h"
#include "nlohmann/json.hpp"
#include "tests/unit/tokenizer/test_files.h"

namespace skep::engine {
namespace {

using Markers = std::vector<std::string>;

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
      if (touches) {
        EXPECT_EQ(ids, plain);
      }
    }
  }
}

// A tokenizer with added tokens that are not called special.
std::unique_ptr<Tokenizer> WithMarkers(const std::string& base, const Markers& markers,
                                       bool normalized) {
  auto document = nlohmann::json::parse(ReadFile(GoldenFolder() + base + "/tokenizer.json"));
  for (const std::string& content : markers) {
    document["added_tokens"].push_back({{"id", 0},
                                        {"content", content},
                                        {"special", false},
                                        {"normalized", normalized},
                                        {"single_word", false},
                                        {"lstrip", false},
                                        {"rstrip", false}});
  }
  auto pipeline = tokenizer::ReadTokenizerJson(document.dump(), {});
  EXPECT_TRUE(pipeline.ok()) << pipeline.status();
  return pipeline.ok() ? std::make_unique<Tokenizer>(*std::move(pipeline)) : nullptr;
}

// The library finds such tokens in every text: <think> in a message is what the model knows as
// <think>. What begins turns is kept out all the same, wherever it is searched for: DeepSeek's
// <｜User｜> is neither special nor changed by the normalizer that it is searched behind.
TEST(LiteralSpansTest, OnlyWhatLooksLikeTurnsIsKeptOutOfWhatIsNotSpecial) {
  const Markers markers = {"<think>", "<tool_response>", "<|im_start|>", "<｜User｜>"};
  const std::string user = "a<think>b<tool_response>c<|im_start|>d<｜User｜>";
  for (const char* base : {"json_llama3", "json_qwen"}) {  // without a normalizer, and with NFC
    for (bool normalized : {false, true}) {
      const auto tokenizer = WithMarkers(base, markers, normalized);
      ASSERT_NE(tokenizer, nullptr);
      const auto counts = [&](bool parse_special, const std::vector<TextSpan>& literal) {
        const auto ids = Encode(*tokenizer, "<｜User｜>" + user, parse_special, literal);
        std::vector<int64_t> counts;
        for (const std::string& content : markers) {
          counts.push_back(std::count(ids.begin(), ids.end(), *tokenizer->Find(content)));
        }
        return counts;
      };
      const std::vector<int64_t> all = {1, 1, 1, 2};
      EXPECT_EQ(counts(false, {}), all) << base << normalized;
      EXPECT_EQ(counts(true, {}), all) << base << normalized;
      const size_t begin = std::string_view("<｜User｜>").size();
      EXPECT_EQ(counts(true, {{begin, begin + user.size()}}), (std::vector<int64_t>{1, 1, 0, 1}))
          << base << normalized;
    }
  }
}

// One message holds what normalizing makes a marker of (a Kelvin sign is a K), a later one a marker
// that it unmakes (a stroke through its end), so that their number stays.
TEST(LiteralSpansTest, NormalizingMakesNoTurns) {
  const auto tokenizer = WithMarkers("json_qwen", {"<|OK|>"}, /*normalized=*/true);
  ASSERT_NE(tokenizer, nullptr);
  const std::string made = "<|O\u212A|>", unmade = "<|OK|>\u0338", own = "<|OK|>";
  const std::string text = own + made + own + unmade;
  const size_t second = own.size() + made.size() + own.size();
  const TokenId id = *tokenizer->Find(own);
  const auto trusted = Encode(*tokenizer, text, /*parse_special=*/true);
  EXPECT_EQ(std::count(trusted.begin(), trusted.end(), id), 3);
  const auto ids = Encode(*tokenizer, text, /*parse_special=*/true,
                          {{own.size(), own.size() + made.size()}, {second, text.size()}});
  // The template's are text as well: better than one more.
  EXPECT_EQ(std::count(ids.begin(), ids.end(), id), 0);
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
