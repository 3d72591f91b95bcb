#include "engine/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/cord.h"

namespace skep::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr Reason kAll[] = {
    Reason::kInvalidField,    Reason::kPromptTooLong,    Reason::kLimitExceeded,
    Reason::kTemplateFailed,  Reason::kNoChatTemplate,   Reason::kNeverFits,
    Reason::kDoesNotGenerate, Reason::kUnknownModel,     Reason::kQueueFull,
    Reason::kUnauthenticated, Reason::kStalledReader,    Reason::kDraining,
    Reason::kNotReady,        Reason::kDeadlineExceeded, Reason::kCancelled,
    Reason::kUnsupported,     Reason::kInvalidLogits,    Reason::kInternal};

TEST(ErrorTest, EveryReasonTravelsInAStatus) {
  std::set<std::string_view> names;
  for (const Reason reason : kAll) {
    const absl::Status status = MakeError(reason, "why");
    EXPECT_EQ(status.code(), CanonicalCode(reason));
    EXPECT_NE(status.code(), absl::StatusCode::kOk);
    EXPECT_EQ(status.message(), "why");
    EXPECT_EQ(ReasonOf(status), reason);
    EXPECT_EQ(DetailsOf(status).retry_after.has_value(), IsRetryable(reason));
    names.insert(ReasonName(reason));
  }
  EXPECT_EQ(names.size(), std::size(kAll));
}

TEST(ErrorTest, DetailsTravelToo) {
  const absl::Status status = MakeError(Reason::kQueueFull, "full",
                                        {.field = "prompt.token_ids[3]",
                                         .metadata = {{"limit", "7"}, {"odd", "\xFF\"\n"}},
                                         .retry_after = absl::Milliseconds(1500)});
  const ErrorDetails details = DetailsOf(status);
  EXPECT_EQ(details.field, "prompt.token_ids[3]");
  EXPECT_THAT(details.metadata, ElementsAre(Pair("limit", "7"), Pair("odd", "\xEF\xBF\xBD\"\n")));
  EXPECT_EQ(details.retry_after, absl::Milliseconds(1500));
}

TEST(ErrorTest, ForeignStatusesAreInternal) {
  EXPECT_EQ(ReasonOf(absl::InvalidArgumentError("x")), Reason::kInternal);
  EXPECT_EQ(DetailsOf(absl::InvalidArgumentError("x")).field, "");
}

TEST(ErrorTest, MalformedPayloadsAreIgnored) {
  for (const char* payload :
       {"", "[", "7", "[]", R"({"field":7,"metadata":{},"retry_after_ms":"x"})",
        R"({"metadata":[1,["a"],["a",2],["a","b","c"]]})"}) {
    absl::Status status = MakeError(Reason::kQueueFull, "full", {.field = "f"});
    status.SetPayload("type.skep.dev/skep.engine.ErrorDetails", absl::Cord(payload));
    const ErrorDetails details = DetailsOf(status);
    EXPECT_EQ(details.field, "");
    EXPECT_TRUE(details.metadata.empty());
    EXPECT_FALSE(details.retry_after.has_value());
  }
}

}  // namespace
}  // namespace skep::engine
