// Times Tokenizer::Encode on one thread: `tokenizer_bench TOKENIZER TEXT...` answers each line on
// standard input by one line on standard output, the seconds and the ids of one pass over the next
// text (in turn). compare.py drives it, in turn with the reference.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "engine/tokenizer/load.h"

namespace {

std::string ReadFile(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s TOKENIZER TEXT...\n", argv[0]);
    return 2;
  }
  auto tokenizer = skep::engine::LoadTokenizer(argv[1]);
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "%s\n", std::string(tokenizer.status().message()).c_str());
    return 1;
  }
  std::vector<std::string> texts;
  for (int i = 2; i < argc; ++i) texts.push_back(ReadFile(argv[i]));
  std::vector<skep::TokenId> ids;
  std::string line;
  for (size_t i = 0; std::getline(std::cin, line); i = (i + 1) % texts.size()) {
    const auto begin = std::chrono::steady_clock::now();
    const absl::Status status = (*tokenizer)->Encode(texts[i], {.add_special = false}, ids);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
      return 1;
    }
    std::printf("%.6f %zu\n", seconds.count(), ids.size());
    std::fflush(stdout);
  }
}
