#include "engine/tokenizer/detokenizer.h"

#include <utility>

#include "engine/tokenizer/unicode.h"

namespace skep::engine {

Detokenizer::Detokenizer(const Tokenizer& tokenizer, bool skip_special, bool continues_text)
    : tokenizer_(&tokenizer),
      skip_special_(skip_special),
      started_(continues_text),
      spaces_to_drop_(continues_text ? 0 : tokenizer.LeadingSpacesToDrop()) {}

void Detokenizer::Append(TokenId id, std::string& out) {
  if (skip_special_ && tokenizer_->IsSpecial(id)) return;
  if (tokenizer_->TokenText(id).empty()) return;
  const std::string bytes = started_ ? tokenizer_->TokenBytes(id) : tokenizer_->FirstTokenBytes(id);
  started_ = true;
  std::string_view rest = bytes;
  while (spaces_to_drop_ > 0 && !rest.empty()) {
    if (rest[0] != ' ') {
      spaces_to_drop_ = 0;
      break;
    }
    rest.remove_prefix(1);
    --spaces_to_drop_;
  }
  held_.append(rest);
  const size_t consumed = tokenizer::AppendValidUtf8(held_, /*keep_incomplete=*/true, out);
  held_.erase(0, consumed);
}

void Detokenizer::Flush(std::string& out) {
  tokenizer::AppendValidUtf8(held_, /*keep_incomplete=*/false, out);
  held_.clear();
}

}  // namespace skep::engine
