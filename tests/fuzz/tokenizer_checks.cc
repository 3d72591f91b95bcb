#include "tests/fuzz/tokenizer_checks.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/tokenizer/detokenizer.h"
#include "engine/tokenizer/tokenizer_json.h"
#include "engine/tokenizer/unicode.h"
#include "engine/tokenizer/write_json.h"
#include "tests/fuzz/require.h"

namespace skep::fuzz {
namespace {

using engine::EncodeOptions;
using engine::TextSpan;
using engine::Tokenizer;
using engine::tokenizer::Pipeline;
using Ids = std::vector<TokenId>;

// False: a pattern ran into its limit, or the vocabulary cannot express the text.
bool Encode(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options,
            Ids& ids) {
  const absl::Status status = tokenizer.Encode(text, options, ids);
  Require(status.ok() || absl::IsInvalidArgument(status) || absl::IsResourceExhausted(status),
          "a text is refused as an invalid argument, or for its cost");
  return status.ok();
}

void CheckDecoding(const Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  const std::string whole = tokenizer.Decode(ids, skip_special);
  Require(engine::tokenizer::IsValidUtf8(whole), "what is decoded is UTF-8");
  engine::Detokenizer detokenizer(tokenizer, skip_special);
  std::string streamed, part;
  for (TokenId id : ids) {
    part.clear();
    detokenizer.Append(id, part);
    Require(engine::tokenizer::IsValidUtf8(part), "a stream shows whole characters");
    Require(detokenizer.held_bytes() <= 3, "at most a part of one character is held back");
    streamed += part;
  }
  detokenizer.Flush(streamed);
  Require(streamed == whole, "a stream shows what Decode gives");
}

void CheckIds(const Tokenizer& tokenizer, const Ids& ids) {
  for (TokenId id : ids) {
    Require(id >= 0 && id < tokenizer.vocab_size(), "an id is below the vocabulary's size");
    Require(tokenizer.pipeline().vocabulary.Contains(id), "an id has a piece");
  }
}

// Text that the vocabulary cannot express becomes its unknown token, which may be special.
void RequireNoSpecial(const Tokenizer& tokenizer, const Ids& ids) {
  const engine::tokenizer::Vocabulary& vocabulary = tokenizer.pipeline().vocabulary;
  for (TokenId id : ids) {
    // A vocabulary may have the unknown token twice.
    const bool unknown = tokenizer.unk_id().has_value() &&
                         vocabulary.text(id) == vocabulary.text(*tokenizer.unk_id());
    Require(!tokenizer.IsSpecial(id) || unknown,
            "a text that is no more than text has no special tokens");
  }
}

// A tokenizer.json is UTF-8.
bool IsExpressible(const Tokenizer& tokenizer) {
  const engine::tokenizer::Vocabulary& vocabulary = tokenizer.pipeline().vocabulary;
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    if (!engine::tokenizer::IsValidUtf8(vocabulary.text(id))) return false;
  }
  return true;
}

// Texts that a tokenizer's own tokens make.
std::string TokensOf(const Tokenizer& tokenizer) {
  constexpr size_t kMaxTokens = 12, kMaxBytes = 400;
  std::string text;
  size_t tokens = 0;
  for (const auto& added : tokenizer.pipeline().added_tokens) {
    if (++tokens > kMaxTokens || text.size() > kMaxBytes) break;
    text += added.content.substr(0, kMaxBytes) + (tokens % 2 == 0 ? " " : "");
  }
  tokens = 0;
  for (TokenId id = 0; id < tokenizer.vocab_size() && text.size() < 2 * kMaxBytes; ++id) {
    if (tokenizer.TokenText(id).empty()) continue;
    if (++tokens > kMaxTokens) break;
    text += tokenizer.TokenText(id).substr(0, kMaxBytes);
  }
  return text;
}

}  // namespace

void CheckText(const Tokenizer& tokenizer, std::string_view text) {
  Ids ids, again;
  for (bool add_special : {false, true}) {
    for (bool parse_special : {false, true}) {
      const EncodeOptions options = {.add_special = add_special, .parse_special = parse_special};
      const bool encoded = Encode(tokenizer, text, options, ids);
      if (!encoded) continue;
      CheckIds(tokenizer, ids);
      if (!add_special && !parse_special) RequireNoSpecial(tokenizer, ids);
      Require(Encode(tokenizer, text, options, again) && again == ids,
              "a text gives the same ids each time");
      CheckDecoding(tokenizer, ids, /*skip_special=*/false);
      CheckDecoding(tokenizer, ids, /*skip_special=*/true);
    }
  }
  const TextSpan all = {0, text.size()};
  EncodeOptions options = {.add_special = false, .parse_special = true};
  if (!text.empty()) options.literal_spans = absl::MakeConstSpan(&all, 1);
  if (Encode(tokenizer, text, options, ids)) RequireNoSpecial(tokenizer, ids);
  for (TokenId id : {TokenId{-1}, TokenId{0}, static_cast<TokenId>(tokenizer.vocab_size())}) {
    (void)tokenizer.TokenBytes(id);
    (void)tokenizer.TokenText(id);
  }
}

void CheckWrittenJson(const Tokenizer& tokenizer, std::string_view text) {
  if (!IsExpressible(tokenizer)) return;
  const auto written = engine::WriteTokenizerJson(tokenizer);
  if (!written.ok()) {
    Require(absl::IsUnimplemented(written.status()), "what cannot be written is not implemented");
    return;
  }
  auto loaded = engine::tokenizer::ReadTokenizerJson(*written, {});
  Require(loaded.ok(), "what is written can be read");
  // What another format says need not have an equal: a piece of a GGUF file that is there, but of
  // no use, is one of use in a tokenizer.json.
  if (tokenizer.pipeline().source != "tokenizer.json") return;
  const Tokenizer second(*std::move(loaded));
  Ids ids, other;
  const EncodeOptions options = {.add_special = true, .parse_special = true};
  const bool encoded = Encode(tokenizer, text, options, ids);
  Require(Encode(second, text, options, other) == encoded && other == ids,
          "the tokenizer that was written gives the same ids");
  if (!encoded) return;
  for (bool skip_special : {false, true}) {
    Require(second.Decode(ids, skip_special) == tokenizer.Decode(ids, skip_special),
            "and the same text");
  }
}

void CheckLoaded(absl::StatusOr<std::unique_ptr<Pipeline>> loaded) {
  if (!loaded.ok()) {
    Require(absl::IsInvalidArgument(loaded.status()) || absl::IsUnimplemented(loaded.status()) ||
                absl::IsResourceExhausted(loaded.status()),
            "a file is refused for what is in it");
    Require(!loaded.status().message().empty(), "with a reason");
    return;
  }
  const Tokenizer tokenizer(*std::move(loaded));
  const std::string own = TokensOf(tokenizer);
  CheckText(tokenizer, "");
  CheckText(tokenizer,
            "Hello  world, 12345\n\t it's \u00E9e\u0301 \u4E16\u754C \U0001F41D\xC3 \xFF");
  CheckText(tokenizer, own);
  if (engine::tokenizer::IsValidUtf8(own))
    CheckWrittenJson(tokenizer, "Hello, it's \u00E9 42" + own);
}

}  // namespace skep::fuzz
