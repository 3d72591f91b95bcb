#include "engine/tokenizer/detokenizer.h"

#include "engine/tokenizer/pipeline.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine {

Detokenizer::Detokenizer(const Tokenizer& tokenizer, bool skip_special, bool continues_text,
                         const absl::flat_hash_set<TokenId>* shown)
    : tokenizer_(&tokenizer),
      skip_special_(skip_special),
      shown_(shown),
      stream_(tokenizer.pipeline().decoder, tokenizer.pipeline().vocabulary, continues_text) {}

void Detokenizer::Append(TokenId id, std::string& out) {
  if (skip_special_ && tokenizer_->IsSpecial(id) && (shown_ == nullptr || !shown_->contains(id))) {
    return;
  }
  stream_.Push(id, held_);
  const size_t consumed = tokenizer::AppendValidUtf8(held_, /*keep_incomplete=*/true, out);
  held_.erase(0, consumed);
}

void Detokenizer::Flush(std::string& out) {
  stream_.Flush(held_);
  tokenizer::AppendValidUtf8(held_, /*keep_incomplete=*/false, out);
  held_.clear();
}

}  // namespace skep::engine
