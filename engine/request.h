// What a front end asks for, whichever it is (gRPC, the command line, later HTTP): to generate, or
// to embed.
#ifndef SKEP_ENGINE_REQUEST_H_
#define SKEP_ENGINE_REQUEST_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "scheduler/types.h"

namespace skep::engine {

// Any bytes; what is no UTF-8 is tokenised byte by byte where the vocabulary can.
struct TextPrompt {
  std::string text;
  bool add_special_tokens = true;     // begin-of-sequence and the like, as the model wants them
  bool parse_special_tokens = false;  // whether "<|im_end|>" in the text is the special token
};

struct TokenPrompt {
  std::vector<TokenId> ids;
};

// Messages as in the OpenAI chat API: [{"role": ..., "content": ..., "tool_calls": ...}, ...].
// NOLINTNEXTLINE(bugprone-exception-escape): JSON of nothing does not throw.
struct ChatPrompt {
  nlohmann::ordered_json messages;
  nlohmann::ordered_json tools;               // null: none
  nlohmann::ordered_json template_arguments;  // object of further template variables, or null
  bool add_generation_prompt = true;
  bool continue_final_message = false;
  // Whether "<|im_end|>" in a message is the special token; off, only the template writes such.
  bool parse_special_tokens = false;
};

using Prompt = std::variant<TextPrompt, TokenPrompt, ChatPrompt>;

// Whether an answer is taken apart into content, reasoning and tool calls.
enum class AnswerParsing {
  kAuto,  // that of a chat is, by the model's output format
  kOff,   // all of it is text
};

// Unset optional fields take the model's own default (generation_config.json), then Skep's.
struct GenerationRequest {
  std::string request_id;  // the client's name for it; made up when empty
  Prompt prompt;
  int64_t truncate_prompt_tokens = 0;  // > 0: keep only the last that many

  std::optional<float> temperature;
  std::optional<int32_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> typical_p;
  std::optional<float> repetition_penalty;
  std::optional<float> presence_penalty;
  std::optional<float> frequency_penalty;
  std::vector<std::pair<TokenId, float>> logit_bias;
  std::vector<TokenId> allowed_token_ids;
  std::vector<TokenId> bad_token_ids;
  std::optional<uint64_t> seed;  // unset: a fresh random one
  int32_t n = 1;

  std::optional<int32_t> max_tokens;  // unset: what the context and the cache leave
  int32_t min_tokens = 0;
  bool ignore_eos = false;
  std::vector<std::string> stop_strings;
  std::vector<TokenId> stop_token_ids;
  bool include_stop_string = false;  // whether the text ends with the stop string that was found
  bool skip_special_tokens = true;   // in the text that is returned
  AnswerParsing parsing = AnswerParsing::kAuto;

  std::optional<int32_t> logprobs;         // k >= 0: chosen token's and the k most likely ones'
  std::optional<int32_t> prompt_logprobs;  // the same for the prompt

  int32_t priority = 0;  // lower runs first
  absl::Time deadline = absl::InfiniteFuture();
  std::string tenant;  // from credentials, never from the message: salts the prefix cache
  bool bypass_prefix_cache = false;
};

// What becomes of an input that is longer than the model can read.
enum class Truncation {
  kNone,   // it is refused
  kEnd,    // its last tokens are left out, special ones included
  kStart,  // its first ones are
};

// Asks for one vector for each input: its hidden states after the model's final norm, pooled.
struct EmbeddingRequest {
  std::string request_id;  // as in GenerationRequest
  std::vector<Prompt> inputs;
  std::optional<Pooling> pooling;     // unset: ModelInfo::embedding_defaults
  std::optional<int32_t> dimensions;  // keep the first so many values; unset: all
  // To the length 1, once the dimensions are chosen. Unset: ModelInfo::embedding_defaults.
  std::optional<bool> normalize;
  Truncation truncation = Truncation::kNone;

  int32_t priority = 0;
  absl::Time deadline = absl::InfiniteFuture();
  std::string tenant;
  bool bypass_prefix_cache = false;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_REQUEST_H_
