#include "engine/tokenizer/byte_alphabet.h"

#include <array>

#include "engine/tokenizer/unicode.h"

namespace skep::engine::tokenizer {
namespace {

constexpr bool StandsForItself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr char32_t kFirstOther = 0x100;
constexpr int kOthers = 68;

struct Alphabet {
  std::array<char32_t, 256> letters{};
  std::array<uint8_t, kOthers> others{};  // the bytes of U+0100 and up

  constexpr Alphabet() {
    int next = 0;
    for (int byte = 0; byte < 256; ++byte) {
      if (StandsForItself(byte)) {
        letters[byte] = byte;
      } else {
        others[next] = byte;
        letters[byte] = kFirstOther + next++;
      }
    }
  }
};
constexpr Alphabet kAlphabet;

}  // namespace

char32_t ByteToLetter(uint8_t byte) { return kAlphabet.letters[byte]; }

std::optional<uint8_t> LetterToByte(char32_t letter) {
  if (letter < 256 && StandsForItself(letter)) return static_cast<uint8_t>(letter);
  if (letter >= kFirstOther && letter < kFirstOther + kOthers) {
    return kAlphabet.others[letter - kFirstOther];
  }
  return std::nullopt;
}

std::string BytesToLetters(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 4);
  for (char byte : bytes) AppendUtf8(ByteToLetter(static_cast<uint8_t>(byte)), out);
  return out;
}

std::optional<std::string> LettersToBytes(std::string_view letters) {
  std::string out;
  size_t length = 0;
  for (size_t pos = 0; pos < letters.size(); pos += length) {
    const std::optional<uint8_t> byte = LetterToByte(DecodeUtf8(letters, pos, length));
    if (!byte) return std::nullopt;
    out.push_back(static_cast<char>(*byte));
  }
  return out;
}

}  // namespace skep::engine::tokenizer
