// Normalization forms (Unicode Standard Annex 15), by the algorithm of chapter 3.11: decompose,
// order by combining class, compose. Hangul syllables by arithmetic (3.12). Characters that are
// younger than Hugging Face's library stay as they are, as there.
#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/tokenizer/library_classes.h"
#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

struct CombiningRange {
  char32_t first;
  char32_t last;
  uint8_t combining_class;
};
struct Decomposition {
  char32_t code_point;
  char32_t first;
  char32_t second;  // 0: none
};
struct Composition {
  char32_t first;
  char32_t second;
  char32_t composed;
};
#include "engine/tokenizer/nfc_tables.inc"

constexpr char32_t kSBase = 0xAC00, kLBase = 0x1100, kVBase = 0x1161, kTBase = 0x11A7;
constexpr char32_t kLCount = 19, kVCount = 21, kTCount = 28;
constexpr char32_t kSCount = kLCount * kVCount * kTCount;

// Below these nothing decomposes; nothing combines and everything is its own composition.
constexpr char32_t kFirstDecomposed = 0xA0;
constexpr char32_t kFirstCombining = 0x300;

uint8_t CombiningClass(char32_t c) {
  const CombiningRange* range =
      std::upper_bound(std::begin(kCombining), std::end(kCombining), c,
                       [](char32_t value, const CombiningRange& r) { return value < r.first; });
  if (range == std::begin(kCombining)) return 0;
  --range;
  return c <= range->last && IsKnownToNormalForms(c) ? range->combining_class : 0;
}

void Decompose(char32_t c, bool compatibility, std::vector<char32_t>& out) {
  if (c < kFirstDecomposed) {
    out.push_back(c);
    return;
  }
  if (c >= kSBase && c < kSBase + kSCount) {
    const char32_t index = c - kSBase;
    out.push_back(kLBase + index / (kVCount * kTCount));
    out.push_back(kVBase + index % (kVCount * kTCount) / kTCount);
    if (index % kTCount != 0) out.push_back(kTBase + index % kTCount);
    return;
  }
  const Decomposition* entry =
      std::lower_bound(std::begin(kDecompositions), std::end(kDecompositions), c,
                       [](const Decomposition& d, char32_t value) { return d.code_point < value; });
  if (compatibility) {
    if (const std::u32string_view parts = CompatibilityDecomposition(c); !parts.empty()) {
      out.insert(out.end(), parts.begin(), parts.end());
      return;
    }
  }
  if (entry == std::end(kDecompositions) || entry->code_point != c || !IsKnownToNormalForms(c)) {
    out.push_back(c);
    return;
  }
  Decompose(entry->first, compatibility, out);  // the table nests four deep at most
  if (entry->second != 0) out.push_back(entry->second);
}

char32_t Compose(char32_t first, char32_t second) {  // 0: they do not compose
  if (first - kLBase < kLCount && second - kVBase < kVCount) {
    return kSBase + ((first - kLBase) * kVCount + (second - kVBase)) * kTCount;
  }
  if (first - kSBase < kSCount && (first - kSBase) % kTCount == 0 && second > kTBase &&
      second < kTBase + kTCount) {
    return first + (second - kTBase);
  }
  static const auto* const table = [] {
    auto* map = new absl::flat_hash_map<uint64_t, char32_t>;
    for (const Composition& c : kCompositions) {
      map->emplace(uint64_t{c.first} << 32 | c.second, c.composed);
    }
    return map;
  }();
  const auto found = table->find(uint64_t{first} << 32 | second);
  return found == table->end() || !IsKnownToNormalForms(found->second) ? 0 : found->second;
}

struct Character {
  char32_t code_point;
  uint8_t combining_class;
};

std::vector<Character> DecomposedAndOrdered(std::string_view text, bool compatibility) {
  std::vector<char32_t> decomposed;
  size_t length = 0;
  for (size_t pos = 0; pos < text.size(); pos += length) {
    Decompose(DecodeUtf8(text, pos, length), compatibility, decomposed);
  }
  std::vector<Character> result;
  result.reserve(decomposed.size());
  for (char32_t c : decomposed) result.push_back({c, CombiningClass(c)});
  for (size_t begin = 0; begin < result.size();) {  // stable sort of each run of marks
    if (result[begin].combining_class == 0) {
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < result.size() && result[end].combining_class != 0) ++end;
    std::stable_sort(result.begin() + begin, result.begin() + end, [](Character a, Character b) {
      return a.combining_class < b.combining_class;
    });
    begin = end;
  }
  return result;
}

// `starter`: the last character of class 0 in what is kept; `blocked_by`: the class of the last
// character kept after it. A mark composes with the starter when no mark of its class or a higher
// one stands between.
void ComposeAll(std::vector<Character>& characters) {
  size_t kept = 0;
  size_t starter = SIZE_MAX;
  int blocked_by = -1;
  for (const Character character : characters) {
    if (starter != SIZE_MAX && blocked_by < character.combining_class) {
      const char32_t composed = Compose(characters[starter].code_point, character.code_point);
      if (composed != 0) {
        characters[starter].code_point = composed;
        continue;
      }
    }
    if (character.combining_class == 0) {
      starter = kept;
      blocked_by = -1;
    } else {
      blocked_by = character.combining_class;
    }
    characters[kept++] = character;
  }
  characters.resize(kept);
}

// Whether no character of `text` may change.
bool IsNormalized(std::string_view text, NormalForm form) {
  const char32_t first = form == NormalForm::kNfc ? kFirstCombining : kFirstDecomposed;
  size_t length = 0;
  for (size_t pos = 0; pos < text.size(); pos += length) {
    const char32_t c = DecodeUtf8(text, pos, length);
    if (c >= first && c < kInvalidByte) return false;
  }
  return true;
}

}  // namespace

std::string ToNormalForm(std::string_view text, NormalForm form) {
  if (IsNormalized(text, form)) return std::string(text);
  const bool compatibility = form == NormalForm::kNfkc || form == NormalForm::kNfkd;
  std::vector<Character> characters = DecomposedAndOrdered(text, compatibility);
  if (form == NormalForm::kNfc || form == NormalForm::kNfkc) ComposeAll(characters);
  std::string out;
  out.reserve(text.size());
  for (const Character& character : characters) AppendUtf8(character.code_point, out);
  return out;
}

}  // namespace skep::engine::tokenizer
