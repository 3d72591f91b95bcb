// The parts of embedding requests: their validation, and what becomes of pooled values.
#include "engine/embedding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/embedding_call.h"
#include "engine/error.h"
#include "engine/validate.h"
#include "tests/fakes/fake_runner.h"

namespace skep::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FinishEmbeddingTest, MeanThenDimensionsThenLength) {
  const std::vector<float> sum = {6, 8, 100};
  EXPECT_THAT(FinishEmbedding(sum, {.pooling = Pooling::kMean, .dimensions = 3, .normalize = false},
                              /*num_tokens=*/2),
              ElementsAre(3, 4, 50));
  EXPECT_THAT(FinishEmbedding(sum, {.pooling = Pooling::kMean, .dimensions = 2}, /*num_tokens=*/2),
              ElementsAre(0.6f, 0.8f));
  for (const Pooling pooling : {Pooling::kLast, Pooling::kFirst}) {
    EXPECT_THAT(FinishEmbedding(sum, {.pooling = pooling, .dimensions = 2, .normalize = false},
                                /*num_tokens=*/2),
                ElementsAre(6, 8));
  }
}

TEST(FinishEmbeddingTest, ExtremesStayFinite) {
  EXPECT_THAT(FinishEmbedding({0, 0}, {.dimensions = 2}, 1), ElementsAre(0, 0));
  const float large = std::numeric_limits<float>::max();
  EXPECT_THAT(FinishEmbedding({large, 0}, {.dimensions = 2}, 1), ElementsAre(1, 0));
  const float small = std::numeric_limits<float>::denorm_min();
  EXPECT_THAT(FinishEmbedding({small, 0}, {.dimensions = 2}, 1), ElementsAre(1, 0));
}

class ValidateEmbeddingTest : public ::testing::Test {
 protected:
  ValidationContext Context() const {
    return {.model = model_, .options = options_, .has_chat_template = false};
  }
  absl::StatusOr<EmbeddingParams> Run() const { return Validate(request_, Context(), now_); }

  void ExpectRefused(Reason reason, const std::string& field, const std::string& value) const {
    const absl::Status status = Run().status();
    EXPECT_EQ(ReasonOf(status), reason) << status;
    EXPECT_EQ(DetailsOf(status).field, field) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(value));
  }

  ModelInfo model_ = FakeModelInfo(/*vocab_size=*/100, /*num_blocks=*/128);
  EngineOptions options_;
  absl::Time now_ = absl::FromUnixSeconds(1000);
  EmbeddingRequest request_ = {.inputs = {TokenPrompt{{1, 2, 3}}, TextPrompt{.text = "four"}}};
};

TEST_F(ValidateEmbeddingTest, FillsDefaults) {
  absl::StatusOr<EmbeddingParams> params = Run();
  ASSERT_TRUE(params.ok()) << params.status();
  EXPECT_EQ(params->pooling, Pooling::kLast);
  EXPECT_EQ(params->dimensions, model_.hidden_size);
  EXPECT_TRUE(params->normalize);
  model_.embedding_defaults = {.pooling = Pooling::kMean, .normalize = false};
  EXPECT_EQ(Run()->pooling, Pooling::kMean);
  EXPECT_FALSE(Run()->normalize);
  request_.normalize = true;
  EXPECT_TRUE(Run()->normalize);
  request_.pooling = Pooling::kFirst;
  request_.normalize = false;
  request_.dimensions = 2;
  params = Run();
  EXPECT_EQ(params->pooling, Pooling::kFirst);
  EXPECT_EQ(params->dimensions, 2);
  EXPECT_FALSE(params->normalize);
}

TEST_F(ValidateEmbeddingTest, NamesTheFieldOfTheInput) {
  const EmbeddingRequest good = request_;
  request_.inputs[0] = TokenPrompt{};
  ExpectRefused(Reason::kInvalidField, "inputs[0].token_ids", "an empty list");
  request_.inputs[0] = TokenPrompt{{1, 100}};
  ExpectRefused(Reason::kInvalidField, "inputs[0].token_ids[1]", "100");
  request_ = good;
  request_.inputs[1] = ChatPrompt{.messages = {{{"role", "user"}, {"content", "x"}}}};
  ExpectRefused(Reason::kNoChatTemplate, "inputs[1]", "a chat");
  request_.inputs[1] = ChatPrompt{.messages = {{{"content", "x"}}}};
  ExpectRefused(Reason::kInvalidField, "inputs[1].messages[0]", "role");
}

TEST_F(ValidateEmbeddingTest, RefusesWhatIsOutOfRange) {
  for (const int32_t bad : {0, -1, 7, std::numeric_limits<int32_t>::max()}) {
    request_.dimensions = bad;
    ExpectRefused(Reason::kInvalidField, "dimensions", absl::StrCat(bad));
  }
  request_.dimensions = 6;
  EXPECT_TRUE(Run().ok());
  request_.request_id = "\n";
  ExpectRefused(Reason::kInvalidField, "request_id", "printable");
  request_.request_id = "";
  request_.inputs.clear();
  ExpectRefused(Reason::kInvalidField, "inputs", "an empty list");
  request_.inputs.assign(1, TokenPrompt{{1}});
  request_.deadline = now_;
  EXPECT_EQ(ReasonOf(Run().status()), Reason::kDeadlineExceeded);
}

TEST_F(ValidateEmbeddingTest, LimitsHowMuchOneCallMayAsk) {
  const std::vector<std::function<void(EngineOptions&)>> limits = {
      [](EngineOptions& o) { o.max_inputs = 2; }, [](EngineOptions& o) { o.max_waiting = 2; },
      [](EngineOptions& o) { o.max_waiting_per_tenant = 2; },
      [](EngineOptions& o) { o.max_waiting_prompt_bytes = 8; },
      [](EngineOptions& o) { o.max_waiting_prompt_bytes_per_tenant = 8; }};
  for (const auto& limit : limits) {
    options_ = EngineOptions();
    limit(options_);
    request_.inputs.assign(2, TokenPrompt{{1}});  // four bytes each
    EXPECT_TRUE(Run().ok()) << Run().status();
    request_.inputs.assign(3, TokenPrompt{{1}});
    ExpectRefused(Reason::kLimitExceeded, "inputs", "limit");
  }
}

TEST_F(ValidateEmbeddingTest, AnInputMayFillTheContext) {
  std::vector<TokenId> ids(model_.context_length, 1);
  bool truncated = true;
  EXPECT_TRUE(FitInput(3, Truncation::kNone, Context(), ids, truncated).ok());
  EXPECT_FALSE(truncated);
  ids.push_back(2);
  const absl::Status status = FitInput(3, Truncation::kNone, Context(), ids, truncated);
  EXPECT_EQ(ReasonOf(status), Reason::kPromptTooLong);
  EXPECT_EQ(DetailsOf(status).field, "inputs[3]");
  EXPECT_TRUE(FitInput(3, Truncation::kStart, Context(), ids, truncated).ok());
  EXPECT_TRUE(truncated);
  EXPECT_EQ(std::ssize(ids), model_.context_length);
  EXPECT_EQ(ids.back(), 2);
  ids.clear();
  EXPECT_EQ(ReasonOf(FitInput(0, Truncation::kEnd, Context(), ids, truncated)),
            Reason::kInvalidField);
  ids = {100};
  EXPECT_EQ(ReasonOf(FitInput(0, Truncation::kEnd, Context(), ids, truncated)),
            Reason::kInvalidField);
}

TEST_F(ValidateEmbeddingTest, APromptThatIsReadWholeFitsAStep) {
  model_.whole_prompts = true;
  options_.max_batch_tokens = 8;
  std::vector<TokenId> ids(9, 1);
  bool truncated = false;
  const absl::Status status = FitInput(0, Truncation::kNone, Context(), ids, truncated);
  EXPECT_EQ(ReasonOf(status), Reason::kPromptTooLong);
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_batch_tokens"));
  GenerationRequest generation;
  SamplingParams sampling;
  EXPECT_EQ(ReasonOf(FitToContext(generation, Context(), ids, sampling)), Reason::kPromptTooLong);
  ids.pop_back();
  EXPECT_TRUE(FitToContext(generation, Context(), ids, sampling).ok());
  EXPECT_TRUE(FitInput(0, Truncation::kNone, Context(), ids, truncated).ok());
}

// Reads a call's stream to its end, which must have come.
std::vector<ResponseEvent> Events(StreamReader& reader) {
  std::vector<ResponseEvent> events;
  ResponseEvent event;
  while (reader.Next(event, nullptr)) events.push_back(std::move(event));
  return events;
}

RequestDone Done(int64_t tokens, absl::Status status = absl::OkStatus()) {
  return {.status = std::move(status), .usage = {.prompt_tokens = tokens}};
}

TEST(EmbeddingCallTest, AnswersInTheOrderOfTheInputs) {
  const auto stream = std::make_shared<Stream>(8, [](StreamSignal) {});
  StreamReader reader(stream);
  EmbeddingCall call({}, /*first_request=*/5, /*num_inputs=*/2, stream);
  EXPECT_FALSE(call.Add(1, Done(3), {.values = {2}}).ended);
  EXPECT_TRUE(Events(reader).empty());
  EXPECT_TRUE(call.Add(0, Done(4), {.values = {1}}).ended);
  const std::vector<ResponseEvent> events = Events(reader);
  ASSERT_EQ(events.size(), 2);
  const auto& embeddings = std::get<Embeddings>(events[0]);
  EXPECT_THAT(embeddings.inputs[0].values, ElementsAre(1));
  EXPECT_THAT(embeddings.inputs[1].values, ElementsAre(2));
  EXPECT_EQ(std::get<RequestDone>(events[1]).usage.prompt_tokens, 7);
}

TEST(EmbeddingCallTest, FailsWithTheFirstFailureOnceAllInputsHaveEnded) {
  const auto stream = std::make_shared<Stream>(8, [](StreamSignal) {});
  StreamReader reader(stream);
  EmbeddingCall call({}, /*first_request=*/5, /*num_inputs=*/3, stream);
  EXPECT_FALSE(call.Add(0, Done(4), {.values = {1}}).failed);
  const auto failed = call.Add(2, Done(4, MakeError(Reason::kPromptTooLong, "long")), {});
  EXPECT_TRUE(failed.failed);
  EXPECT_FALSE(failed.ended);
  const auto cancelled = call.Add(1, Done(0, MakeError(Reason::kCancelled, "in vain")), {});
  EXPECT_FALSE(cancelled.failed);
  EXPECT_TRUE(cancelled.ended);
  const std::vector<ResponseEvent> events = Events(reader);
  ASSERT_EQ(events.size(), 1);
  EXPECT_EQ(ReasonOf(std::get<RequestDone>(events[0]).status), Reason::kPromptTooLong);
}

}  // namespace
}  // namespace skep::engine
