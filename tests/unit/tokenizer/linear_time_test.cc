// The work that a text takes grows with its length and no faster, whatever it holds. Counted in
// steps (engine/tokenizer/steps.h), not in seconds.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/tokenizer/steps.h"
#include "reference_cases.h"

namespace skep::engine {
namespace {

uint64_t StepsFor(const Tokenizer& tokenizer, std::string_view unit, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += unit;
  const uint64_t before = tokenizer::steps_of_this_thread;
  Encode(tokenizer, text, {.add_special = false});
  return tokenizer::steps_of_this_thread - before;
}

class LinearTimeTest : public testing::TestWithParam<const char*> {};

TEST_P(LinearTimeTest, AMegabyteOfAnything) {
  const auto tokenizer = Load(ReferenceFolder() + GetParam());
  ASSERT_NE(tokenizer, nullptr);
  constexpr size_t kBytes = kLongText;
  for (const char* unit : {"x", " ", "\n", "7", "\xCC\x81", "aA", "中", "ab "}) {
    const uint64_t half = StepsFor(*tokenizer, unit, kBytes / 2);
    const uint64_t steps = StepsFor(*tokenizer, unit, kBytes);
    // Merging takes a queue: n log n. The factor allows for the alternatives of a pattern, and for
    // all the pieces that begin at one place.
    EXPECT_LE(steps, 3 * kBytes * static_cast<uint64_t>(std::log2(kBytes))) << unit;
    // Twice the text, about twice the steps; quadratic growth would quadruple them.
    EXPECT_LE(steps, 3 * half) << unit;
  }
}

INSTANTIATE_TEST_SUITE_P(All, LinearTimeTest,
                         testing::Values("llama-bpe", "deepseek-llm", "llama-spm", "nomic-bert-moe",
                                         "wordpiece", "clip"),
                         [](const auto& param) {
                           std::string name = param.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace skep::engine
