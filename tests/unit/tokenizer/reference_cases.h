// Reads what tests/golden/tokenizer_json.py writes: strings, and for each tokenizer what Hugging
// Face's library makes of them.
#ifndef SKEP_TESTS_UNIT_TOKENIZER_REFERENCE_CASES_H_
#define SKEP_TESTS_UNIT_TOKENIZER_REFERENCE_CASES_H_

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "test_files.h"
#include "tests/golden/golden_path.h"

namespace skep::engine {

// One or more of each kind; folders below ReferenceFolder().
inline constexpr const char* kReferenceTokenizers[] = {
    // Real vocabularies.
    "llama-bpe", "qwen2", "qwen35", "gpt-2", "gpt-neox", "mpt", "command-r", "starcoder", "refact",
    "smollm2", "aquila", "falcon", "deepseek-coder", "deepseek-llm", "llama-spm", "phi-3",
    "baichuan", "gemma3", "gemma-4", "bert-bge", "nomic-bert-moe",
    // Trained by tests/golden/trained_tokenizers.py.
    "wordpiece", "wordpiece_cased", "word_level", "t5", "albert", "helium", "clip", "bpe_prefix",
    "bpe_some_bytes", "byte_level_normalizer", "scripts", "delimiter", "letters", "digits",
    "phrases", "byte_level_words"};

inline std::string ReferenceFolder() { return GoldenPath("tokenizer_json/"); }

struct ReferenceCase {
  std::vector<TokenId> plain;   // special tokens typed in the text are text
  std::vector<TokenId> parsed;  // and here they are parsed
  std::string decoded;          // the text of `parsed`
  std::string skipped;          // the same without special tokens
};

struct ReferenceCases {
  bool add_special = false;
  std::vector<ReferenceCase> cases;  // by string
};

inline std::vector<std::string> ReadReferenceTexts() {
  const std::string data = ReadFile(ReferenceFolder() + "texts.bin");
  std::vector<std::string> texts;
  for (size_t at = 0; at + 4 <= data.size();) {
    uint32_t size = 0;
    std::memcpy(&size, data.data() + at, 4);
    texts.push_back(data.substr(at + 4, size));
    at += 4 + size;
  }
  return texts;
}

inline ReferenceCases ReadReferenceCases(const std::string& name,
                                         const std::vector<std::string>& texts) {
  const std::string data = ReadFile(ReferenceFolder() + name + "/cases.bin");
  size_t at = 0;
  const auto byte = [&] { return at < data.size() ? static_cast<uint8_t>(data[at++]) : 0; };
  const auto number = [&] {
    uint32_t value = 0;
    for (int shift = 0;; shift += 7) {
      const uint32_t next = byte();
      value |= (next & 0x7F) << shift;
      if (next < 0x80) return value;
    }
  };
  const auto ids = [&] {
    std::vector<TokenId> result(number());
    for (TokenId& id : result) id = static_cast<TokenId>(number());
    return result;
  };
  const auto text = [&] {
    const uint32_t size = number();
    at += size;
    return data.substr(at - size, size);
  };
  ReferenceCases result;
  result.add_special = byte() != 0;
  for (const std::string& original : texts) {
    const int flags = byte();
    ReferenceCase& next = result.cases.emplace_back();
    next.plain = ids();
    next.parsed = (flags & 1) != 0 ? next.plain : ids();
    next.decoded = (flags & 2) != 0 ? original : text();
    next.skipped = (flags & 4) != 0 ? next.decoded : text();
  }
  EXPECT_EQ(at, data.size()) << name;
  return result;
}

}  // namespace skep::engine

#endif  // SKEP_TESTS_UNIT_TOKENIZER_REFERENCE_CASES_H_
