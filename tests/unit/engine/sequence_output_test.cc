#include "engine/sequence_output.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "tests/fakes/fake_tokenizer.h"

namespace skep::engine {
namespace {

// The first match as StopMatcher defines it, in text[0, size).
size_t MatchEnd(const std::string& text, const std::vector<std::string>& stops, size_t from) {
  for (size_t end = from + 1; end <= text.size(); ++end) {
    for (const std::string& stop : stops) {
      if (stop.size() <= end && text.compare(end - stop.size(), stop.size(), stop) == 0) {
        return end;
      }
    }
  }
  return std::string::npos;
}

size_t LongestStopAt(const std::string& text, const std::vector<std::string>& stops, size_t end) {
  size_t longest = 0;
  for (const std::string& stop : stops) {
    if (stop.size() <= end && text.compare(end - stop.size(), stop.size(), stop) == 0) {
      longest = std::max(longest, stop.size());
    }
  }
  return longest;
}

// Decoding what a stream shows after `count` tokens: whole characters only.
std::string ShownText(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, size_t count) {
  Detokenizer detokenizer(tokenizer, /*skip_special=*/true);
  std::string text;
  for (size_t i = 0; i < count; ++i) detokenizer.Append(ids[i], text);
  return text;
}

struct Expected {
  std::string text;
  int64_t tokens = 0;
  bool stopped = false;
};

// Decodes after every token, and searches all of the text each time.
Expected Naive(const Tokenizer& tokenizer, const std::vector<TokenId>& ids,
               const TextOptions& options) {
  size_t unarmed = 0;
  for (size_t count = 1; count <= ids.size() + 1; ++count) {
    const bool flushed = count > ids.size();
    const std::string text =
        flushed ? tokenizer.Decode(ids, /*skip_special=*/true) : ShownText(tokenizer, ids, count);
    const size_t tokens = std::min(count, ids.size());
    if (static_cast<int64_t>(tokens) <= options.min_tokens) {
      unarmed = text.size();
    } else if (const size_t end = MatchEnd(text, options.stop_strings, unarmed);
               end != std::string::npos) {
      const size_t stop = LongestStopAt(text, options.stop_strings, end);
      return {.text = text.substr(0, options.include_stop_string ? end : end - stop),
              .tokens = static_cast<int64_t>(tokens),
              .stopped = true};
    }
    if (flushed) return {.text = text, .tokens = static_cast<int64_t>(ids.size())};
  }
  return {};
}

TEST(SequenceOutputTest, AgreesWithNaiveDecodingAndSearch) {
  const auto tokenizer = MakeFakeTokenizer();
  std::mt19937 random(3);
  int stopped = 0;
  for (int round = 0; round < 5000; ++round) {
    std::vector<TokenId> ids(1 + random() % 25);
    for (TokenId& id : ids) id = static_cast<TokenId>(random() % FakeVocabSize());
    TextOptions options{.include_stop_string = random() % 2 == 0,
                        .min_tokens = static_cast<int32_t>(random() % 3 == 0 ? random() % 10 : 0)};
    // Stop strings are pieces of the very text, so that many are found, cut by tokens in all ways.
    const std::string whole = tokenizer->Decode(ids, /*skip_special=*/true);
    for (size_t i = 0; i < random() % 3; ++i) {
      const std::string stop = whole.substr(random() % (whole.size() + 1), 1 + random() % 5);
      if (!stop.empty()) options.stop_strings.push_back(stop);
    }
    const Expected expected = Naive(*tokenizer, ids, options);

    SequenceOutput output(*tokenizer, options);
    std::string text;
    bool found = false;
    for (const TokenId id : ids) {
      if ((found = output.Append(id, text))) break;
      ASSERT_EQ(expected.text.compare(0, text.size(), text), 0) << "text was taken back";
    }
    if (!found) found = output.Finish(text);
    ASSERT_EQ(found, expected.stopped) << whole;
    ASSERT_EQ(text, expected.text) << whole;
    ASSERT_EQ(output.tokens(), expected.tokens);
    stopped += found;
  }
  EXPECT_GT(stopped, 1000);
}

TEST(SequenceOutputTest, ShowsWholeCharactersOnly) {
  const auto tokenizer = MakeFakeTokenizer();
  const TextOptions options;
  SequenceOutput output(*tokenizer, options);
  std::string text;
  output.Append(*tokenizer->Find("\xC3\xA2"), text);  // the byte E2
  output.Append(*tokenizer->Find("\xC4\xA4"), text);  // the byte 82, as U+0124
  EXPECT_EQ(text, "");
  output.Append(*tokenizer->Find("\xC2\xAC"), text);  // the byte AC
  EXPECT_EQ(text, "\xE2\x82\xAC");
  output.Append(*tokenizer->Find("\xC3\xA2"), text);
  EXPECT_EQ(text, "\xE2\x82\xAC");
  EXPECT_FALSE(output.Finish(text));
  EXPECT_EQ(text, "\xE2\x82\xAC\xEF\xBF\xBD");
}

}  // namespace
}  // namespace skep::engine
