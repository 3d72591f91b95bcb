// One tokenizer on several threads at once: the same ids as the models' own tokenizers give.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <sstream>
#include <thread>

#include "test_files.h"

namespace skep::engine {
namespace {

struct Case {
  std::string text;
  std::vector<TokenId> ids;
};

// The texts and ids that lie beside a vocabulary of the llama.cpp source.
std::vector<Case> CasesOf(const std::string& path) {
  const std::string separator = "\n__ggml_vocab_test__\n";
  const std::string all = ReadFile(path + ".inp");
  std::istringstream expected(ReadFile(path + ".out"));
  std::vector<Case> cases;
  std::string line;
  for (size_t pos = 0; pos < all.size() && std::getline(expected, line);) {
    const size_t next = std::min(all.find(separator, pos), all.size());
    Case& added = cases.emplace_back();
    added.text = all.substr(pos, next - pos);
    std::istringstream numbers(line);
    for (TokenId id; numbers >> id;) added.ids.push_back(id);
    pos = next + separator.size();
  }
  return cases;
}

class ThreadsTest : public testing::TestWithParam<const char*> {};

TEST_P(ThreadsTest, EncodeAndDecodeAtOnce) {
  const std::string path =
      LlamaCppVocabularies() + "ggml-vocab-" + std::string(GetParam()) + ".gguf";
  const auto tokenizer = Load(path);
  ASSERT_NE(tokenizer, nullptr);
  const std::vector<Case> cases = CasesOf(path);
  ASSERT_GE(cases.size(), 40u);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  constexpr int kThreads = 4;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      std::vector<TokenId> ids;
      for (const Case& c : cases) {
        const absl::Status status = tokenizer->Encode(c.text, {.add_special = false}, ids);
        if (!status.ok() || ids != c.ids) ++wrong;
        if (tokenizer->Decode(ids, /*skip_special=*/false).empty() && !ids.empty()) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

INSTANTIATE_TEST_SUITE_P(All, ThreadsTest, testing::Values("llama-bpe", "llama-spm", "bert-bge"));

}  // namespace
}  // namespace skep::engine
