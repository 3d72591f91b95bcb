// How pre-tokenizer patterns cut texts: as Oniguruma does in Hugging Face's library, and the same
// on each of our engines.
#include "engine/tokenizer/pattern.h"

#include <gtest/gtest.h>

#include "engine/tokenizer/pattern_budget.h"
#include "engine/tokenizer/pre_tokenizer.h"
#include "engine/tokenizer/pre_types.h"
#include "engine/tokenizer/steps.h"
#include "nlohmann/json.hpp"
#include "test_files.h"

namespace skep::engine::tokenizer {
namespace {

std::vector<std::string> Cut(const std::vector<std::unique_ptr<Pattern>>& patterns,
                             const std::string& text) {
  std::vector<std::string> words = {text};
  for (const auto& pattern : patterns) {
    std::vector<std::string> next;
    for (const std::string& word : words) {
      std::vector<Range> matches;
      const absl::Status status = pattern->FindAll(word, matches);
      EXPECT_TRUE(status.ok()) << status;
      for (const Range& range : CutByMatches(word.size(), matches, SplitBehavior::kIsolated,
                                             /*invert=*/false)) {
        next.push_back(word.substr(range.begin, range.end - range.begin));
      }
    }
    words = std::move(next);
  }
  return words;
}

TEST(Pattern, CutsAsOnigurumaDoes) {
  const nlohmann::json golden = nlohmann::json::parse(ReadFile(GoldenFolder() + "patterns.json"));
  ASSERT_GE(golden["patterns"].size(), 15u);
  for (const nlohmann::json& test : golden["patterns"]) {
    const std::string name = test["name"].get<std::string>();
    const PreType* type = FindPreType(name);
    ASSERT_NE(type, nullptr) << name;
    std::vector<std::unique_ptr<Pattern>> patterns;
    for (std::string_view regex : type->regexes) {
      auto pattern = CompilePattern(regex);
      ASSERT_TRUE(pattern.ok()) << pattern.status();
      patterns.push_back(*std::move(pattern));
    }
    int failures = 0;
    for (size_t i = 0; i < golden["texts"].size() && failures < 5; ++i) {
      const auto wanted = test["words"][i].get<std::vector<std::string>>();
      const auto words = Cut(patterns, golden["texts"][i].get<std::string>());
      EXPECT_EQ(words, wanted) << name << ": " << golden["texts"][i];
      failures += words != wanted;
    }
  }
}

TEST(Pattern, KnownPatternsRunOnTheScanner) {
  for (const char* name : {"llama-bpe", "qwen2", "qwen35", "smollm", "gpt-2", "tekken", "gpt-4o",
                           "kimi-k2", "deepseek-v3", "deepseek-coder", "falcon", "default",
                           "bailingmoe", "superbpe", "seed-coder", "youtu", "viking"}) {
    for (std::string_view regex : FindPreType(name)->regexes) {
      EXPECT_EQ((*CompilePattern(regex))->engine(), "scanner") << name << ": " << regex;
    }
  }
}

// What the scanner runs, PCRE2 (an independent engine) must run alike; and RE2 after the rewriting.
TEST(Pattern, EnginesAgree) {
  const nlohmann::json golden = nlohmann::json::parse(ReadFile(GoldenFolder() + "patterns.json"));
  for (const char* name : {"llama-bpe", "gpt-2", "deepseek-v3", "bailingmoe", "seed-coder"}) {
    const std::string_view regex = FindPreType(name)->regexes.back();
    std::vector<std::unique_ptr<Pattern>> scanner, re2, pcre2;
    scanner.push_back(CompileScanner(regex));
    pcre2.push_back(*CompilePcre2(regex));
    ASSERT_NE(scanner[0], nullptr);
    if (auto pattern = CompileRe2(regex)) re2.push_back(std::move(pattern));
    EXPECT_EQ(re2.size(), name == std::string("bailingmoe") ? 0u : 1u) << name;
    for (const nlohmann::json& node : golden["texts"]) {
      const std::string text = node.get<std::string>();
      // The libraries know other versions of Unicode, and PCRE2 counts U+180E as white space.
      if (text.find("\xE1\xA0\x8E") != std::string::npos) continue;
      if (text.size() > 200) continue;
      EXPECT_EQ(Cut(scanner, text), Cut(pcre2, text)) << name << ": " << node;
      if (!re2.empty()) {
        EXPECT_EQ(Cut(scanner, text), Cut(re2, text)) << name << ": " << node;
      }
    }
  }
}

TEST(Pattern, UnknownOnesFallBackAndHostileOnesStop) {
  EXPECT_EQ((*CompilePattern("(?:ab)+c"))->engine(), "re2");
  EXPECT_EQ((*CompilePattern("(?<=a)b"))->engine(), "pcre2");
  EXPECT_EQ(CompilePattern("(unclosed").status().code(), absl::StatusCode::kInvalidArgument);
  auto hostile = CompilePattern("(?=x)(a+)+\\1b");
  ASSERT_TRUE(hostile.ok());
  auto nested = CompilePattern("(a|a)*(?=b)\\1");
  ASSERT_TRUE(nested.ok());
  std::vector<Range> matches;
  EXPECT_EQ((*nested)->FindAll(std::string(5000, 'a') + "c", matches).code(),
            absl::StatusCode::kInvalidArgument);
  auto quadratic = CompilePattern("\\s*[\\r\\n]+");
  ASSERT_EQ((*quadratic)->engine(), "scanner");
  EXPECT_EQ((*quadratic)->FindAll(std::string(1 << 16, ' '), matches).code(),
            absl::StatusCode::kInvalidArgument);
}

// Each group of letters takes some hundred thousand steps, less than one search may take: a
// thousand of them, more than a text may.
TEST(Pattern, SearchesTogetherAreLimited) {
  auto hostile = CompilePcre2("(?:a+)+b|c");
  ASSERT_TRUE(hostile.ok());
  const std::string group = std::string(16, 'a') + "c";
  std::string text;
  std::vector<Range> matches;
  EXPECT_TRUE((*hostile)->FindAll(group, matches).ok());
  EXPECT_EQ(matches.size(), 1u);
  for (int i = 0; i < 1000; ++i) text += group;
  const absl::Status status = (*hostile)->FindAll(text, matches);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(status.message()).find("too many steps"), std::string::npos) << status;
  matches.clear();
  const PatternBudget budget(group.size());  // shared by the searches of one text
  int searches = 0;
  while (searches < 1000 && (*hostile)->FindAll(group, matches).ok()) ++searches;
  EXPECT_GT(searches, 10);
  EXPECT_LT(searches, 1000);
}

// As bytes that are no UTF-8 divide a text, so do they for each search.
TEST(Pattern, LooksBetweenBytesThatAreNoUtf8) {
  auto words = CompilePcre2("(?<!b)a+$|^c|\\x{E9}");
  ASSERT_TRUE(words.ok());
  std::vector<Range> matches;
  ASSERT_TRUE((*words)
                  ->FindAll("caa\xFF"
                            "caa\xC3\xE9\xC3\xA9\xFF"
                            "aa\nca",
                            matches)
                  .ok());
  EXPECT_EQ(matches, (std::vector<Range>{{0, 1}, {9, 11}, {12, 14}, {15, 16}, {16, 17}}));
}

// It would take hours if each search looked at the rest of the text.
TEST(Pattern, ManySearchesTakeLinearTime) {
  auto words = CompilePcre2("(?<!b)a|c");
  ASSERT_TRUE(words.ok());
  std::string text;
  while (text.size() < kLongText) text += "ac ";
  const uint64_t before = steps_of_this_thread;
  std::vector<Range> matches;
  ASSERT_TRUE((*words)->FindAll(text, matches).ok());
  EXPECT_EQ(matches.size(), 2 * (text.size() / 3));
  EXPECT_LT(steps_of_this_thread - before, 20 * text.size());
}

TEST(Pattern, BehaviorsOfSplit) {
  const std::vector<Range> dashes = {{3, 4}, {9, 10}, {10, 11}};  // the-final--x
  const auto cut = [&](SplitBehavior behavior) {
    std::vector<std::string> words;
    for (const Range& r : CutByMatches(12, dashes, behavior, /*invert=*/false)) {
      words.push_back(std::string("the-final--x").substr(r.begin, r.end - r.begin));
    }
    return words;
  };
  using Words = std::vector<std::string>;
  // The results in the documentation of Hugging Face's library.
  EXPECT_EQ(cut(SplitBehavior::kRemoved), (Words{"the", "final", "x"}));
  EXPECT_EQ(cut(SplitBehavior::kIsolated), (Words{"the", "-", "final", "-", "-", "x"}));
  EXPECT_EQ(cut(SplitBehavior::kMergedWithPrevious), (Words{"the-", "final-", "-", "x"}));
  EXPECT_EQ(cut(SplitBehavior::kMergedWithNext), (Words{"the", "-final", "-", "-x"}));
  EXPECT_EQ(cut(SplitBehavior::kContiguous), (Words{"the", "-", "final", "--", "x"}));
}

}  // namespace
}  // namespace skep::engine::tokenizer
