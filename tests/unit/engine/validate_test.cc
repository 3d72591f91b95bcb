// Every field that can be refused, each with its own reason, field name and value.
#include "engine/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "tests/fakes/fake_runner.h"

namespace skep::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

class ValidateTest : public ::testing::Test {
 protected:
  absl::StatusOr<SamplingParams> Run() { return Validate(request_, Context(), now_); }

  ValidationContext Context() const {
    return {.model = model_,
            .options = options_,
            .eos_token_ids = {1},
            .has_chat_template = has_template_};
  }

  void ExpectRefused(Reason reason, const std::string& field, const std::string& value) {
    const absl::StatusOr<SamplingParams> result = Run();
    ASSERT_FALSE(result.ok()) << field << " = " << value;
    EXPECT_EQ(ReasonOf(result.status()), reason) << result.status();
    EXPECT_EQ(DetailsOf(result.status()).field, field) << result.status();
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(field));
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(value));
  }

  // Sets a float field to what is out of range, and to what just is in it.
  void CheckFloat(const std::string& field, std::optional<float> GenerationRequest::*member,
                  const std::vector<float>& bad, const std::vector<float>& good) {
    for (const float value : bad) {
      request_.*member = value;
      ExpectRefused(Reason::kInvalidField, field, absl::StrCat(value));
    }
    for (const float value : good) {
      request_.*member = value;
      EXPECT_TRUE(Run().ok()) << field << " = " << value << ": " << Run().status();
    }
    request_.*member = std::nullopt;
  }

  GenerationRequest Chat(const char* messages) {
    GenerationRequest request;
    request.prompt = ChatPrompt{.messages = nlohmann::ordered_json::parse(messages)};
    return request;
  }

  ModelInfo model_ = FakeModelInfo(/*vocab_size=*/100, /*num_blocks=*/128);
  EngineOptions options_;
  bool has_template_ = true;
  absl::Time now_ = absl::FromUnixSeconds(1000);
  GenerationRequest request_ = {.prompt = TokenPrompt{{1, 2, 3}}};
};

TEST_F(ValidateTest, FillsDefaults) {
  const absl::StatusOr<SamplingParams> params = Run();
  ASSERT_TRUE(params.ok()) << params.status();
  EXPECT_EQ(params->temperature, 1.0f);
  EXPECT_EQ(params->top_k, 0);
  EXPECT_EQ(params->top_p, 1.0f);
  EXPECT_EQ(params->min_p, 0.0f);
  EXPECT_EQ(params->typical_p, 1.0f);
  EXPECT_EQ(params->repetition_penalty, 1.0f);
  EXPECT_EQ(params->logprobs, -1);
  EXPECT_EQ(params->prompt_logprobs, -1);
  EXPECT_EQ(params->n, 1);
  EXPECT_THAT(params->eos_token_ids, ElementsAre(1));
}

TEST_F(ValidateTest, TheModelsDefaultsComeBeforeSkeps) {
  model_.sampling_defaults = {.temperature = 0.6f, .top_k = 40, .top_p = 0.9f};
  request_.top_p = 0.5f;
  const absl::StatusOr<SamplingParams> params = Run();
  ASSERT_TRUE(params.ok());
  EXPECT_EQ(params->temperature, 0.6f);
  EXPECT_EQ(params->top_k, 40);
  EXPECT_EQ(params->top_p, 0.5f);
}

TEST_F(ValidateTest, ImpossibleDefaultsOfAModelAreIgnored) {
  model_.sampling_defaults = {.temperature = kNan, .top_k = -1, .top_p = 0.0f};
  const absl::StatusOr<SamplingParams> params = Run();
  ASSERT_TRUE(params.ok());
  EXPECT_EQ(params->temperature, 1.0f);
  EXPECT_EQ(params->top_k, 0);
  EXPECT_EQ(params->top_p, 1.0f);
}

TEST_F(ValidateTest, SeedsAreFreshUnlessGiven) {
  EXPECT_NE(Run()->seed, Run()->seed);
  request_.seed = 5;
  EXPECT_EQ(Run()->seed, 5);
}

TEST_F(ValidateTest, Temperature) {
  CheckFloat("temperature", &GenerationRequest::temperature, {-0.1f, 100.5f, kNan, kInf, -kInf},
             {0.0f, 100.0f});
}
TEST_F(ValidateTest, TopP) {
  CheckFloat("top_p", &GenerationRequest::top_p, {0.0f, -1.0f, 1.5f, kNan, kInf}, {1e-6f, 1.0f});
}
TEST_F(ValidateTest, MinP) {
  CheckFloat("min_p", &GenerationRequest::min_p, {-0.1f, 1.5f, kNan}, {0.0f, 1.0f});
}
TEST_F(ValidateTest, TypicalP) {
  CheckFloat("typical_p", &GenerationRequest::typical_p, {0.0f, 1.5f, kNan}, {0.1f, 1.0f});
}
TEST_F(ValidateTest, RepetitionPenalty) {
  CheckFloat("repetition_penalty", &GenerationRequest::repetition_penalty,
             {0.0f, -1.0f, kNan, kInf}, {0.01f, 50.0f});
}
TEST_F(ValidateTest, PresencePenalty) {
  CheckFloat("presence_penalty", &GenerationRequest::presence_penalty, {-2.5f, 2.5f, kNan},
             {-2.0f, 2.0f});
}
TEST_F(ValidateTest, FrequencyPenalty) {
  CheckFloat("frequency_penalty", &GenerationRequest::frequency_penalty, {-2.5f, 2.5f, kNan},
             {-2.0f, 2.0f});
}

TEST_F(ValidateTest, TopK) {
  request_.top_k = -1;
  ExpectRefused(Reason::kInvalidField, "top_k", "-1");
  request_.top_k = std::numeric_limits<int32_t>::max();
  EXPECT_EQ(Run()->top_k, 0);  // as many as there are: off
}

TEST_F(ValidateTest, LogitBias) {
  for (const TokenId id : {-1, 100, std::numeric_limits<TokenId>::max()}) {
    request_.logit_bias = {{5, 1.0f}, {id, 1.0f}};
    ExpectRefused(Reason::kInvalidField, "logit_bias[1]", absl::StrCat(id));
  }
  for (const float bias : {kNan, kInf, 101.0f}) {
    request_.logit_bias = {{5, bias}};
    ExpectRefused(Reason::kInvalidField, "logit_bias[0]", absl::StrCat(bias));
  }
  request_.logit_bias = {{5, 1.0f}, {3, 0.0f}, {5, 2.0f}};
  ExpectRefused(Reason::kInvalidField, "logit_bias", "5");
  request_.logit_bias = {{5, 1.0f}, {3, -2.0f}};
  EXPECT_THAT(Run()->logit_bias, ElementsAre(std::pair(3, -2.0f), std::pair(5, 1.0f)));
  options_.max_logit_bias = 1;
  ExpectRefused(Reason::kLimitExceeded, "logit_bias", "2");
}

TEST_F(ValidateTest, IdsAgainstTheLogits) {
  const std::pair<const char*, std::vector<TokenId> GenerationRequest::*> fields[] = {
      {"allowed_token_ids", &GenerationRequest::allowed_token_ids},
      {"bad_token_ids", &GenerationRequest::bad_token_ids},
      {"stop_token_ids", &GenerationRequest::stop_token_ids}};
  for (const auto& [name, member] : fields) {
    for (const TokenId id : {-1, 100}) {
      request_.*member = {7, 7, id};
      ExpectRefused(Reason::kInvalidField, absl::StrCat(name, "[2]"), absl::StrCat(id));
    }
    (request_.*member).assign(101, 7);
    ExpectRefused(Reason::kLimitExceeded, name, "101");
    request_.*member = {};
  }
  request_.allowed_token_ids = {9, 7, 9};
  request_.bad_token_ids = {8, 7};
  request_.stop_token_ids = {3, 2};
  const absl::StatusOr<SamplingParams> params = Run();
  ASSERT_TRUE(params.ok()) << params.status();
  EXPECT_THAT(params->allowed_token_ids, ElementsAre(7, 9));
  EXPECT_THAT(params->bad_token_ids, ElementsAre(7, 8));
  EXPECT_THAT(params->stop_token_ids, ElementsAre(2, 3));
}

TEST_F(ValidateTest, SomethingMustBeLeftToChoose) {
  request_.allowed_token_ids = {7, 9};
  request_.bad_token_ids = {9, 7, 8};
  ExpectRefused(Reason::kInvalidField, "allowed_token_ids", "2");
  request_.allowed_token_ids.clear();
  request_.bad_token_ids.clear();
  for (TokenId id = 0; id < 100; ++id) request_.bad_token_ids.push_back(id);
  ExpectRefused(Reason::kInvalidField, "bad_token_ids", "100");
  request_.bad_token_ids.clear();
  request_.allowed_token_ids = {1, 5};  // eos and a stop id
  request_.stop_token_ids = {5};
  EXPECT_TRUE(Run().ok());
  request_.min_tokens = 1;
  ExpectRefused(Reason::kInvalidField, "min_tokens", "1");
}

TEST_F(ValidateTest, MaxTokens) {
  for (const int32_t value : {0, -1, std::numeric_limits<int32_t>::min()}) {
    request_.max_tokens = value;
    ExpectRefused(Reason::kInvalidField, "max_tokens", absl::StrCat(value));
  }
  for (const int32_t value : {512, std::numeric_limits<int32_t>::max()}) {
    request_.max_tokens = value;
    ExpectRefused(Reason::kPromptTooLong, "max_tokens", absl::StrCat(value));
  }
}

TEST_F(ValidateTest, MinTokens) {
  request_.min_tokens = -1;
  ExpectRefused(Reason::kInvalidField, "min_tokens", "-1");
  request_.max_tokens = 5;
  request_.min_tokens = 6;
  ExpectRefused(Reason::kInvalidField, "min_tokens", "6");
}

TEST_F(ValidateTest, StopStrings) {
  request_.stop_strings = {"a", ""};
  ExpectRefused(Reason::kInvalidField, "stop_strings[1]", "empty");
  request_.stop_strings = {"\xFF"};
  ExpectRefused(Reason::kInvalidField, "stop_strings[0]", "UTF-8");
  request_.stop_strings = {std::string(1025, 'x')};
  ExpectRefused(Reason::kLimitExceeded, "stop_strings[0]", "1025");
  request_.stop_strings.assign(17, "x");
  ExpectRefused(Reason::kLimitExceeded, "stop_strings", "17");
  request_.stop_strings.assign(16, "x");
  EXPECT_TRUE(Run().ok());
}

TEST_F(ValidateTest, N) {
  for (const int32_t value : {0, -1}) {
    request_.n = value;
    ExpectRefused(Reason::kInvalidField, "n", absl::StrCat(value));
  }
  for (const int32_t value : {17, 1000000}) {
    request_.n = value;
    ExpectRefused(Reason::kLimitExceeded, "n", absl::StrCat(value));
  }
  request_.n = 16;
  request_.temperature = 0.0f;
  EXPECT_TRUE(Run().ok());
  options_.max_sequences = 8;  // they run together
  ExpectRefused(Reason::kLimitExceeded, "n", "16");
}

TEST_F(ValidateTest, Logprobs) {
  request_.logprobs = -1;
  ExpectRefused(Reason::kInvalidField, "logprobs", "-1");
  request_.logprobs = 21;
  ExpectRefused(Reason::kLimitExceeded, "logprobs", "21");
  request_.logprobs = 0;
  EXPECT_EQ(Run()->logprobs, 0);
}

TEST_F(ValidateTest, PromptLogprobs) {
  request_.prompt_logprobs = -1;
  ExpectRefused(Reason::kInvalidField, "prompt_logprobs", "-1");
  request_.prompt_logprobs = 21;
  ExpectRefused(Reason::kLimitExceeded, "prompt_logprobs", "21");
  request_.prompt_logprobs = 20;
  EXPECT_EQ(Run()->prompt_logprobs, 20);
}

TEST_F(ValidateTest, TokenPrompt) {
  request_.prompt = TokenPrompt{};
  ExpectRefused(Reason::kInvalidField, "prompt.token_ids", "empty");
  for (const TokenId id : {-1, 100}) {
    request_.prompt = TokenPrompt{{5, id}};
    ExpectRefused(Reason::kInvalidField, "prompt.token_ids[1]", absl::StrCat(id));
  }
}

TEST_F(ValidateTest, PromptBytes) {
  options_.max_waiting_prompt_bytes = 10;
  request_.prompt = TextPrompt{.text = "12345678901"};
  ExpectRefused(Reason::kLimitExceeded, "prompt", "11");
  request_.prompt = TextPrompt{.text = "1234567890"};
  EXPECT_TRUE(Run().ok());
}

TEST_F(ValidateTest, ChatMessages) {
  for (const auto& [messages, field] : std::vector<std::pair<const char*, const char*>>{
           {"null", "prompt.messages"},
           {"[]", "prompt.messages"},
           {R"({"role":"user"})", "prompt.messages"},
           {R"([{"role":"user"}, 7])", "prompt.messages[1]"},
           {R"([{"content":"x"}])", "prompt.messages[0]"},
           {R"([{"role":""}])", "prompt.messages[0]"},
           {R"([{"role":7}])", "prompt.messages[0]"}}) {
    request_ = Chat(messages);
    ExpectRefused(Reason::kInvalidField, field, "must be");
  }
  request_ = Chat(R"([{"role":"user","content":"x"}])");
  EXPECT_TRUE(Run().ok()) << Run().status();
}

TEST_F(ValidateTest, ChatToolsAndArguments) {
  request_ = Chat(R"([{"role":"user"}])");
  auto& chat = std::get<ChatPrompt>(request_.prompt);
  chat.tools = "x";
  ExpectRefused(Reason::kInvalidField, "prompt.tools", "string");
  chat.tools = nullptr;
  chat.template_arguments = 7;
  ExpectRefused(Reason::kInvalidField, "prompt.template_arguments", "number");
  chat.template_arguments = nullptr;
  chat.continue_final_message = true;
  ExpectRefused(Reason::kInvalidField, "prompt.continue_final_message", "true");
}

TEST_F(ValidateTest, ChatDepth) {
  nlohmann::ordered_json deep = 1;
  for (int i = 0; i < 5000; ++i) deep = nlohmann::ordered_json::array({std::move(deep)});
  for (const auto& [member, field] :
       std::vector<std::pair<nlohmann::ordered_json ChatPrompt::*, const char*>>{
           {&ChatPrompt::messages, "prompt.messages"},
           {&ChatPrompt::tools, "prompt.tools"},
           {&ChatPrompt::template_arguments, "prompt.template_arguments"}}) {
    request_ = Chat(R"([{"role":"user"}])");
    (std::get<ChatPrompt>(request_.prompt).*member) = deep;
    ExpectRefused(Reason::kInvalidField, field, "100 levels");
  }
}

TEST_F(ValidateTest, ChatWithoutATemplate) {
  has_template_ = false;
  request_ = Chat(R"([{"role":"user"}])");
  ExpectRefused(Reason::kNoChatTemplate, "prompt", "template");
}

TEST_F(ValidateTest, TruncatePromptTokens) {
  request_.truncate_prompt_tokens = -1;
  ExpectRefused(Reason::kInvalidField, "truncate_prompt_tokens", "-1");
}

TEST_F(ValidateTest, RequestId) {
  request_.request_id = std::string(129, 'x');
  ExpectRefused(Reason::kInvalidField, "request_id", "129");
  request_.request_id = "two\nlines";
  ExpectRefused(Reason::kInvalidField, "request_id", "printable");
}

TEST_F(ValidateTest, Deadline) {
  request_.deadline = now_;
  EXPECT_EQ(ReasonOf(Run().status()), Reason::kDeadlineExceeded);
  request_.deadline = now_ + absl::Milliseconds(1);
  EXPECT_TRUE(Run().ok());
}

class FitToContextTest : public ValidateTest {
 protected:
  absl::Status Fit(std::vector<TokenId>& prompt) {
    sampling_ = *Run();
    return FitToContext(request_, Context(), prompt, sampling_);
  }
  SamplingParams sampling_;
};

TEST_F(FitToContextTest, UnsetMaxTokensIsWhatIsLeft) {
  std::vector<TokenId> prompt(500, 1);
  ASSERT_TRUE(Fit(prompt).ok());
  EXPECT_EQ(sampling_.max_tokens, 12);
  prompt.assign(511, 1);
  ASSERT_TRUE(Fit(prompt).ok());
  EXPECT_EQ(sampling_.max_tokens, 1);
  prompt.assign(512, 1);
  EXPECT_EQ(ReasonOf(Fit(prompt)), Reason::kPromptTooLong);
}

// A cache smaller than the context: who asks for no length gets what fits, not a refusal.
TEST_F(FitToContextTest, UnsetMaxTokensIsWhatTheCacheHolds) {
  model_.cache = {.block_size = 16, .groups = {{.num_blocks = 4}}};
  std::vector<TokenId> prompt(40, 1);
  ASSERT_TRUE(Fit(prompt).ok());
  EXPECT_EQ(sampling_.max_tokens, 64 + 1 - 40);  // the last token needs no place
  // Two sequences share the prompt's two full blocks and have one more each.
  request_.n = 2;
  ASSERT_TRUE(Fit(prompt).ok());
  EXPECT_EQ(sampling_.max_tokens, 48 + 1 - 40);
  request_.n = 1;
  prompt.assign(100, 1);  // fits nowhere: the scheduler says so
  ASSERT_TRUE(Fit(prompt).ok());
  EXPECT_EQ(sampling_.max_tokens, 1);
}

TEST_F(FitToContextTest, AWindowThatTheCacheHoldsLimitsNothing) {
  CacheGroupSpec group{.kind = StateKind::kSlidingWindow, .window = 20, .num_blocks = 3};
  model_.cache = {.block_size = 16, .groups = {group}};
  std::vector<TokenId> prompt(40, 1);
  ASSERT_TRUE(Fit(prompt).ok());
  EXPECT_EQ(sampling_.max_tokens, 512 - 40);
  model_.cache.groups[0].num_blocks = 2;  // a window of 20 touches up to three blocks
  ASSERT_TRUE(Fit(prompt).ok());
  EXPECT_EQ(sampling_.max_tokens, 1);
}

TEST_F(FitToContextTest, PromptAndMaxTokensMustFit) {
  request_.max_tokens = 12;
  std::vector<TokenId> prompt(500, 1);
  EXPECT_TRUE(Fit(prompt).ok());
  prompt.push_back(1);
  EXPECT_EQ(ReasonOf(Fit(prompt)), Reason::kPromptTooLong);
  request_.truncate_prompt_tokens = 500;
  EXPECT_TRUE(Fit(prompt).ok());
  EXPECT_EQ(prompt.size(), 500);
}

TEST_F(FitToContextTest, TruncationKeepsTheEnd) {
  request_.truncate_prompt_tokens = 2;
  std::vector<TokenId> prompt = {1, 2, 3};
  ASSERT_TRUE(Fit(prompt).ok());
  EXPECT_THAT(prompt, ElementsAre(2, 3));
}

TEST_F(FitToContextTest, RefusesWhatTheTokenizerShouldNotHaveMade) {
  std::vector<TokenId> prompt;
  EXPECT_EQ(ReasonOf(Fit(prompt)), Reason::kInvalidField);
  prompt = {1, 100};
  EXPECT_EQ(ReasonOf(Fit(prompt)), Reason::kInvalidField);
  prompt.assign(510, 1);
  request_.min_tokens = 3;
  EXPECT_EQ(ReasonOf(Fit(prompt)), Reason::kInvalidField);
}

TEST(JoinEosTokenIdsTest, UniteWithinTheLogits) {
  ModelInfo model = FakeModelInfo(100, 8);
  model.eos_token_ids = {7, 3, 200, -1};
  EXPECT_THAT(JoinEosTokenIds(model, {3, 5, 100}), ElementsAre(3, 5, 7));
}

}  // namespace
}  // namespace skep::engine
