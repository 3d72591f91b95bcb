#include "engine/answer_format.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/output_format/output_format.h"
#include "engine/tokenizer/tokenizer.h"
#include "scheduler/types.h"

namespace skep::engine {

AnswerFormat::AnswerFormat(OutputFormat format, const Tokenizer& tokenizer)
    : format_(std::move(format)) {
  const std::vector<std::string_view> literals = format_.Literals();
  if (literals.empty()) return;
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.IsSpecial(id)) continue;
    const std::string_view text = tokenizer.TokenText(id);
    if (text.empty() || std::none_of(literals.begin(), literals.end(), [text](auto literal) {
          return literal.find(text) != std::string_view::npos;
        })) {
      continue;
    }
    marker_tokens_.insert(id);
    marker_texts_.emplace_back(text);
  }
}

}  // namespace skep::engine
