#include "engine/tokenizer/rwkv_vocabulary.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "engine/tokenizer/byte_alphabet.h"
#include "engine/tokenizer/greedy_trie.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

// As RWKV's own code calls id 0 where it needs a name.
constexpr std::string_view kEndOfText = "<|rwkv_tokenizer_end_of_text|>";

std::optional<char32_t> ReadHex(std::string_view text, size_t pos, size_t digits) {
  if (text.size() - pos < digits) return std::nullopt;
  char32_t value = 0;
  for (char c : text.substr(pos, digits)) {
    int digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else {
      return std::nullopt;
    }
    value = value << 4 | static_cast<char32_t>(digit);
  }
  return value;
}

// Reads what follows a backslash; moves `pos` behind it.
bool ReadEscape(std::string_view text, size_t& pos, bool is_bytes, std::string& out) {
  if (pos == text.size()) return false;
  const char kind = text[pos++];
  size_t digits = 0;
  switch (kind) {
    case 't':
      out.push_back('\t');
      return true;
    case 'n':
      out.push_back('\n');
      return true;
    case 'r':
      out.push_back('\r');
      return true;
    case '\\':
    case '\'':
    case '"':
      out.push_back(kind);
      return true;
    case 'x':
      digits = 2;
      break;
    case 'u':
      digits = is_bytes ? 0 : 4;
      break;
    case 'U':
      digits = is_bytes ? 0 : 8;
      break;
    default:
      return false;
  }
  if (digits == 0) return false;
  const std::optional<char32_t> value = ReadHex(text, pos, digits);
  if (!value || *value > 0x10FFFF || (*value >= 0xD800 && *value < 0xE000)) return false;
  pos += digits;
  if (is_bytes) {
    out.push_back(static_cast<char>(*value));
  } else {
    AppendUtf8(*value, out);
  }
  return true;
}

absl::StatusOr<RwkvPiece> ParseLine(std::string_view line, size_t number) {
  const auto error = [&](std::string_view what) {
    return absl::InvalidArgumentError(
        Concat("line ", number, " of the RWKV vocabulary ('", line.substr(0, 60), "'): ", what));
  };
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  RwkvPiece piece;
  size_t length = 0;
  if (first == std::string_view::npos || first == last ||
      !absl::SimpleAtoi(View(line.substr(0, first)), &piece.id) || piece.id < 0 ||
      !absl::SimpleAtoi(View(line.substr(last + 1)), &length)) {
    return error("wanted: ID 'piece' LENGTH");
  }
  std::string_view literal = line.substr(first + 1, last - first - 1);
  const bool is_bytes = literal.starts_with('b');
  if (is_bytes) literal.remove_prefix(1);
  if (literal.size() < 2 || (literal.front() != '\'' && literal.front() != '"') ||
      literal.back() != literal.front()) {
    return error("the piece is not quoted");
  }
  auto bytes = UnescapePython(literal.substr(1, literal.size() - 2), is_bytes);
  if (!bytes) return error("the piece has a broken escape");
  if (bytes->size() != length) {
    return error(Concat("the piece has ", bytes->size(), " bytes, not ", length));
  }
  piece.bytes = *std::move(bytes);
  return piece;
}

}  // namespace

std::optional<std::string> UnescapePython(std::string_view text, bool is_bytes) {
  std::string result;
  for (size_t pos = 0; pos < text.size();) {
    const char c = text[pos++];
    if (c != '\\') {
      result.push_back(c);
    } else if (!ReadEscape(text, pos, is_bytes, result)) {
      return std::nullopt;
    }
  }
  return result;
}

void FillGreedyTrie(const std::vector<RwkvPiece>& pieces, Pipeline& pipeline) {
  std::vector<ByteTrie::Entry> entries;
  entries.reserve(pieces.size());
  for (const RwkvPiece& piece : pieces) entries.emplace_back(piece.bytes, piece.id);
  pipeline.model = std::make_unique<GreedyTrie>(std::move(entries), pipeline.special_ids.unk);
  pipeline.decoder.steps.emplace_back(ByteLevelDecoder{});
}

bool LooksLikeRwkvVocabulary(std::string_view text) {
  return text.starts_with("1 '") || text.starts_with("1 b'") || text.starts_with("0 '");
}

absl::StatusOr<std::unique_ptr<Pipeline>> ReadRwkvVocabulary(std::string_view text) {
  std::vector<RwkvPiece> pieces;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    RwkvPiece piece;
    SKEP_ASSIGN(piece, ParseLine(line, number));
    pieces.push_back(std::move(piece));
  }
  if (pieces.empty()) return absl::InvalidArgumentError("the RWKV vocabulary has no pieces");
  auto pipeline = std::make_unique<Pipeline>();
  pipeline->source = "rwkv_vocab.txt";
  bool has_zero = false;
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(pieces.size() + 1);
  for (const RwkvPiece& piece : pieces) {
    has_zero |= piece.id == 0;
    entries.emplace_back(BytesToLetters(piece.bytes), piece.id);
  }
  if (!has_zero) entries.emplace_back(kEndOfText, 0);
  SKEP_ASSIGN(pipeline->vocabulary, Vocabulary::Make(std::move(entries)));
  if (!has_zero) {
    pipeline->vocabulary.AddFlags(0, kSpecial | kLiteral | kNotText);
    AddedToken token;
    token.content = std::string(kEndOfText);
    token.special = true;
    SKEP_RETURN_IF_ERROR(pipeline->AddToken(token));
    pipeline->special_ids.bos = pipeline->special_ids.eos = 0;
  }
  FillGreedyTrie(pieces, *pipeline);
  FindEndOfGeneration(/*more=*/{}, *pipeline);
  return pipeline;
}

}  // namespace skep::engine::tokenizer
