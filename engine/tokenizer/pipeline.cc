#include "engine/tokenizer/pipeline.h"

#include <algorithm>
#include <set>
#include <utility>

namespace skep::engine::tokenizer {
namespace {

// What released models call the token after which they stop.
constexpr std::string_view kEndNames[] = {
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<|eot|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "<turn|>",
    "<|tool_response>",
    "</s>",
    "<eos>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|EOT|>",
    "[e~[",
    "<｜end▁of▁sentence｜>",
};

}  // namespace

bool IsEndOfGenerationName(std::string_view text) {
  return std::find(std::begin(kEndNames), std::end(kEndNames), text) != std::end(kEndNames);
}

absl::Status Pipeline::AddToken(const AddedToken& token) {
  added_tokens.push_back(token);
  if (!token.normalized) {
    added_in_raw_text.Add(token, token.content);
    return absl::OkStatus();
  }
  std::string content = token.content;
  if (absl::Status status = normalizer.Apply(content); !status.ok()) return status;
  added_in_normalized_text.Add(token, content);
  if (content != token.content) {
    decoder.normalized_texts.insert_or_assign(token.id, std::move(content));
  }
  return absl::OkStatus();
}

void FindEndOfGeneration(const std::vector<TokenId>& more, Pipeline& pipeline) {
  const Vocabulary& vocabulary = pipeline.vocabulary;
  std::set<TokenId> ids;
  for (std::string_view name : kEndNames) {
    const auto id = vocabulary.Find(name);
    if (!id) continue;
    // Where it is text, this is HTML (Qwen, Gemma 4).
    if (name == "</s>" && (vocabulary.flags(*id) & kSpecial) == 0) continue;
    ids.insert(*id);
  }
  // Where a message ends with <|return|> or <|call|>, <|end|> only ends a part of it (gpt-oss).
  const bool has_call = vocabulary.Find("<|call|>") || vocabulary.Find("<|calls|>");
  const bool has_last = vocabulary.Find("<|return|>") || vocabulary.Find("<|flush|>");
  if (const auto end = vocabulary.Find("<|end|>"); end && has_call && has_last) ids.erase(*end);
  if (pipeline.special_ids.eos) ids.insert(*pipeline.special_ids.eos);
  for (TokenId id : more) {
    if (vocabulary.Contains(id)) ids.insert(id);
  }
  pipeline.special_ids.end_of_generation.assign(ids.begin(), ids.end());
}

}  // namespace skep::engine::tokenizer
