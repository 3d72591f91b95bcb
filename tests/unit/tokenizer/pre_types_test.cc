// Every pre-tokenizer that llama.cpp's source names is known, and compiles.
#include "engine/tokenizer/pre_types.h"

#include <gtest/gtest.h>

#include <set>

#include "engine/tokenizer/pattern.h"
#include "test_files.h"

namespace skep::engine::tokenizer {
namespace {

// NAME of: tokenizer_pre == "NAME".
std::set<std::string> NamesInLlamaCpp() {
  const std::string source = ReadFile(LlamaCppVocabularies() + "../src/llama-vocab.cpp");
  const std::string start = "tokenizer_pre == \"";
  std::set<std::string> names;
  for (size_t at = source.find(start); at != std::string::npos; at = source.find(start, at)) {
    at += start.size();
    names.insert(source.substr(at, source.find('"', at) - at));
  }
  return names;
}

TEST(PreTypes, AllNamesOfLlamaCppAreKnown) {
  std::set<std::string> names = NamesInLlamaCpp();
  ASSERT_GE(names.size(), 80u);
  names.erase("whitespace");  // of the kind of the same name, which Skep does not read
  for (const std::string& name : names) {
    const PreType* type = FindPreType(name);
    ASSERT_NE(type, nullptr) << name;
    for (std::string_view regex : type->regexes) {
      EXPECT_TRUE(CompilePattern(regex).ok()) << name << ": " << regex;
    }
  }
  EXPECT_EQ(FindPreType("magic"), nullptr);
}

}  // namespace
}  // namespace skep::engine::tokenizer
