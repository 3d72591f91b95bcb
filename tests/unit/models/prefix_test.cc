// Prefixes and positions of models that look ahead, as a step is given them.
#include "models/runner/prefix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "models/runner/batch.h"

namespace skep::models {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using End = PrefixOptions::End;

constexpr TokenId kMask = 90, kLongMask = 91, kBegin = 92;

PrefixOptions Glm() {
  return {
      .end = End::kToken, .end_token = kBegin, .two_axes = true, .mask_tokens = {kLongMask, kMask}};
}

SequenceView Sequence(const std::vector<TokenId>& tokens, int64_t prompt_length) {
  SequenceView sequence;
  sequence.tokens = tokens;
  sequence.prompt_length = prompt_length;
  return sequence;
}

Prefix Find(const std::vector<TokenId>& tokens, int64_t prompt_length) {
  return FindPrefix(Glm(), Sequence(tokens, prompt_length));
}

TEST(PrefixTest, EndsBeforeThePromptsFirstEndToken) {
  EXPECT_EQ(Find({5, 6, kLongMask, kBegin}, 4).length, 3);
  EXPECT_EQ(Find({5, kLongMask, kBegin, 7, kBegin}, 5).length, 2);
  EXPECT_EQ(Find({kBegin}, 1).length, 0);
}

TEST(PrefixTest, IsThePromptWhereTheEndTokenIsMissing) {
  EXPECT_EQ(Find({5, 6, 7}, 3).length, 3);
  EXPECT_EQ(Find({5, 6, 7, kBegin, 8}, 3).length, 3) << "generated tokens do not end it";
}

TEST(PrefixTest, MaskIsTheFirstOfThePreferredKind) {
  EXPECT_EQ(Find({5, kMask, 6, kMask, kBegin}, 5).mask_position, 1);
  EXPECT_EQ(Find({5, kMask, kLongMask, 6, kLongMask, kBegin}, 6).mask_position, 2);
  EXPECT_EQ(Find({5, 6, kBegin, 7}, 4).mask_position, 1) << "none: the prefix's last";
  EXPECT_EQ(Find({kBegin, 7}, 2).mask_position, 0);
  EXPECT_EQ(Find({5, 6, kBegin, kLongMask}, 3).mask_position, 1) << "generated masks do not count";
}

TEST(PrefixTest, OfAnEncoderIsTheSequence) {
  const Prefix prefix = FindPrefix({.end = End::kSequence}, Sequence({5, 6, 7}, 3));
  EXPECT_EQ(prefix.length, 3);
}

// A step of two sequences: a prompt, and the second token after another prompt.
class BatchTest : public testing::Test {
 protected:
  const StepInput& Build(Batch& batch) {
    AddRow(prompt_, /*prompt_length=*/6, /*first=*/0, /*count=*/6);
    AddRow(running_, /*prompt_length=*/4, /*first=*/5, /*count=*/1);
    return batch.Build(plan_);
  }

  CacheLayout layout_{.block_size = 32, .groups = {CacheGroupSpec{}}};

 private:
  void AddRow(const std::vector<TokenId>& tokens, int64_t prompt_length, int64_t first,
              int32_t count) {
    PlanRow row;
    row.sequence = Sequence(tokens, prompt_length);
    row.first_token = first;
    row.count = count;
    row.block_tables[0] = table_;
    plan_.rows.push_back(row);
  }

  const std::vector<TokenId> prompt_ = {5, kMask, 6, 7, kBegin, 8};
  const std::vector<TokenId> running_ = {5, 6, kLongMask, kBegin, 7, 8};
  const std::vector<BlockId> table_ = {0};
  Plan plan_;
};

TEST_F(BatchTest, CountsOnTwoAxes) {
  Batch batch(layout_, /*max_tokens=*/8, /*max_rows=*/2, /*context_length=*/32, Glm());
  const StepInput& input = Build(batch);
  EXPECT_THAT(input.prefixes, ElementsAre(4, 3));
  EXPECT_THAT(input.positions, ElementsAre(0, 1, 2, 3, 1, 1, 2));
  EXPECT_THAT(input.block_positions, ElementsAre(0, 0, 0, 0, 1, 2, 3));
  EXPECT_THAT(input.kv_lengths, ElementsAre(6, 6));
}

TEST_F(BatchTest, HasNoPrefixesUnlessTheModelLooksAhead) {
  Batch batch(layout_, /*max_tokens=*/8, /*max_rows=*/2, /*context_length=*/32);
  const StepInput& input = Build(batch);
  EXPECT_THAT(input.prefixes, IsEmpty());
  EXPECT_THAT(input.block_positions, IsEmpty());
  EXPECT_THAT(input.positions, ElementsAre(0, 1, 2, 3, 4, 5, 5));
}

}  // namespace
}  // namespace skep::models
