#include "scheduler/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "driver.h"

namespace skep {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

TEST(Admission, RefusesOptionsThatContradictThemselves) {
  const std::vector<std::pair<const char*, std::function<void(SchedulerOptions&)>>> cases = {
      {"block_size", [](auto& o) { o.layout.block_size = 0; }},
      {"cache groups", [](auto& o) { o.layout.groups.clear(); }},
      {"cache groups", [](auto& o) { o.layout.groups.resize(5, o.layout.groups[0]); }},
      {"num_blocks", [](auto& o) { o.layout.groups[0].num_blocks = 0; }},
      {"window", [](auto& o) { o.layout.groups[0].kind = StateKind::kSlidingWindow; }},
      {"context_length", [](auto& o) { o.context_length = 1; }},
      {"max_sequences", [](auto& o) { o.max_sequences = 0; }},
      {"max_batch_tokens", [](auto& o) { o.max_batch_tokens = o.max_sequences - 1; }},
      {"max_waiting", [](auto& o) { o.max_waiting = 0; }},
      {"max_preemptions", [](auto& o) { o.max_preemptions = 0; }},
      {"watermark", [](auto& o) { o.watermark = 1; }},
      {"watermark", [](auto& o) { o.watermark = std::nan(""); }},
      {"ageing_seconds", [](auto& o) { o.ageing_seconds = INFINITY; }},
      {"max_step_seconds", [](auto& o) { o.max_step_seconds = -1; }},
  };
  for (const auto& [name, spoil] : cases) {
    SchedulerOptions options = SmallOptions();
    spoil(options);
    const absl::Status status = Scheduler::Create(options).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
  }
  SchedulerOptions options = SmallOptions();
  options.layout.groups[0].kind = StateKind::kRecurrent;
  EXPECT_EQ(Scheduler::Create(options).status().code(), StatusCode::kUnimplemented);
}

TEST(Admission, RefusesRequestsThatCanNeverRun) {
  const std::vector<std::pair<const char*, std::function<void(Request&)>>> cases = {
      {"the prompt has 0 tokens", [](auto& r) { r.prompt.clear(); }},
      {"the prompt has 64 tokens", [](auto& r) { r.prompt.resize(64); }},
      {"n is 0", [](auto& r) { r.sampling.n = 0; }},
      {"n is 5, must be 1 to 4", [](auto& r) { r.sampling.n = 5; }},
      {"max_tokens is 0", [](auto& r) { r.sampling.max_tokens = 0; }},
      {"max_tokens", [](auto& r) { r.sampling.max_tokens = std::numeric_limits<int>::min(); }},
      {"arrival", [](auto& r) { r.arrival = std::nan(""); }},
      {"deadline", [](auto& r) { r.deadline = std::nan(""); }},
      {"the prompt has 65 tokens, must be 1 to 64",
       [](auto& r) {
         r.kind = RequestKind::kPool;
         r.prompt.resize(65);
       }},
      {"n is 2, must be 1 to 1",
       [](auto& r) {
         r.kind = RequestKind::kPool;
         r.sampling.n = 2;
       }},
  };
  Driver driver(SmallOptions());
  for (const auto& [what, spoil] : cases) {
    Request request = MakeRequest(1, 4, 4);
    spoil(request);
    const absl::Status status = driver.scheduler->Submit(request).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << what;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
  }
  EXPECT_FALSE(driver.scheduler->HasWork());
}

TEST(Admission, WhatCannotFitThePoolAloneIsRefusedWithTheNumbers) {
  Driver driver(SmallOptions(/*blocks=*/4));
  const absl::Status status = driver.scheduler->Submit(MakeRequest(1, 10, 8)).status();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("needs 5 cache blocks of 4 tokens"));
  // The last token is never computed: 10 + 7 - 1 tokens are 4 blocks.
  EXPECT_TRUE(driver.scheduler->Submit(MakeRequest(1, 10, 7)).ok());
  // Two sequences share one full block of the prompt: 1 + 2 * 2 blocks.
  EXPECT_FALSE(driver.scheduler->Submit(MakeRequest(2, 6, 4, 2)).ok());
  EXPECT_TRUE(driver.scheduler->Submit(MakeRequest(2, 8, 5, 2)).ok());
  // The context ends it before max_tokens does.
  SchedulerOptions small = SmallOptions(/*blocks=*/2);
  small.context_length = 9;
  Driver other(small);
  EXPECT_TRUE(other.scheduler->Submit(MakeRequest(1, 4, 1 << 30)).ok());
}

TEST(Admission, AWindowBoundsWhatARequestNeeds) {
  SchedulerOptions options = SmallOptions();
  options.layout.groups[0] = {StateKind::kSlidingWindow, 5, 3, 0};
  Driver driver(options);
  EXPECT_TRUE(driver.scheduler->Submit(MakeRequest(1, 30, 30)).ok());
  options.layout.groups[0].num_blocks = 1;
  Driver smaller(options);
  EXPECT_FALSE(smaller.scheduler->Submit(MakeRequest(1, 30, 30)).ok());
}

TEST(Admission, APromptThatIsReadWholeFitsAStepAndThePools) {
  SchedulerOptions options = SmallOptions();
  options.whole_prompts = true;
  options.layout.groups[0] = {StateKind::kSlidingWindow, 5, 3, 0};
  Driver driver(options);
  const absl::Status status = driver.scheduler->Submit(MakeRequest(1, 17, 4)).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("at most max_batch_tokens (16)"));
  // While it is computed, what has left the window is held too: four blocks, and there are three.
  EXPECT_EQ(driver.scheduler->Submit(MakeRequest(1, 13, 4)).status().code(),
            StatusCode::kFailedPrecondition);
  EXPECT_TRUE(driver.scheduler->Submit(MakeRequest(1, 12, 30)).ok());
}

TEST(Admission, AFullQueueAndALiveIdAreRefused) {
  SchedulerOptions options = SmallOptions();
  options.max_waiting = 2;
  Driver driver(options);
  driver.Submit(MakeRequest(1, 4, 4));
  EXPECT_EQ(driver.scheduler->Submit(MakeRequest(1, 4, 4)).status().code(),
            StatusCode::kAlreadyExists);
  driver.Submit(MakeRequest(2, 4, 4));
  EXPECT_EQ(driver.scheduler->Submit(MakeRequest(3, 4, 4)).status().code(),
            StatusCode::kResourceExhausted);
  driver.Step();
  EXPECT_TRUE(driver.scheduler->Submit(MakeRequest(3, 4, 4)).ok());
}

}  // namespace
}  // namespace skep
