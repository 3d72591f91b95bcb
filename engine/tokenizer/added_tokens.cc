#include "engine/tokenizer/added_tokens.h"

#include <algorithm>

#include "engine/tokenizer/steps.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

// The start of the character that ends at `pos` > 0.
size_t PreviousCharacter(std::string_view text, size_t pos) {
  for (size_t width = 2; width <= 4 && width <= pos; ++width) {
    size_t length = 0;
    const char32_t c = DecodeUtf8(text, pos - width, length);
    if (length == width && c < kInvalidByte) return pos - width;
  }
  return pos - 1;
}

bool HasClassAt(std::string_view text, size_t pos, uint32_t bits) {
  size_t length = 0;
  return (ClassOf(DecodeUtf8(text, pos, length)) & bits) != 0;
}

bool IsWordAt(std::string_view text, size_t pos) {
  size_t length = 0;
  return IsRustWord(DecodeUtf8(text, pos, length));
}

bool TouchesWord(std::string_view text, Range range) {
  return (range.begin > 0 && IsWordAt(text, PreviousCharacter(text, range.begin))) ||
         (range.end < text.size() && IsWordAt(text, range.end));
}

size_t SpacesBefore(std::string_view text, size_t pos, size_t limit) {
  while (pos > limit) {
    const size_t previous = PreviousCharacter(text, pos);
    if (previous < limit || !HasClassAt(text, previous, kSpace)) break;
    pos = previous;
  }
  return pos;
}

size_t SpacesAfter(std::string_view text, size_t pos) {
  while (pos < text.size() && HasClassAt(text, pos, kSpace)) {
    size_t length = 0;
    DecodeUtf8(text, pos, length);
    pos += length;
  }
  return pos;
}

bool IsGuarded(const AddedToken& token) { return token.special || LooksSpecial(token.content); }

}  // namespace

AddedTokens::AddedTokens() : token_of_node_{-1} {}

void AddedTokens::Add(const AddedToken& token, std::string_view content) {
  if (content.empty()) return;
  uint32_t node = 0;
  for (char c : content) {
    const auto [edge, inserted] = edges_.try_emplace(uint64_t{node} << 8 | static_cast<uint8_t>(c),
                                                     static_cast<uint32_t>(token_of_node_.size()));
    if (inserted) token_of_node_.push_back(-1);
    node = edge->second;
  }
  token_of_node_[node] = static_cast<int32_t>(tokens_.size());
  starts_[static_cast<uint8_t>(content[0])] = true;
  tokens_.push_back(token);
}

const AddedToken* AddedTokens::Match(std::string_view text, size_t pos, size_t& end,
                                     uint64_t& steps) const {
  const AddedToken* longest = nullptr;
  uint32_t node = 0;
  for (size_t i = pos; i < text.size(); ++i) {
    const auto edge = edges_.find(uint64_t{node} << 8 | static_cast<uint8_t>(text[i]));
    ++steps;
    if (edge == edges_.end()) break;
    node = edge->second;
    if (token_of_node_[node] >= 0) {
      longest = &tokens_[token_of_node_[node]];
      end = i + 1;
    }
  }
  return longest;
}

absl::Status AddedTokens::Split(std::string_view text, bool parse_special,
                                const LiteralSpans& literal, std::vector<Segment>& segments) const {
  const uint64_t max_steps = 256 * (uint64_t{text.size()} + 1024);
  uint64_t steps = 0;
  segments.clear();
  size_t done = 0;     // everything before is in `segments`
  Range spaces{0, 0};  // the last ones that were looked for: tokens may lie inside of them
  for (size_t pos = 0; pos < text.size() && !tokens_.empty();) {
    Range found{pos, pos};
    const AddedToken* token =
        starts_[static_cast<uint8_t>(text[pos])] ? Match(text, pos, found.end, steps) : nullptr;
    if (steps > max_steps) {
      return absl::InvalidArgumentError(Concat("looking for added tokens in a text of ",
                                               text.size(), " bytes took more than ", max_steps,
                                               " steps"));
    }
    if (token == nullptr) {
      ++pos;
      continue;
    }
    if (literal.Touches(found.begin, found.end) && IsGuarded(*token)) {
      // A shorter one may end before the user's text begins.
      token = Match(text.substr(0, literal.FreeUntil(pos)), pos, found.end, steps);
      if (token == nullptr) {
        ++pos;
        continue;
      }
    }
    pos = found.end;
    if (token->special && !parse_special) continue;
    if (token->single_word && TouchesWord(text, found)) continue;
    if (token->lstrip) found.begin = SpacesBefore(text, found.begin, done);
    // The search goes on behind the token itself: tokens of white space are found there, too.
    if (token->rstrip) {
      if (found.end < spaces.begin || found.end > spaces.end) {
        spaces = {found.end, SpacesAfter(text, found.end)};
      }
      found.end = spaces.end;
    }
    if (done < found.begin) segments.push_back({{done, found.begin}, kNoToken});
    segments.push_back({found, token->id});
    done = found.end;
  }
  if (done < text.size()) segments.push_back({{done, text.size()}, kNoToken});
  CountSteps(steps);
  return absl::OkStatus();
}

}  // namespace skep::engine::tokenizer
