#include "engine/stop_matcher.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace skep::engine {
namespace {

struct Found {
  size_t begin = std::string::npos;
  size_t end = std::string::npos;
};

// The match that ends first, and of those the longest, by trying everything.
Found Naive(const std::string& text, const std::vector<std::string>& stops) {
  for (size_t end = 1; end <= text.size(); ++end) {
    Found found;
    for (const std::string& stop : stops) {
      if (stop.size() > end || text.compare(end - stop.size(), stop.size(), stop) != 0) continue;
      if (found.end == std::string::npos || end - stop.size() < found.begin) {
        found = {end - stop.size(), end};
      }
    }
    if (found.end != std::string::npos) return found;
  }
  return {};
}

std::string RandomText(std::mt19937& random, size_t length) {
  std::string text;
  for (size_t i = 0; i < length; ++i) text += "ab"[random() % 2];
  return text;
}

TEST(StopMatcherTest, AgreesWithNaiveSearchHoweverTheTextIsCut) {
  std::mt19937 random(5);
  int found = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::string> stops(1 + random() % 3);
    for (std::string& stop : stops) stop = RandomText(random, 1 + random() % 6);
    const std::string text = RandomText(random, random() % 20);
    const Found expected = Naive(text, stops);
    StopMatcher matcher(stops);
    size_t fed = 0;
    StopMatcher::Match match;
    while (fed < text.size() && match.stop_string < 0) {
      const std::string piece = text.substr(fed, 1 + random() % 5);
      match = matcher.Feed(piece, /*armed=*/true);
      if (match.stop_string >= 0) {
        ASSERT_EQ(fed + match.end, expected.end) << text;
        ASSERT_EQ(fed + match.end - stops[match.stop_string].size(), expected.begin) << text;
        ++found;
      }
      fed += piece.size();
      // What was not held back can be no part of the match.
      if (match.stop_string < 0) {
        ASSERT_LE(fed - matcher.held_bytes(), expected.begin) << text;
      }
    }
    ASSERT_EQ(match.stop_string < 0, expected.end == std::string::npos) << text;
  }
  EXPECT_GT(found, 1000);
}

TEST(StopMatcherTest, HoldsBackNoMoreThanNeeded) {
  const std::vector<std::string> stops = {"abab", "xyz"};
  StopMatcher matcher(stops);
  matcher.Feed("ca", true);
  EXPECT_EQ(matcher.held_bytes(), 1);
  matcher.Feed("ba", true);
  EXPECT_EQ(matcher.held_bytes(), 3);
  matcher.Feed("a", true);
  EXPECT_EQ(matcher.held_bytes(), 1);
  matcher.Feed("q", true);
  EXPECT_EQ(matcher.held_bytes(), 0);
}

TEST(StopMatcherTest, UnarmedMatchesDoNotCountButMayBegin) {
  const std::vector<std::string> stops = {"aa"};
  StopMatcher matcher(stops);
  EXPECT_EQ(matcher.Feed("aa", /*armed=*/false).stop_string, -1);
  EXPECT_EQ(matcher.held_bytes(), 1);
  const StopMatcher::Match match = matcher.Feed("a", /*armed=*/true);
  EXPECT_EQ(match.stop_string, 0);
  EXPECT_EQ(match.end, 1);
}

}  // namespace
}  // namespace skep::engine
