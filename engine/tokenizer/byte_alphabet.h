// The 256 printable characters by which byte-level BPE vocabularies write bytes (GPT-2's
// bytes_to_unicode): printable Latin-1 characters stand for themselves, the other bytes, in order,
// for U+0100 and up.
#ifndef SKEP_ENGINE_TOKENIZER_BYTE_ALPHABET_H_
#define SKEP_ENGINE_TOKENIZER_BYTE_ALPHABET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skep::engine::tokenizer {

char32_t ByteToLetter(uint8_t byte);
std::optional<uint8_t> LetterToByte(char32_t letter);

std::string BytesToLetters(std::string_view bytes);
// nullopt when some character is no letter of the alphabet.
std::optional<std::string> LettersToBytes(std::string_view letters);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_BYTE_ALPHABET_H_
