// Any bytes as a text, by one vocabulary of each kind. They are seeds of other targets.
#include <bit>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "engine/tokenizer/load.h"
#include "engine/tokenizer/steps.h"
#include "engine/tokenizer/unicode.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/tokenizer_checks.h"

namespace skep::fuzz {
namespace {

constexpr const char* kVocabularies[] = {
    "tokenizer_json/byte_level.json",    "tokenizer_json/llama3.json",
    "tokenizer_json/byte_fallback.json", "tokenizer_json/unigram.json",
    "tokenizer_json/word_piece.json",    "tokenizer_json/word_level.json",
    "tokenizer_json/clip.json",          "gguf_vocabulary/gpt2.gguf",
    "gguf_vocabulary/llama.gguf",        "gguf_vocabulary/t5.gguf",
    "gguf_vocabulary/rwkv.gguf",
};

std::vector<std::unique_ptr<engine::Tokenizer>> LoadAll() {
  std::vector<std::unique_ptr<engine::Tokenizer>> tokenizers;
  for (const char* name : kVocabularies) {
    auto tokenizer = engine::LoadTokenizer(std::string(SKEP_FUZZ_CORPUS) + "/" + name);
    if (!tokenizer.ok()) std::fprintf(stderr, "%s\n", tokenizer.status().ToString().c_str());
    Require(tokenizer.ok(), "the vocabularies of the corpus load");
    tokenizers.push_back(*std::move(tokenizer));
  }
  return tokenizers;
}

// n log n, with the factor of tests/unit/tokenizer/linear_time_test.cc, and more for what is short.
void CheckSteps(const engine::Tokenizer& tokenizer, std::string_view text) {
  std::vector<TokenId> ids;
  const uint64_t before = engine::tokenizer::steps_of_this_thread;
  if (!tokenizer.Encode(text, {.add_special = false}, ids).ok()) return;
  const uint64_t steps = engine::tokenizer::steps_of_this_thread - before;
  const uint64_t bytes = text.size() + 16;
  Require(steps <= 32 * bytes * std::bit_width(bytes), "a text takes n log n steps");
}

}  // namespace
}  // namespace skep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto* const tokenizers =
      new std::vector<std::unique_ptr<skep::engine::Tokenizer>>(skep::fuzz::LoadAll());
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& tokenizer : *tokenizers) {
    skep::fuzz::CheckSteps(*tokenizer, text);
    skep::fuzz::CheckText(*tokenizer, text);
  }
  return 0;
}
