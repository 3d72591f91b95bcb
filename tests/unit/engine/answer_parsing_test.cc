// From sampled tokens to content, reasoning and tool calls.
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/answer_format.h"
#include "engine/engine_impl.h"
#include "engine/live_request.h"
#include "engine/request_output.h"
#include "engine/stream.h"
#include "engine/tokenizer/pipeline.h"
#include "engine/tokenizer/tokenizer_json.h"
#include "tests/unit/engine/engine_fixture.h"

namespace skep::engine {
namespace {

using nlohmann::json;

const std::vector<std::string> kSpecial = {"</s>",    "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]",
                                           "[THINK]", "[/THINK]",     "[IMG]"};
constexpr char kFirst = '!', kLast = '~';

// One token for each printable ASCII character and the space, and Mistral's special tokens.
std::shared_ptr<const Tokenizer> MakeTokenizer() {
  json vocab, added = json::array();
  TokenId id = 0;
  for (const std::string& text : kSpecial) {
    added.push_back({{"id", id},
                     {"content", text},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
    vocab[text] = id++;
  }
  for (char c = kFirst; c <= kLast; ++c) vocab[std::string(1, c)] = id++;
  vocab["Ġ"] = id;
  const json file = {
      {"version", "1.0"},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}},
      {"post_processor", nullptr},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", json::array()}}}};
  auto pipeline = tokenizer::ReadTokenizerJson(file.dump(), {.eos_token = "</s>"});
  EXPECT_TRUE(pipeline.ok()) << pipeline.status();
  return std::make_shared<const Tokenizer>(*std::move(pipeline));
}

std::vector<TokenId> Ids(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<TokenId> ids;
  EXPECT_TRUE(tokenizer.Encode(text, {.add_special = false, .parse_special = true}, ids).ok());
  return ids;
}

struct Ending {
  FinishReason reason = FinishReason::kStop;
  bool by_eos = true;
};

class AnswerParsingTest : public ::testing::Test {
 protected:
  // What a reader gets of a sequence of these tokens.
  OutputDelta Answer(std::string_view text, const Ending& ending = {}) {
    LiveRequest live;
    live.id = 7;
    live.sampling.n = 1;
    live.request = request_;
    live.stream = std::make_shared<Stream>(1 << 20, [](StreamSignal) {});
    if (parse_) {
      live.answer_context =
          std::make_unique<const AnswerContext>(AnswerContext{.prompt_end = prompt_end_});
    }
    RequestOutput output(live, *tokenizer_, format_);
    OutputMessage started{.kind = OutputMessage::Kind::kStarted};
    output.Handle(started);
    const std::vector<TokenId> ids = Ids(*tokenizer_, text);
    OutputDelta whole;
    bool stopped = false;
    for (size_t i = 0; i < ids.size() && !stopped; ++i) {
      OutputMessage message{.kind = OutputMessage::Kind::kToken, .token = ids[i]};
      if (i + 1 == ids.size() && !ending.by_eos) message.reason = ending.reason;
      stopped = output.Handle(message).stop.has_value();
      Read(*live.stream, whole);
    }
    if (ending.by_eos && !stopped) {
      OutputMessage eos{.kind = OutputMessage::Kind::kToken,
                        .token = *tokenizer_->Find("</s>"),
                        .reason = FinishReason::kStop,
                        .stop_token = *tokenizer_->Find("</s>")};
      output.Handle(eos);
      Read(*live.stream, whole);
    }
    return whole;
  }

  static void Read(Stream& stream, OutputDelta& whole) {
    ResponseEvent event;
    while (stream.Next(event, nullptr)) {
      if (auto* delta = std::get_if<OutputDelta>(&event)) Append(whole, std::move(*delta));
    }
  }

  const std::shared_ptr<const Tokenizer> tokenizer_ = MakeTokenizer();
  const AnswerFormat format_{*OutputFormat::Choose("mistral", "mistral", ""), *tokenizer_};
  GenerationRequest request_;
  std::string prompt_end_;
  bool parse_ = true;
};

constexpr char kAnswer[] =
    "[THINK]Hm, [IMG]hm.[/THINK]Look: [IMG][TOOL_CALLS]f[ARGS]{\"a\": \"[x\"}";

TEST_F(AnswerParsingTest, SpecialTokensReachTheParserButNotTheText) {
  const OutputDelta answer = Answer(kAnswer);
  EXPECT_EQ(answer.reasoning, "Hm, hm.");
  EXPECT_EQ(answer.text, "Look:");
  ASSERT_EQ(answer.tool_calls.size(), 1u);
  EXPECT_EQ(answer.tool_calls[0].name, "f");
  EXPECT_EQ(answer.tool_calls[0].arguments, "{\"a\": \"[x\"}");
  EXPECT_EQ(answer.tool_calls[0].id.size(), 9u);
  EXPECT_EQ(answer.finish.reason, FinishReason::kStop);
  EXPECT_TRUE(answer.finish.tool_calls);
  EXPECT_EQ(answer.token_ids.size(), Ids(*tokenizer_, kAnswer).size() + 1);
  // A marker that means nothing where it stands.
  EXPECT_EQ(Answer("a[ARGS]b[/THINK]c").text, "abc");
}

TEST_F(AnswerParsingTest, SpecialTokensThatAreAskedForStay) {
  request_.skip_special_tokens = false;
  const OutputDelta answer = Answer(kAnswer);
  EXPECT_EQ(answer.reasoning, "Hm, [IMG]hm.");
  EXPECT_EQ(answer.text, "Look: [IMG]");
  EXPECT_EQ(answer.tool_calls.size(), 1u);
  EXPECT_EQ(Answer("a[ARGS]b").text, "a[ARGS]b");
}

TEST_F(AnswerParsingTest, WithoutParsingTheTextIsTheTokens) {
  parse_ = false;
  for (const bool skip : {true, false}) {
    request_.skip_special_tokens = skip;
    const OutputDelta answer = Answer(kAnswer);
    EXPECT_EQ(answer.text, tokenizer_->Decode(Ids(*tokenizer_, kAnswer), skip));
    EXPECT_EQ(answer.reasoning, "");
    EXPECT_TRUE(answer.tool_calls.empty());
    EXPECT_FALSE(answer.finish.tool_calls);
  }
}

TEST_F(AnswerParsingTest, ACallThatIsCutOffIsText) {
  const std::string cut = "Look: [TOOL_CALLS]f[ARGS]{\"a\": ";
  const OutputDelta answer = Answer(cut, {.reason = FinishReason::kLength, .by_eos = false});
  EXPECT_EQ(answer.text, cut);
  EXPECT_TRUE(answer.tool_calls.empty() || answer.tool_calls[0].discarded);
  EXPECT_EQ(answer.finish.reason, FinishReason::kLength);
  EXPECT_FALSE(answer.finish.tool_calls);
  // A call that is whole does not make the limit an ordinary end.
  const OutputDelta whole =
      Answer("[TOOL_CALLS]f[ARGS]{}", {.reason = FinishReason::kLength, .by_eos = false});
  EXPECT_EQ(whole.tool_calls.size(), 1u);
  EXPECT_FALSE(whole.finish.tool_calls);
}

TEST_F(AnswerParsingTest, ThePromptMayHaveBegunToThink) {
  prompt_end_ = "[/INST][THINK]";
  const OutputDelta answer = Answer("Hm.[/THINK]Yes.");
  EXPECT_EQ(answer.reasoning, "Hm.");
  EXPECT_EQ(answer.text, "Yes.");
}

TEST_F(AnswerParsingTest, StopStringsAreFoundInTheTextThatIsTakenApart) {
  request_.stop_strings = {"hm."};
  const OutputDelta answer = Answer("[THINK]Hm, hm.[/THINK]Yes.");
  EXPECT_EQ(answer.reasoning, "Hm, ");
  EXPECT_EQ(answer.text, "");
  EXPECT_EQ(answer.finish.stop_string, "hm.");
}

TEST(AnswerFormatTest, AnEngineRefusesUnknownFormats) {
  EngineSetup setup;
  setup.options.tool_call_format = "hermess";
  const absl::Status status =
      EngineImpl::Create({.options = setup.options,
                          .runner = std::make_unique<FakeRunner>(setup.model, setup.control),
                          .tokenizer = MakeFakeTokenizer()})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("hermess"), absl::string_view::npos);
  EXPECT_NE(status.message().find("qwen3-coder"), absl::string_view::npos);
}

TEST(AnswerFormatTest, AnEngineTakesTheFormatOfItsTemplate) {
  EngineSetup setup;
  auto compiled = ChatTemplate::Compile("{# <think> <tool_call> #}{{ messages }}");
  ASSERT_TRUE(compiled.ok());
  setup.chat_template = std::make_shared<const ChatTemplate>(*compiled);
  EXPECT_EQ(setup.Make()->output_format().tool_call_name(), "hermes");
  EXPECT_EQ(setup.Make()->output_format().reasoning_name(), "think");
  setup.options.tool_call_format = "none";
  setup.options.reasoning_format = "mistral";
  EXPECT_EQ(setup.Make()->output_format().tool_call_name(), "none");
  EXPECT_EQ(setup.Make()->output_format().reasoning_name(), "mistral");
}

}  // namespace
}  // namespace skep::engine
