// A real tokenizer over a tiny vocabulary, so that random tokens make interesting text.
#ifndef SKEP_TESTS_FAKES_FAKE_TOKENIZER_H_
#define SKEP_TESTS_FAKES_FAKE_TOKENIZER_H_

#include <memory>
#include <string>
#include <vector>

#include "engine/tokenizer/tokenizer.h"
#include "scheduler/types.h"

namespace skep::engine {

inline constexpr TokenId kFakeBos = 0;  // "<s>", special
inline constexpr TokenId kFakeEos = 1;  // "</s>", special, ends a generation

// The bytes of the ordinary tokens, ids 2 and up: letters, pairs of letters that overlap, and the
// single bytes of two-, three- and four-byte characters.
const std::vector<std::string>& FakePieces();
int64_t FakeVocabSize();

// Made of tokenizer.json, a byte-level BPE without merges.
std::shared_ptr<const Tokenizer> MakeFakeTokenizer();

}  // namespace skep::engine

#endif  // SKEP_TESTS_FAKES_FAKE_TOKENIZER_H_
