#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/grpc/convert.h"
#include "tests/fakes/fake_tokenizer.h"

namespace skep::server {
namespace {

using ::testing::ElementsAre;

v1::GenerateResponse Build(const ResponseView& view,
                           const std::vector<engine::OutputDelta>& deltas) {
  const auto tokenizer = engine::MakeFakeTokenizer();
  const ResponseBuilder builder(view, *tokenizer);
  v1::GenerateResponse out;
  for (const engine::OutputDelta& delta : deltas) builder.Add(delta, out);
  return out;
}

TEST(ResponseBuilderTest, PiecesOfASequenceBecomeOne) {
  const v1::GenerateResponse out = Build(
      {.token_ids = true},
      {{.index = 1, .text = "a", .token_ids = {2}},
       {.index = 0, .text = "x", .token_ids = {5}},
       {.index = 1,
        .text = "bc",
        .token_ids = {3, 4},
        .finish = {.reason = FinishReason::kStop, .stop_string = "c", .generated_tokens = 3}}});
  ASSERT_EQ(out.outputs_size(), 2);
  EXPECT_EQ(out.outputs(0).index(), 1u);
  EXPECT_EQ(out.outputs(0).text(), "abc");
  EXPECT_EQ(out.outputs(0).num_tokens(), 3u);
  EXPECT_THAT(out.outputs(0).token_ids(), ElementsAre(2, 3, 4));
  EXPECT_EQ(out.outputs(0).finish().reason(), v1::FINISH_REASON_STOP);
  EXPECT_EQ(out.outputs(0).finish().stop_string(), "c");
  EXPECT_EQ(out.outputs(0).finish().generated_tokens(), 3u);
  EXPECT_FALSE(out.outputs(1).has_finish());
}

TEST(ResponseBuilderTest, PartsThatWereNotAskedForAreLeftOut) {
  const v1::GenerateResponse out = Build({.text = false}, {{.index = 0,
                                                            .text = "a",
                                                            .reasoning = "r",
                                                            .tool_calls = {{.name = "f"}},
                                                            .token_ids = {2, 3}}});
  EXPECT_EQ(out.outputs(0).text(), "");
  EXPECT_EQ(out.outputs(0).reasoning(), "");
  EXPECT_EQ(out.outputs(0).tool_calls_size(), 0);
  EXPECT_EQ(out.outputs(0).token_ids_size(), 0);
  EXPECT_EQ(out.outputs(0).num_tokens(), 2u);
}

TEST(ResponseBuilderTest, StopTokenZeroIsThere) {
  const v1::GenerateResponse out = Build(
      {}, {{.finish = {.reason = FinishReason::kStop, .stop_token = 0, .generated_tokens = 1}}});
  ASSERT_EQ(out.outputs(0).finish().matched_case(), v1::FinishInfo::kStopTokenId);
  EXPECT_EQ(out.outputs(0).finish().stop_token_id(), 0u);
}

TEST(ResponseBuilderTest, EveryFinishReasonHasItsName) {
  const auto reason = [](FinishReason from) {
    return Build({}, {{.finish = {.reason = from}}}).outputs(0).finish().reason();
  };
  EXPECT_EQ(reason(FinishReason::kStop), v1::FINISH_REASON_STOP);
  EXPECT_EQ(reason(FinishReason::kLength), v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(reason(FinishReason::kCancelled), v1::FINISH_REASON_CANCELLED);
  EXPECT_EQ(reason(FinishReason::kDeadline), v1::FINISH_REASON_DEADLINE);
  EXPECT_EQ(reason(FinishReason::kError), v1::FINISH_REASON_ERROR);
}

TEST(ResponseBuilderTest, ReasoningAndToolCallsBecomeWhole) {
  const v1::GenerateResponse out =
      Build({}, {{.text = "a", .reasoning = "r"},
                 {.reasoning = "s", .tool_calls = {{.index = 0, .id = "x", .name = "f"}}},
                 {.tool_calls = {{.index = 0, .arguments = "{"}}},
                 {.tool_calls = {{.index = 0, .arguments = "}"},
                                 {.index = 1, .id = "y", .name = "g", .arguments = "{"}}},
                 {.text = "b",
                  .tool_calls = {{.index = 1, .discarded = true}},
                  .finish = {.reason = FinishReason::kStop, .tool_calls = true}}});
  ASSERT_EQ(out.outputs_size(), 1);
  EXPECT_EQ(out.outputs(0).text(), "ab");
  EXPECT_EQ(out.outputs(0).reasoning(), "rs");
  ASSERT_EQ(out.outputs(0).tool_calls_size(), 1);
  EXPECT_EQ(out.outputs(0).tool_calls(0).id(), "x");
  EXPECT_EQ(out.outputs(0).tool_calls(0).name(), "f");
  EXPECT_EQ(out.outputs(0).tool_calls(0).arguments(), "{}");
  EXPECT_FALSE(out.outputs(0).tool_calls(0).discarded());
  EXPECT_EQ(out.outputs(0).finish().reason(), v1::FINISH_REASON_TOOL_CALLS);
}

TEST(ResponseBuilderTest, ACallThatWasReadBeforeIsDiscardedByName) {
  const v1::GenerateResponse out =
      Build({}, {{.tool_calls = {{.index = 1, .arguments = "{"}}},
                 {.tool_calls = {{.index = 1, .discarded = true}}},
                 {.tool_calls = {{.index = 1, .id = "z", .name = "h", .arguments = "{}"}}}});
  ASSERT_EQ(out.outputs(0).tool_calls_size(), 2);
  EXPECT_TRUE(out.outputs(0).tool_calls(0).discarded());
  EXPECT_EQ(out.outputs(0).tool_calls(0).arguments(), "");
  EXPECT_EQ(out.outputs(0).tool_calls(1).name(), "h");
  EXPECT_EQ(out.outputs(0).tool_calls(1).arguments(), "{}");
}

TEST(ResponseBuilderTest, PromptLogprobsAndUsage) {
  const auto tokenizer = engine::MakeFakeTokenizer();
  const ResponseBuilder builder({.prompt_token_ids = true}, *tokenizer);
  v1::GenerateResponse out;
  builder.Add(engine::PromptProcessed{.token_ids = {2, 12},
                                      .cached_tokens = 1,
                                      .logprobs = {{.chosen = {12, -0.5f, 3},
                                                    .top = {{2, -0.1f, 1}, {3, -0.2f, 2}}}}},
              out);
  builder.Add(engine::Usage{.prompt_tokens = 2, .cached_tokens = 1, .generated_tokens = 9}, out);
  EXPECT_EQ(out.prompt_info().num_tokens(), 2u);
  EXPECT_EQ(out.prompt_info().num_cached_tokens(), 1u);
  EXPECT_THAT(out.prompt_info().token_ids(), ElementsAre(2, 12));
  ASSERT_EQ(out.prompt_info().logprobs_size(), 1);
  const v1::TokenLogprobs& logprobs = out.prompt_info().logprobs(0);
  EXPECT_EQ(logprobs.chosen().token_id(), 12u);
  EXPECT_EQ(logprobs.chosen().logprob(), -0.5f);
  EXPECT_EQ(logprobs.chosen().rank(), 3u);
  EXPECT_EQ(logprobs.chosen().token(), "\xC3");  // half a character
  EXPECT_EQ(logprobs.top_size(), 2);
  EXPECT_EQ(logprobs.top(1).token(), "b");
  EXPECT_EQ(out.usage().prompt_tokens(), 2u);
  EXPECT_EQ(out.usage().cached_tokens(), 1u);
  EXPECT_EQ(out.usage().generated_tokens(), 9u);
}

}  // namespace
}  // namespace skep::server
