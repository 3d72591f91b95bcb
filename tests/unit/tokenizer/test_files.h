// What the tests of the tokenizer read.
#ifndef SKEP_TESTS_UNIT_TOKENIZER_TEST_FILES_H_
#define SKEP_TESTS_UNIT_TOKENIZER_TEST_FILES_H_

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "engine/tokenizer/load.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/golden/golden_path.h"

namespace skep::engine {

inline std::string GoldenFolder() { return GoldenPath("tokenization/"); }
inline std::string LlamaCppVocabularies() {
  return CachePath("llama.cpp/vendor/llama.cpp/models/");
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// nullptr, and a failed test, if it does not load.
inline std::unique_ptr<Tokenizer> Load(const std::string& path) {
  auto tokenizer = LoadTokenizer(path);
  EXPECT_TRUE(tokenizer.ok()) << path << ": " << tokenizer.status();
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

// Sanitizers make every byte and every text many times as dear: there the long texts are shorter,
// and of the many only each kEvery-th is looked at.
#ifdef SKEP_SANITIZED
inline constexpr size_t kLongText = size_t{1} << 14;
inline constexpr size_t kEvery = 8;
#else
inline constexpr size_t kLongText = size_t{1} << 20;
inline constexpr size_t kEvery = 1;
#endif

inline std::vector<TokenId> Encode(const Tokenizer& tokenizer, std::string_view text,
                                   const EncodeOptions& options = {}) {
  std::vector<TokenId> ids;
  const absl::Status status = tokenizer.Encode(text, options, ids);
  EXPECT_TRUE(status.ok()) << status;
  return ids;
}

}  // namespace skep::engine

#endif  // SKEP_TESTS_UNIT_TOKENIZER_TEST_FILES_H_
