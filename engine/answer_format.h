// What the engine must know to take answers apart: the model's output format, met with its tokens.
#ifndef SKEP_ENGINE_ANSWER_FORMAT_H_
#define SKEP_ENGINE_ANSWER_FORMAT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "engine/output_format/output_format.h"
#include "engine/output_format/tool_schemas.h"
#include "engine/tokenizer/tokenizer.h"
#include "scheduler/types.h"

namespace skep::engine {

// What a chat's prompt says of its answer.
struct AnswerContext {
  ToolSchemas tools;
  std::string prompt_end;  // OutputParser::Continue
};

// Immutable.
class AnswerFormat final {
 public:
  AnswerFormat(OutputFormat format, const Tokenizer& tokenizer);

  const OutputFormat& format() const { return format_; }

  // Special tokens that are markers or parts of them: the parser must see their text, which is
  // otherwise left out.
  const absl::flat_hash_set<TokenId>& marker_tokens() const { return marker_tokens_; }
  // Their texts. Where they mean nothing, they are left out after all.
  const std::vector<std::string>& marker_texts() const { return marker_texts_; }

 private:
  const OutputFormat format_;
  absl::flat_hash_set<TokenId> marker_tokens_;
  std::vector<std::string> marker_texts_;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_ANSWER_FORMAT_H_
