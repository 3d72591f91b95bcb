// What a request gets, compared with a naive computation of the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/tokenizer/detokenizer.h"
#include "tests/unit/engine/engine_fixture.h"

namespace skep::engine {
namespace {

// The text of ids, without one that ended the sequence.
std::string TextOf(const Tokenizer& tokenizer, std::vector<TokenId> ids) {
  if (!ids.empty() && ids.back() == kFakeEos) ids.pop_back();
  return tokenizer.Decode(ids, /*skip_special=*/true);
}

void ExpectNaive(const Answer& answer, const GenerationRequest& request, const Engine& engine) {
  const std::vector<TokenId>& prompt = std::get<TokenPrompt>(request.prompt).ids;
  const SamplingParams sampling = ExpectedSampling(request, engine.model());
  ASSERT_TRUE(answer.done.status.ok()) << answer.done.status;
  ASSERT_TRUE(answer.prompt.has_value());
  EXPECT_TRUE(answer.prompt_was_first);
  EXPECT_EQ(answer.prompt->token_ids, prompt);
  ASSERT_EQ(static_cast<int32_t>(answer.sequences.size()), request.n);
  int64_t generated = 0;
  for (int32_t i = 0; i < request.n; ++i) {
    const Answer::Sequence& sequence = answer.sequences[i];
    const std::vector<TokenId> expected = FakeGeneration(prompt, i, sampling, engine.model());
    EXPECT_EQ(sequence.ids, expected) << "sequence " << i;
    EXPECT_EQ(sequence.text, TextOf(engine.tokenizer(), expected));
    EXPECT_EQ(sequence.deltas_after_finish, 0);
    const bool stopped = expected.back() == kFakeEos && !request.ignore_eos;
    EXPECT_EQ(sequence.finish.reason, stopped ? FinishReason::kStop : FinishReason::kLength);
    EXPECT_EQ(sequence.finish.stop_token, stopped ? kFakeEos : -1);
    EXPECT_EQ(sequence.finish.generated_tokens, std::ssize(expected));
    generated += std::ssize(expected);
  }
  EXPECT_EQ(answer.done.usage.prompt_tokens, std::ssize(prompt));
  EXPECT_EQ(answer.done.usage.generated_tokens, generated);
}

void ExpectAllFree(const Engine& engine) {
  const EngineStats stats = engine.Stats();
  EXPECT_EQ(stats.running_requests, 0);
  EXPECT_EQ(stats.waiting_requests, 0);
  EXPECT_EQ(stats.blocks_free + stats.blocks_cached, stats.blocks_total);
}

TEST(EngineGenerateTest, OneRequest) {
  EngineSetup setup;
  const auto engine = setup.Make();
  const GenerationRequest request = TokenRequest({2, 3, 4, 5, 6}, 40);
  const auto stream = MustGenerate(*engine, request);
  ExpectNaive(ReadAll(*stream), request, *engine);
  ExpectAllFree(*engine);
  EXPECT_EQ(setup.control->wrong_reads, 0);
}

TEST(EngineGenerateTest, ManyRequestsAtOnce) {
  EngineSetup setup;
  const auto engine = setup.Make();
  std::mt19937 random(1);
  std::vector<GenerationRequest> requests;
  std::vector<std::unique_ptr<ResponseStream>> streams;
  for (int i = 0; i < 60; ++i) {
    std::vector<TokenId> prompt(1 + random() % 100);
    for (TokenId& id : prompt) id = static_cast<TokenId>(random() % FakeVocabSize());
    requests.push_back(TokenRequest(std::move(prompt), 1 + random() % 60));
    requests.back().temperature = i % 2 == 0 ? 0.0f : 0.7f;
    requests.back().seed = random();
    requests.back().n = 1 + i % 3;
    requests.back().ignore_eos = i % 5 == 0;
    requests.back().min_tokens = i % 4 == 0 ? std::min(5, *requests.back().max_tokens) : 0;
    streams.push_back(MustGenerate(*engine, requests.back()));
  }
  int64_t prompt_tokens = 0;
  int64_t generated_tokens = 0;
  for (size_t i = 0; i < streams.size(); ++i) {
    const Answer answer = ReadAll(*streams[i]);
    ExpectNaive(answer, requests[i], *engine);
    prompt_tokens += answer.done.usage.prompt_tokens;
    generated_tokens += answer.done.usage.generated_tokens;
  }
  ExpectAllFree(*engine);
  EXPECT_EQ(setup.control->wrong_reads, 0);
  EXPECT_EQ(engine->Stats().prompt_tokens, prompt_tokens);
  EXPECT_EQ(engine->Stats().generated_tokens, generated_tokens);
}

TEST(EngineGenerateTest, SmallPoolsPreemptWithoutATrace) {
  EngineSetup setup;
  setup.model = FakeModelInfo(FakeVocabSize(), /*num_blocks=*/24);
  setup.options.max_batch_tokens = 16;
  const auto engine = setup.Make();
  std::vector<GenerationRequest> requests;
  std::vector<std::unique_ptr<ResponseStream>> streams;
  for (int i = 0; i < 20; ++i) {
    requests.push_back(TokenRequest({2, 3, static_cast<TokenId>(2 + i)}, 40));
    requests.back().ignore_eos = true;
    requests.back().n = 1 + i % 2;
    requests.back().temperature = 1.0f;
    requests.back().seed = i;
    streams.push_back(MustGenerate(*engine, requests.back()));
  }
  for (size_t i = 0; i < streams.size(); ++i) {
    ExpectNaive(ReadAll(*streams[i]), requests[i], *engine);
  }
  EXPECT_GT(engine->Stats().preemptions, 0);
  EXPECT_EQ(setup.control->wrong_reads, 0);
  ExpectAllFree(*engine);
}

TEST(EngineGenerateTest, Logprobs) {
  EngineSetup setup;
  setup.options.max_batch_tokens = 16;  // the prompt comes in chunks
  const auto engine = setup.Make();
  GenerationRequest request = TokenRequest(std::vector<TokenId>(50, 4), 12);
  request.ignore_eos = true;
  request.logprobs = 2;
  request.prompt_logprobs = 3;
  for (int round = 0; round < 2; ++round) {  // the second finds its prompt in the cache
    const Answer answer = ReadAll(*MustGenerate(*engine, request));
    ExpectNaive(answer, request, *engine);
    std::vector<TokenId> tokens = std::get<TokenPrompt>(request.prompt).ids;
    ASSERT_EQ(answer.prompt->logprobs.size(), tokens.size() - 1);
    for (size_t i = 1; i < tokens.size(); ++i) {
      const TokenLogprobs& logprobs = answer.prompt->logprobs[i - 1];
      EXPECT_EQ(logprobs.chosen.token, tokens[i]);
      EXPECT_EQ(logprobs.chosen.logprob, FakeLogprob(std::span(tokens).first(i), tokens[i]));
      EXPECT_EQ(logprobs.top.size(), 3);
    }
    const Answer::Sequence& sequence = answer.sequences[0];
    ASSERT_EQ(sequence.logprobs.size(), sequence.ids.size());
    for (size_t i = 0; i < sequence.ids.size(); ++i) {
      EXPECT_EQ(sequence.logprobs[i].chosen.token, sequence.ids[i]);
      EXPECT_EQ(sequence.logprobs[i].chosen.logprob, FakeLogprob(tokens, sequence.ids[i]));
      EXPECT_EQ(sequence.logprobs[i].top.size(), 2);
      tokens.push_back(sequence.ids[i]);
    }
  }
}

TEST(EngineGenerateTest, StopStringsEndAtTheExactToken) {
  EngineSetup setup;
  const auto engine = setup.Make();
  std::mt19937 random(7);
  int stopped = 0;
  for (int round = 0; round < 200; ++round) {
    GenerationRequest request = TokenRequest({static_cast<TokenId>(2 + round % 20), 3}, 60);
    request.ignore_eos = true;
    request.logprobs = 0;
    request.temperature = 1.0f;
    request.seed = round;
    const std::vector<TokenId> all =
        FakeGeneration(std::get<TokenPrompt>(request.prompt).ids, 0,
                       ExpectedSampling(request, engine->model()), engine->model());
    const std::string whole = engine->tokenizer().Decode(all, /*skip_special=*/true);
    const std::string stop = whole.substr(random() % whole.size(), 1 + random() % 6);
    request.stop_strings = {stop};
    request.include_stop_string = round % 2 == 0;
    if (engine->Generate(request).status().code() == absl::StatusCode::kInvalidArgument) {
      continue;  // cut inside a character
    }
    const Answer answer = ReadAll(*MustGenerate(*engine, request));
    ASSERT_TRUE(answer.done.status.ok()) << answer.done.status;
    const Answer::Sequence& sequence = answer.sequences[0];
    const size_t at = whole.find(stop);
    ASSERT_NE(at, std::string::npos);
    EXPECT_EQ(sequence.text, whole.substr(0, request.include_stop_string ? at + stop.size() : at));
    EXPECT_EQ(sequence.finish.reason, FinishReason::kStop);
    EXPECT_EQ(sequence.finish.stop_string, stop);
    // The shortest beginning whose text holds the stop string; nothing after it is reported.
    size_t count = 0;
    std::string text;
    Detokenizer detokenizer(engine->tokenizer(), /*skip_special=*/true);
    while (count < all.size() && text.find(stop) == std::string::npos) {
      detokenizer.Append(all[count++], text);
    }
    EXPECT_EQ(sequence.ids, std::vector<TokenId>(all.begin(), all.begin() + count));
    EXPECT_EQ(sequence.logprobs.size(), count);
    EXPECT_EQ(answer.done.usage.generated_tokens, std::ssize(sequence.ids));
    ++stopped;
  }
  EXPECT_GT(stopped, 50);
  EXPECT_TRUE(Eventually([&] { return engine->Stats().running_requests == 0; }));
  ExpectAllFree(*engine);
  EXPECT_EQ(setup.control->wrong_reads, 0);
}

TEST(EngineGenerateTest, StopIdsEndWithoutTheirText) {
  EngineSetup setup;
  const auto engine = setup.Make();
  GenerationRequest request = TokenRequest({2, 3}, 60);
  request.ignore_eos = true;
  const std::vector<TokenId> all =
      FakeGeneration({2, 3}, 0, ExpectedSampling(request, engine->model()), engine->model());
  request.stop_token_ids = {all[10]};
  const auto first = std::find(all.begin(), all.end(), all[10]);
  const Answer answer = ReadAll(*MustGenerate(*engine, request));
  const Answer::Sequence& sequence = answer.sequences[0];
  EXPECT_EQ(sequence.ids, std::vector<TokenId>(all.begin(), first + 1));
  EXPECT_EQ(sequence.text, engine->tokenizer().Decode(std::vector<TokenId>(all.begin(), first),
                                                      /*skip_special=*/true));
  EXPECT_EQ(sequence.finish.reason, FinishReason::kStop);
  EXPECT_EQ(sequence.finish.stop_token, all[10]);
}

TEST(EngineGenerateTest, TextPrompts) {
  EngineSetup setup;
  const auto engine = setup.Make();
  GenerationRequest request;
  request.prompt = TextPrompt{.text = "abc </s>", .parse_special_tokens = true};
  request.max_tokens = 3;
  const Answer answer = ReadAll(*MustGenerate(*engine, request));
  ASSERT_TRUE(answer.done.status.ok()) << answer.done.status;
  std::vector<TokenId> expected;
  ASSERT_TRUE(engine->tokenizer()
                  .Encode("abc </s>", {.add_special = true, .parse_special = true}, expected)
                  .ok());
  EXPECT_EQ(answer.prompt->token_ids, expected);
  EXPECT_EQ(expected.back(), kFakeEos);
}

TEST(EngineGenerateTest, ChatPrompts) {
  EngineSetup setup;
  absl::StatusOr<ChatTemplate> chat_template = ChatTemplate::Compile(
      "{{ bos_token }}{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}"
      "{% if add_generation_prompt %}a{% endif %}");
  ASSERT_TRUE(chat_template.ok()) << chat_template.status();
  setup.chat_template = std::make_shared<const ChatTemplate>(*std::move(chat_template));
  const auto engine = setup.Make();
  const ChatPrompt chat{.messages = {{{"role", "user"}, {"content", "abc"}}}};
  const auto rendered = engine->RenderChat(chat);
  ASSERT_TRUE(rendered.ok()) << rendered.status();
  EXPECT_EQ(rendered->text, "<s>abc</s>a");
  GenerationRequest request;
  request.prompt = chat;
  request.max_tokens = 3;
  const Answer answer = ReadAll(*MustGenerate(*engine, request));
  ASSERT_TRUE(answer.done.status.ok()) << answer.done.status;
  EXPECT_EQ(answer.prompt->token_ids.front(), kFakeBos);
  EXPECT_EQ(answer.prompt->token_ids[answer.prompt->token_ids.size() - 2], kFakeEos);
}

TEST(EngineGenerateTest, AFailingTemplateIsTheClientsError) {
  EngineSetup setup;
  absl::StatusOr<ChatTemplate> chat_template =
      ChatTemplate::Compile("{{ raise_exception('roles must alternate') }}");
  ASSERT_TRUE(chat_template.ok()) << chat_template.status();
  setup.chat_template = std::make_shared<const ChatTemplate>(*std::move(chat_template));
  const auto engine = setup.Make();
  GenerationRequest request;
  request.prompt = ChatPrompt{.messages = {{{"role", "user"}, {"content", "abc"}}}};
  const Answer answer = ReadAll(*MustGenerate(*engine, request));
  EXPECT_EQ(ReasonOf(answer.done.status), Reason::kTemplateFailed);
  EXPECT_THAT(std::string(answer.done.status.message()),
              ::testing::HasSubstr("roles must alternate"));
}

}  // namespace
}  // namespace skep::engine
