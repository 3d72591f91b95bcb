#include "server/grpc/convert.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/error.h"
#include "server/grpc/json.h"
#include "server/grpc/wire_fields.h"

namespace skep::server {
namespace {

using engine::GenerationRequest;
using nlohmann::ordered_json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

v1::GenerateRequest Message(const std::string& text) {
  v1::GenerateRequest message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

GenerationRequest Request(const std::string& text) {
  absl::StatusOr<GenerationRequest> request = ToRequest(Message(text));
  EXPECT_TRUE(request.ok()) << request.status();
  return request.ok() ? *std::move(request) : GenerationRequest();
}

std::string BadField(const std::string& text) {
  const absl::Status status = ToRequest(Message(text)).status();
  EXPECT_EQ(engine::ReasonOf(status), engine::Reason::kInvalidField) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(engine::DetailsOf(status).field));
  return engine::DetailsOf(status).field;
}

TEST(ToRequestTest, WhatIsUnsetStaysUnset) {
  const GenerationRequest request = Request("text { text: 'hi' }");
  const auto& prompt = std::get<engine::TextPrompt>(request.prompt);
  EXPECT_EQ(prompt.text, "hi");
  EXPECT_TRUE(prompt.add_special_tokens);
  EXPECT_FALSE(prompt.parse_special_tokens);
  EXPECT_FALSE(request.temperature.has_value());
  EXPECT_FALSE(request.top_k.has_value());
  EXPECT_FALSE(request.top_p.has_value());
  EXPECT_FALSE(request.min_p.has_value());
  EXPECT_FALSE(request.typical_p.has_value());
  EXPECT_FALSE(request.repetition_penalty.has_value());
  EXPECT_FALSE(request.presence_penalty.has_value());
  EXPECT_FALSE(request.frequency_penalty.has_value());
  EXPECT_FALSE(request.seed.has_value());
  EXPECT_FALSE(request.max_tokens.has_value());
  EXPECT_FALSE(request.logprobs.has_value());
  EXPECT_FALSE(request.prompt_logprobs.has_value());
  EXPECT_EQ(request.n, 1);
  EXPECT_TRUE(request.skip_special_tokens);
  EXPECT_EQ(request.deadline, absl::InfiniteFuture());
}

v1::EmbedRequest EmbedMessage(const std::string& text) {
  v1::EmbedRequest message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

TEST(ToEmbeddingRequestTest, WhatIsUnsetStaysUnset) {
  const auto request = ToRequest(EmbedMessage("inputs { text { text: 'hi' } }"));
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(std::get<engine::TextPrompt>(request->inputs.at(0)).text, "hi");
  EXPECT_FALSE(request->pooling.has_value());
  EXPECT_FALSE(request->dimensions.has_value());
  EXPECT_FALSE(request->normalize.has_value());
  EXPECT_EQ(request->truncation, engine::Truncation::kNone);
}

TEST(ToEmbeddingRequestTest, EveryFieldArrives) {
  const auto request = ToRequest(EmbedMessage(
      "request_id: 'r' inputs { token_ids { ids: [3, 1] } }"
      "inputs { chat { messages { role: 'user' content: 'x' } add_generation_prompt: false } }"
      "pooling: POOLING_CLS normalize: false dimensions: 0 truncation: TRUNCATION_START"
      " priority: -2 bypass_prefix_cache: true"));
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->request_id, "r");
  EXPECT_THAT(std::get<engine::TokenPrompt>(request->inputs.at(0)).ids, ElementsAre(3, 1));
  EXPECT_FALSE(std::get<engine::ChatPrompt>(request->inputs.at(1)).add_generation_prompt);
  EXPECT_EQ(request->pooling, Pooling::kFirst);
  EXPECT_EQ(request->normalize, false);
  EXPECT_EQ(request->dimensions, 0);
  EXPECT_EQ(request->truncation, engine::Truncation::kStart);
  EXPECT_EQ(request->priority, -2);
  EXPECT_TRUE(request->bypass_prefix_cache);
  const auto with = [](const char* field) {
    return *ToRequest(EmbedMessage(absl::StrCat("inputs { text { raw: 'x' } } ", field)));
  };
  EXPECT_EQ(with("pooling: POOLING_LAST").pooling, Pooling::kLast);
  EXPECT_EQ(with("pooling: POOLING_MEAN").pooling, Pooling::kMean);
  EXPECT_EQ(with("truncation: TRUNCATION_END").truncation, engine::Truncation::kEnd);
  EXPECT_EQ(with("dimensions: 4294967295").dimensions, std::numeric_limits<int32_t>::max());
}

TEST(ToEmbeddingRequestTest, NamesTheFieldThatIsWrong) {
  for (const auto& [text, field] : std::vector<std::pair<const char*, const char*>>{
           {"inputs {}", "inputs[0].prompt"},
           {"inputs { text { text: 'x' } } inputs { text {} }", "inputs[1].text"},
           {"inputs { token_ids { ids: 4294967295 } }", "inputs[0].token_ids.ids[0]"},
           {"inputs { chat {} }", "inputs[0].chat.messages"},
           {"pooling: 9", "pooling"},
           {"truncation: 9", "truncation"}}) {
    const absl::Status status = ToRequest(EmbedMessage(text)).status();
    EXPECT_EQ(engine::ReasonOf(status), engine::Reason::kInvalidField) << text;
    EXPECT_EQ(engine::DetailsOf(status).field, field);
    EXPECT_EQ(WireField(field), field) << "they are the message's own names";
  }
}

TEST(ToRequestTest, ParsingCanBeTurnedOff) {
  EXPECT_EQ(Request("text { text: 'a' }").parsing, engine::AnswerParsing::kAuto);
  EXPECT_EQ(Request("text { text: 'a' } response { parsing: ANSWER_PARSING_OFF }").parsing,
            engine::AnswerParsing::kOff);
  EXPECT_EQ(BadField("text { text: 'a' } response { parsing: 9 }"), "response.parsing");
}

TEST(ToRequestTest, ZeroIsAValue) {
  const GenerationRequest request = Request(
      "text { raw: '\\xff\\x00' add_special_tokens: false parse_special_tokens: true }"
      "sampling { temperature: 0 top_k: 0 top_p: 0 min_p: 0 typical_p: 0 repetition_penalty: 0"
      "           presence_penalty: 0 frequency_penalty: 0 seed: 0 num_sequences: 0 }"
      "stopping { max_tokens: 0 min_tokens: 0 }"
      "response { logprobs: 0 prompt_logprobs: 0 skip_special_tokens: false }");
  const auto& prompt = std::get<engine::TextPrompt>(request.prompt);
  EXPECT_EQ(prompt.text, std::string("\xff\0", 2));
  EXPECT_FALSE(prompt.add_special_tokens);
  EXPECT_TRUE(prompt.parse_special_tokens);
  EXPECT_EQ(request.temperature, 0.0f);
  EXPECT_EQ(request.top_k, 0);
  EXPECT_EQ(request.top_p, 0.0f);
  EXPECT_EQ(request.min_p, 0.0f);
  EXPECT_EQ(request.typical_p, 0.0f);
  EXPECT_EQ(request.repetition_penalty, 0.0f);
  EXPECT_EQ(request.presence_penalty, 0.0f);
  EXPECT_EQ(request.frequency_penalty, 0.0f);
  EXPECT_EQ(request.seed, 0u);
  EXPECT_EQ(request.n, 0);
  EXPECT_EQ(request.max_tokens, 0);
  EXPECT_EQ(request.logprobs, 0);
  EXPECT_EQ(request.prompt_logprobs, 0);
  EXPECT_FALSE(request.skip_special_tokens);
}

TEST(ToRequestTest, EveryFieldArrives) {
  const GenerationRequest request = Request(
      "request_id: 'r' token_ids { ids: [3, 1, 2] } truncate_prompt_tokens: 5 priority: -2"
      " bypass_prefix_cache: true "
      "sampling { temperature: 0.5 top_k: 40 top_p: 0.9 min_p: 0.1 typical_p: 0.8"
      "  repetition_penalty: 1.1 presence_penalty: 0.2 frequency_penalty: -0.3"
      "  logit_bias { key: 7 value: -100 } allowed_token_ids: [7, 8] bad_token_ids: 9"
      "  seed: 18446744073709551615 num_sequences: 3 }"
      "stopping { max_tokens: 10 min_tokens: 2 ignore_eos: true stop_strings: ['a', 'b']"
      "  stop_token_ids: 4 include_stop_string: true }"
      "response { logprobs: 5 prompt_logprobs: 6 }");
  EXPECT_EQ(request.request_id, "r");
  EXPECT_THAT(std::get<engine::TokenPrompt>(request.prompt).ids, ElementsAre(3, 1, 2));
  EXPECT_EQ(request.truncate_prompt_tokens, 5);
  EXPECT_EQ(request.priority, -2);
  EXPECT_TRUE(request.bypass_prefix_cache);
  EXPECT_EQ(request.temperature, 0.5f);
  EXPECT_EQ(request.top_k, 40);
  EXPECT_EQ(request.top_p, 0.9f);
  EXPECT_EQ(request.min_p, 0.1f);
  EXPECT_EQ(request.typical_p, 0.8f);
  EXPECT_EQ(request.repetition_penalty, 1.1f);
  EXPECT_EQ(request.presence_penalty, 0.2f);
  EXPECT_EQ(request.frequency_penalty, -0.3f);
  EXPECT_THAT(request.logit_bias, ElementsAre(Pair(7, -100.0f)));
  EXPECT_THAT(request.allowed_token_ids, ElementsAre(7, 8));
  EXPECT_THAT(request.bad_token_ids, ElementsAre(9));
  EXPECT_EQ(request.seed, std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(request.n, 3);
  EXPECT_EQ(request.max_tokens, 10);
  EXPECT_EQ(request.min_tokens, 2);
  EXPECT_TRUE(request.ignore_eos);
  EXPECT_THAT(request.stop_strings, ElementsAre("a", "b"));
  EXPECT_THAT(request.stop_token_ids, ElementsAre(4));
  EXPECT_TRUE(request.include_stop_string);
  EXPECT_EQ(request.logprobs, 5);
  EXPECT_EQ(request.prompt_logprobs, 6);
}

TEST(ToRequestTest, ChatMessagesAreAsInOpenAisApi) {
  const GenerationRequest request = Request(R"pb(
    chat {
      messages { role: "user" content: "hi" name: "ann" }
      messages {
        role: "assistant"
        reasoning: "hm"
        tool_calls {
          id: "c1"
          name: "add"
          arguments { text: '{"z": 1, "a": 2.5}' }
        }
      }
      messages {
        role: "tool"
        tool_call_id: "c1"
        parts { text: "3" }
        parts { text: ".5" }
      }
      messages {
        role: "user"
        content: ""
        extra { text: '{"cache": true}' }
      }
      tools { text: '{"type": "function", "b": 9007199254740993}' }
      tools {
        value {
          fields {
            key: "type"
            value { string_value: "function" }
          }
          fields {
            key: "list"
            value {
              list_value {
                values { number_value: 3 }
                values { bool_value: true }
                values { null_value: NULL_VALUE }
              }
            }
          }
        }
      }
      template_arguments { text: '{"enable_thinking": false}' }
    })pb");
  const auto& chat = std::get<engine::ChatPrompt>(request.prompt);
  EXPECT_EQ(chat.messages.dump(),
            R"([{"role":"user","content":"hi","name":"ann"},)"
            R"({"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":)"
            R"([{"id":"c1","type":"function","function":{"name":"add",)"
            R"("arguments":{"z":1,"a":2.5}}}]},)"
            R"({"role":"tool","content":[{"type":"text","text":"3"},{"type":"text","text":".5"}],)"
            R"("tool_call_id":"c1"},)"
            R"({"role":"user","content":"","cache":true}])");
  EXPECT_EQ(chat.tools.dump(), R"([{"type":"function","b":9007199254740993},)"
                               R"({"list":[3,true,null],"type":"function"}])");
  EXPECT_EQ(chat.template_arguments.dump(), R"({"enable_thinking":false})");
  EXPECT_TRUE(chat.add_generation_prompt);
  EXPECT_FALSE(chat.continue_final_message);
}

TEST(ToRequestTest, ContinuingExcludesTheGenerationPromptByDefault) {
  const auto chat = std::get<engine::ChatPrompt>(
      Request("chat { messages { role: 'a' content: 'x' } continue_final_message: true }").prompt);
  EXPECT_TRUE(chat.continue_final_message);
  EXPECT_FALSE(chat.parse_special_tokens);
  EXPECT_TRUE(
      std::get<engine::ChatPrompt>(
          Request("chat { messages { role: 'a' content: 'x' } parse_special_tokens: true }").prompt)
          .parse_special_tokens);
  EXPECT_FALSE(chat.add_generation_prompt);
}

TEST(ToRequestTest, WhatCannotBeRepresentedNamesItsField) {
  EXPECT_EQ(BadField(""), "prompt");
  EXPECT_EQ(BadField("text {}"), "text");
  EXPECT_EQ(BadField("token_ids { ids: [1, 2147483648] }"), "token_ids.ids[1]");
  EXPECT_EQ(BadField("text { text: 'a' } stopping { stop_token_ids: 4294967295 }"),
            "stopping.stop_token_ids[0]");
  EXPECT_EQ(BadField("text { text: 'a' } sampling { bad_token_ids: 4294967295 }"),
            "sampling.bad_token_ids[0]");
  EXPECT_EQ(BadField("text { text: 'a' } sampling { allowed_token_ids: 4294967295 }"),
            "sampling.allowed_token_ids[0]");
  EXPECT_EQ(BadField("text { text: 'a' } sampling { logit_bias { key: 4294967295 value: 1 } }"),
            "sampling.logit_bias");
  EXPECT_EQ(BadField("chat {}"), "chat.messages");
  EXPECT_EQ(BadField("chat { messages { content: 'x' } }"), "chat.messages[0].role");
  EXPECT_EQ(BadField("chat { messages { role: 'u' content: 'x' parts { text: 'y' } } }"),
            "chat.messages[0].parts");
  EXPECT_EQ(BadField("chat { messages { role: 'u' parts {} } }"), "chat.messages[0].parts[0]");
  EXPECT_EQ(BadField("chat { messages { role: 'u' tool_calls {} } }"),
            "chat.messages[0].tool_calls[0].name");
  EXPECT_EQ(BadField("chat { messages { role: 'u' extra { text: '{\"role\": 1}' } } }"),
            "chat.messages[0].extra");
  EXPECT_EQ(BadField("chat { messages { role: 'u' } tools {} }"), "chat.tools[0]");
  EXPECT_EQ(BadField("chat { messages { role: 'u' } tools { text: '[1]' } }"),
            "chat.tools[0].text");
  EXPECT_EQ(BadField("chat { messages { role: 'u' } template_arguments { text: '{' } }"),
            "chat.template_arguments.text");
  EXPECT_EQ(BadField("chat { messages { role: 'u' } tools { value { fields { key: 'x' value {"
                     " number_value: nan } } } } }"),
            "chat.tools[0].value");
}

TEST(JsonTest, DepthIsLimitedInBothForms) {
  v1::JsonObject text;
  text.set_text("{\"a\":" + std::string(60, '[') + std::string(60, ']') + "}");
  EXPECT_TRUE(ToJson(text, "f").ok());
  text.set_text("{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}");
  EXPECT_THAT(std::string(ToJson(text, "f").status().message()), HasSubstr("levels deep"));

  v1::JsonObject value;
  google::protobuf::Struct* object = value.mutable_value();
  for (int i = 0; i < 200; ++i) object = (*object->mutable_fields())["a"].mutable_struct_value();
  EXPECT_THAT(std::string(ToJson(value, "f").status().message()), HasSubstr("levels deep"));
}

// Adding a key costs a look at all keys before it: without a limit one message keeps a thread busy
// for hours.
TEST(JsonTest, KeysOfOneObjectAreLimitedInBothForms) {
  const auto text_of = [](int keys) {
    std::vector<std::string> fields;
    for (int i = 0; i < keys; ++i) fields.push_back(absl::StrCat("\"k", i, "\":{\"a\":1}"));
    return absl::StrCat("{\"o\":[{", absl::StrJoin(fields, ","), "}, {\"b\":2}]}");
  };
  v1::JsonObject text;
  text.set_text(text_of(kMaxJsonKeys));
  const absl::StatusOr<ordered_json> most = ToJson(text, "f");
  ASSERT_TRUE(most.ok()) << most.status();
  EXPECT_EQ((*most)["o"][0].size(), kMaxJsonKeys);
  text.set_text(text_of(kMaxJsonKeys + 1));
  EXPECT_THAT(std::string(ToJson(text, "f").status().message()), HasSubstr("keys"));
  text.set_text(text_of(1'000'000));
  EXPECT_THAT(std::string(ToJson(text, "f").status().message()), HasSubstr("keys"));

  v1::JsonObject value;
  auto& fields = *value.mutable_value()->mutable_fields();
  for (int i = 0; i < kMaxJsonKeys; ++i) fields[absl::StrCat("k", i)].set_number_value(i);
  EXPECT_TRUE(ToJson(value, "f").ok());
  fields["one more"].set_number_value(0);
  EXPECT_THAT(std::string(ToJson(value, "f").status().message()), HasSubstr("keys"));
}

// Nor may each element cost a look at those before it: five million of them fit in a message.
TEST(JsonTest, LongArraysAreParsedInLinearTime) {
  std::string elements = "{}";
  for (int i = 0; i < 300'000; ++i) elements += ",{}";
  v1::JsonObject text;
  text.set_text(absl::StrCat("{\"a\":[", elements, "]}"));
  const absl::StatusOr<ordered_json> parsed = ToJson(text, "f");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ((*parsed)["a"].size(), 300'001);
}

// Every field of the engine that Validate can name has a place on the wire.
TEST(WireFieldTest, NamesExistInTheMessages) {
  for (const char* name : {"temperature",
                           "top_k",
                           "top_p",
                           "min_p",
                           "typical_p",
                           "repetition_penalty",
                           "presence_penalty",
                           "frequency_penalty",
                           "logit_bias",
                           "allowed_token_ids",
                           "bad_token_ids",
                           "seed",
                           "n",
                           "max_tokens",
                           "min_tokens",
                           "ignore_eos",
                           "stop_strings",
                           "stop_token_ids",
                           "include_stop_string",
                           "skip_special_tokens",
                           "logprobs",
                           "prompt_logprobs",
                           "truncate_prompt_tokens",
                           "priority",
                           "request_id",
                           "prompt.messages",
                           "prompt.tools",
                           "prompt.token_ids",
                           "prompt.template_arguments"}) {
    const google::protobuf::Descriptor* message = v1::GenerateRequest::descriptor();
    std::string path = WireField(name);
    while (true) {
      const size_t dot = path.find('.');
      const auto* field = message->FindFieldByName(path.substr(0, dot));
      ASSERT_NE(field, nullptr) << name << " -> " << WireField(name);
      if (dot == std::string::npos) break;
      message = field->message_type();
      path = path.substr(dot + 1);
    }
  }
  EXPECT_EQ(WireField("stop_strings[2]"), "stopping.stop_strings[2]");
  EXPECT_EQ(WireField("prompt.messages[1].role"), "chat.messages[1].role");
  EXPECT_EQ(WireField("no_such_field"), "no_such_field");
  EXPECT_EQ(WireField("inputs"), "inputs");
  EXPECT_EQ(WireField("inputs[12]"), "inputs[12]");
  EXPECT_EQ(WireField("inputs[12].token_ids[3]"), "inputs[12].token_ids.ids[3]");
  EXPECT_EQ(WireField("inputs[12].messages[1]"), "inputs[12].chat.messages[1]");
}

}  // namespace
}  // namespace skep::server
