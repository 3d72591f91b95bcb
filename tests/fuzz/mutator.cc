#include "tests/fuzz/mutator.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace skep::fuzz {
namespace {

constexpr size_t kMaxBytes = 64 << 10;

// What lengths, counts, offsets and ids are wrong with.
constexpr uint64_t kNumbers[] = {0,
                                 1,
                                 2,
                                 0x7F,
                                 0x80,
                                 0xFF,
                                 0xFFFF,
                                 (uint64_t{1} << 31) - 1,
                                 uint64_t{1} << 31,
                                 (uint64_t{1} << 32) - 1,
                                 uint64_t{1} << 32,
                                 (uint64_t{1} << 63) - 1,
                                 uint64_t{1} << 63,
                                 ~uint64_t{0}};
constexpr std::string_view kDigits[] = {"0",          "1",          "-1",
                                        "99",         "65536",      "2147483646",
                                        "2147483648", "4294967295", "9223372036854775807",
                                        "1e308",      "-1e-308",    "0.5"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string Mutator::Next() {
  std::string input = corpus_[Below(corpus_.size())];
  for (size_t changes = 1 + Below(4); changes > 0; --changes) Change(input);
  if (input.size() > kMaxBytes) input.resize(kMaxBytes);
  return input;
}

void Mutator::Change(std::string& input) {
  const size_t at = Below(input.size() + 1);
  switch (Below(8)) {
    case 0:
      if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << Below(8)));
      break;
    case 1:
      SetByte(input);
      break;
    case 2:
      SetNumber(input);
      break;
    case 3:
      SetDigits(input);
      break;
    case 4:
      input.erase(at, 1 + Below(16));
      break;
    case 5:
      if (Below(8) == 0) input.resize(at);
      break;
    case 6:
      input.insert(at, std::string(Piece(input)));
      break;
    default:
      input.insert(at, Piece(corpus_[Below(corpus_.size())]));
      break;
  }
}

// To one that means something to a parser, or to any.
void Mutator::SetByte(std::string& input) {
  constexpr std::string_view kBytes = "{}[]()<>%'\"\\,:;#|~-+*/._=&^$?! \t\n0aZ\xC3\x80\xF0\xFF";
  if (input.empty()) return;
  char& byte = input[Below(input.size())];
  byte = Below(2) == 0 ? kBytes[Below(kBytes.size())] : static_cast<char>(random_());
}

void Mutator::SetNumber(std::string& input) {
  const size_t width = size_t{1} << Below(4);
  if (input.size() < width) return;
  const uint64_t number = kNumbers[Below(std::size(kNumbers))];
  std::memcpy(input.data() + Below(input.size() - width + 1), &number, width);
}

// A number written in digits.
void Mutator::SetDigits(std::string& input) {
  const auto start = input.begin() + static_cast<ptrdiff_t>(Below(input.size() + 1));
  const auto first = std::find_if(start, input.end(), IsDigit);
  const auto last = std::find_if_not(first, input.end(), IsDigit);
  if (first == input.end()) return;
  const std::string_view digits = kDigits[Below(std::size(kDigits))];
  input.replace(first, last, digits.begin(), digits.end());
}

std::string_view Mutator::Piece(std::string_view input) {
  return input.substr(Below(input.size() + 1), 1 + Below(64));
}

}  // namespace skep::fuzz
