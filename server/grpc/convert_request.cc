#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/error.h"
#include "server/grpc/convert.h"
#include "server/grpc/json.h"
#include "server/view.h"

namespace skep::server {
namespace {

using engine::ChatPrompt;
using engine::GenerationRequest;
using engine::TextPrompt;
using engine::TokenPrompt;
using nlohmann::ordered_json;

absl::Status Invalid(std::string_view field, std::string_view problem) {
  return engine::MakeError(engine::Reason::kInvalidField,
                           absl::StrCat(View(field), ": ", View(problem)),
                           {.field = std::string(field)});
}

bool IsTokenId(uint32_t id) {
  return id <= static_cast<uint32_t>(std::numeric_limits<TokenId>::max());
}

absl::Status BadId(std::string_view field, uint32_t id) {
  return engine::MakeError(
      engine::Reason::kInvalidField, absl::StrCat(View(field), ": ", id, " is no token id"),
      {.field = std::string(field), .metadata = {{"value", absl::StrCat(id)}}});
}

absl::StatusOr<ordered_json> ToToolCall(const v1::ToolCall& call, std::string_view field) {
  if (call.name().empty()) return Invalid(absl::StrCat(View(field), ".name"), "must not be empty");
  ordered_json function = {{"name", call.name()}, {"arguments", ordered_json::object()}};
  if (call.has_arguments()) {
    absl::StatusOr<ordered_json> arguments =
        ToJson(call.arguments(), absl::StrCat(View(field), ".arguments"));
    if (!arguments.ok()) return arguments.status();
    function["arguments"] = *std::move(arguments);
  }
  ordered_json out = ordered_json::object();
  if (!call.id().empty()) out["id"] = call.id();
  out["type"] = "function";
  out["function"] = std::move(function);
  return out;
}

absl::Status AddContent(const v1::ChatMessage& message, std::string_view field, ordered_json& out) {
  if (message.has_content() && message.parts_size() > 0) {
    return Invalid(absl::StrCat(View(field), ".parts"), "excludes `content`");
  }
  if (message.parts_size() == 0) {
    // A template that reads the content of a call without one gets what OpenAI's API has: null.
    if (message.has_content()) {
      out["content"] = message.content();
    } else {
      out["content"] = nullptr;
    }
    return absl::OkStatus();
  }
  ordered_json parts = ordered_json::array();
  for (int i = 0; i < message.parts_size(); ++i) {
    if (!message.parts(i).has_text()) {
      return Invalid(absl::StrCat(View(field), ".parts[", i, "]"), "needs `text`");
    }
    parts.push_back({{"type", "text"}, {"text", message.parts(i).text()}});
  }
  out["content"] = std::move(parts);
  return absl::OkStatus();
}

absl::Status AddExtra(const v1::ChatMessage& message, std::string_view field, ordered_json& out) {
  if (!message.has_extra()) return absl::OkStatus();
  const std::string name = absl::StrCat(View(field), ".extra");
  absl::StatusOr<ordered_json> extra = ToJson(message.extra(), name);
  if (!extra.ok()) return extra.status();
  for (auto& [key, value] : extra->items()) {
    if (out.contains(key)) return Invalid(name, absl::StrCat("repeats the key '", key, "'"));
    out[key] = std::move(value);
  }
  return absl::OkStatus();
}

absl::StatusOr<ordered_json> ToChatMessage(const v1::ChatMessage& message, std::string_view field) {
  if (message.role().empty())
    return Invalid(absl::StrCat(View(field), ".role"), "must not be empty");
  ordered_json out = {{"role", message.role()}};
  if (absl::Status s = AddContent(message, field, out); !s.ok()) return s;
  if (message.has_reasoning()) out["reasoning_content"] = message.reasoning();
  for (int i = 0; i < message.tool_calls_size(); ++i) {
    absl::StatusOr<ordered_json> call =
        ToToolCall(message.tool_calls(i), absl::StrCat(View(field), ".tool_calls[", i, "]"));
    if (!call.ok()) return call.status();
    out["tool_calls"].push_back(*std::move(call));
  }
  if (message.has_tool_call_id()) out["tool_call_id"] = message.tool_call_id();
  if (message.has_name()) out["name"] = message.name();
  if (absl::Status s = AddExtra(message, field, out); !s.ok()) return s;
  return out;
}

// The oneof `prompt` of a message; `prefix` is what precedes the names of its fields.
template <typename Message>
absl::StatusOr<engine::Prompt> ToPrompt(const Message& message, std::string_view prefix) {
  const auto field = [&](std::string_view name) { return absl::StrCat(View(prefix), View(name)); };
  switch (message.prompt_case()) {
    case Message::kText:
      return ToTextPrompt(message.text(), field("text"));
    case Message::kTokenIds: {
      absl::StatusOr<std::vector<TokenId>> ids =
          ToTokenIds(message.token_ids().ids(), field("token_ids.ids"));
      if (!ids.ok()) return ids.status();
      return TokenPrompt{*std::move(ids)};
    }
    case Message::kChat:
      return ToChatPrompt(message.chat(), field("chat"));
    case Message::PROMPT_NOT_SET:
      break;
  }
  return Invalid(field("prompt"), "one of text, token_ids and chat is required");
}

absl::StatusOr<std::optional<Pooling>> ToPooling(v1::Pooling pooling) {
  switch (pooling) {
    case v1::POOLING_UNSPECIFIED:
      return std::nullopt;
    case v1::POOLING_LAST:
      return Pooling::kLast;
    case v1::POOLING_MEAN:
      return Pooling::kMean;
    case v1::POOLING_CLS:
      return Pooling::kFirst;
    default:
      return Invalid("pooling", absl::StrCat(static_cast<int>(pooling), " is no Pooling"));
  }
}

absl::StatusOr<engine::Truncation> ToTruncation(v1::Truncation truncation) {
  switch (truncation) {
    case v1::TRUNCATION_UNSPECIFIED:
      return engine::Truncation::kNone;
    case v1::TRUNCATION_END:
      return engine::Truncation::kEnd;
    case v1::TRUNCATION_START:
      return engine::Truncation::kStart;
    default:
      return Invalid("truncation", absl::StrCat(static_cast<int>(truncation), " is no Truncation"));
  }
}

absl::Status SetSampling(const v1::SamplingOptions& from, GenerationRequest& to) {
  if (from.has_temperature()) to.temperature = from.temperature();
  if (from.has_top_k()) to.top_k = from.top_k();
  if (from.has_top_p()) to.top_p = from.top_p();
  if (from.has_min_p()) to.min_p = from.min_p();
  if (from.has_typical_p()) to.typical_p = from.typical_p();
  if (from.has_repetition_penalty()) to.repetition_penalty = from.repetition_penalty();
  if (from.has_presence_penalty()) to.presence_penalty = from.presence_penalty();
  if (from.has_frequency_penalty()) to.frequency_penalty = from.frequency_penalty();
  if (from.has_seed()) to.seed = from.seed();
  if (from.has_num_sequences()) to.n = from.num_sequences();
  for (const auto& [id, bias] : from.logit_bias()) {
    if (!IsTokenId(id)) return BadId("sampling.logit_bias", id);
    to.logit_bias.emplace_back(static_cast<TokenId>(id), bias);
  }
  absl::StatusOr<std::vector<TokenId>> allowed =
      ToTokenIds(from.allowed_token_ids(), "sampling.allowed_token_ids");
  if (!allowed.ok()) return allowed.status();
  to.allowed_token_ids = *std::move(allowed);
  absl::StatusOr<std::vector<TokenId>> bad =
      ToTokenIds(from.bad_token_ids(), "sampling.bad_token_ids");
  if (!bad.ok()) return bad.status();
  to.bad_token_ids = *std::move(bad);
  return absl::OkStatus();
}

absl::Status SetStopping(const v1::StoppingOptions& from, GenerationRequest& to) {
  if (from.has_max_tokens()) to.max_tokens = from.max_tokens();
  if (from.has_min_tokens()) to.min_tokens = from.min_tokens();
  to.ignore_eos = from.ignore_eos();
  to.stop_strings.assign(from.stop_strings().begin(), from.stop_strings().end());
  to.include_stop_string = from.include_stop_string();
  absl::StatusOr<std::vector<TokenId>> ids =
      ToTokenIds(from.stop_token_ids(), "stopping.stop_token_ids");
  if (!ids.ok()) return ids.status();
  to.stop_token_ids = *std::move(ids);
  return absl::OkStatus();
}

absl::Status SetResponse(const v1::ResponseOptions& from, GenerationRequest& to) {
  if (from.has_logprobs()) to.logprobs = from.logprobs();
  if (from.has_prompt_logprobs()) to.prompt_logprobs = from.prompt_logprobs();
  if (from.has_skip_special_tokens()) to.skip_special_tokens = from.skip_special_tokens();
  switch (from.parsing()) {
    case v1::ANSWER_PARSING_AUTO:
      to.parsing = engine::AnswerParsing::kAuto;
      return absl::OkStatus();
    case v1::ANSWER_PARSING_OFF:
      to.parsing = engine::AnswerParsing::kOff;
      return absl::OkStatus();
    default:
      return Invalid("response.parsing",
                     absl::StrCat(static_cast<int>(from.parsing()), " is no AnswerParsing"));
  }
}

}  // namespace

absl::StatusOr<std::vector<TokenId>> ToTokenIds(
    const google::protobuf::RepeatedField<uint32_t>& ids, std::string_view field) {
  std::vector<TokenId> out;
  out.reserve(ids.size());
  for (int i = 0; i < ids.size(); ++i) {
    if (!IsTokenId(ids[i])) return BadId(absl::StrCat(View(field), "[", i, "]"), ids[i]);
    out.push_back(static_cast<TokenId>(ids[i]));
  }
  return out;
}

absl::StatusOr<TextPrompt> ToTextPrompt(const v1::TextPrompt& message, std::string_view field) {
  TextPrompt out;
  switch (message.form_case()) {
    case v1::TextPrompt::kText:
      out.text = message.text();
      break;
    case v1::TextPrompt::kRaw:
      out.text = message.raw();
      break;
    case v1::TextPrompt::FORM_NOT_SET:
      return Invalid(field, "needs `text` or `raw`");
  }
  if (message.has_add_special_tokens()) out.add_special_tokens = message.add_special_tokens();
  out.parse_special_tokens = message.parse_special_tokens();
  return out;
}

absl::StatusOr<ChatPrompt> ToChatPrompt(const v1::ChatPrompt& message, std::string_view field) {
  if (message.messages().empty()) {
    return Invalid(absl::StrCat(View(field), ".messages"), "needs at least one message");
  }
  ChatPrompt out;
  out.messages = ordered_json::array();
  for (int i = 0; i < message.messages_size(); ++i) {
    absl::StatusOr<ordered_json> one =
        ToChatMessage(message.messages(i), absl::StrCat(View(field), ".messages[", i, "]"));
    if (!one.ok()) return one.status();
    out.messages.push_back(*std::move(one));
  }
  for (int i = 0; i < message.tools_size(); ++i) {
    absl::StatusOr<ordered_json> tool =
        ToJson(message.tools(i), absl::StrCat(View(field), ".tools[", i, "]"));
    if (!tool.ok()) return tool.status();
    out.tools.push_back(*std::move(tool));
  }
  if (message.has_template_arguments()) {
    absl::StatusOr<ordered_json> arguments =
        ToJson(message.template_arguments(), absl::StrCat(View(field), ".template_arguments"));
    if (!arguments.ok()) return arguments.status();
    out.template_arguments = *std::move(arguments);
  }
  out.continue_final_message = message.continue_final_message();
  out.parse_special_tokens = message.parse_special_tokens();
  out.add_generation_prompt = message.has_add_generation_prompt() ? message.add_generation_prompt()
                                                                  : !out.continue_final_message;
  return out;
}

absl::StatusOr<GenerationRequest> ToRequest(const v1::GenerateRequest& message) {
  GenerationRequest out;
  out.request_id = message.request_id();
  out.truncate_prompt_tokens = message.truncate_prompt_tokens();
  out.priority = message.priority();
  out.bypass_prefix_cache = message.bypass_prefix_cache();
  absl::StatusOr<engine::Prompt> prompt = ToPrompt(message, "");
  if (!prompt.ok()) return prompt.status();
  out.prompt = *std::move(prompt);
  if (absl::Status s = SetSampling(message.sampling(), out); !s.ok()) return s;
  if (absl::Status s = SetStopping(message.stopping(), out); !s.ok()) return s;
  if (absl::Status s = SetResponse(message.response(), out); !s.ok()) return s;
  return out;
}

absl::StatusOr<engine::EmbeddingRequest> ToRequest(const v1::EmbedRequest& message) {
  engine::EmbeddingRequest out;
  out.request_id = message.request_id();
  out.priority = message.priority();
  out.bypass_prefix_cache = message.bypass_prefix_cache();
  if (message.has_normalize()) out.normalize = message.normalize();
  if (message.has_dimensions()) {
    const uint32_t most = std::numeric_limits<int32_t>::max();
    out.dimensions = static_cast<int32_t>(std::min(message.dimensions(), most));
  }
  const absl::StatusOr<std::optional<Pooling>> pooling = ToPooling(message.pooling());
  if (!pooling.ok()) return pooling.status();
  out.pooling = *pooling;
  const absl::StatusOr<engine::Truncation> truncation = ToTruncation(message.truncation());
  if (!truncation.ok()) return truncation.status();
  out.truncation = *truncation;
  for (int i = 0; i < message.inputs_size(); ++i) {
    absl::StatusOr<engine::Prompt> prompt =
        ToPrompt(message.inputs(i), absl::StrCat("inputs[", i, "]."));
    if (!prompt.ok()) return prompt.status();
    out.inputs.push_back(*std::move(prompt));
  }
  return out;
}

}  // namespace skep::server
