// Runs a fuzz target without libFuzzer, as an ordinary test: every input of its corpus, then so
// many mutations of them, the same ones each time.
//
//   TARGET FOLDER MUTATIONS
//   TARGET FILE...            just these
//
// The input during which the program dies is left in TARGET.failed.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "tests/fuzz/mutator.h"
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace skep::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kMaxSeconds = 60;  // for one input: a thousand times what the slowest takes

// Written before each run, read when it was the last one.
struct Current {
  const uint8_t* data = nullptr;
  size_t size = 0;
  char failed_path[4096] = {};
} current;

void SaveInput() {
  const int file = open(current.failed_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0) return;
  const bool saved = write(file, current.data, current.size) == static_cast<ssize_t>(current.size);
  close(file);
  constexpr char kMessage[] = "the input that did it: ";
  if (!saved || write(STDERR_FILENO, kMessage, sizeof(kMessage) - 1) < 0 ||
      write(STDERR_FILENO, current.failed_path, std::strlen(current.failed_path)) < 0 ||
      write(STDERR_FILENO, "\n", 1) < 0) {
    return;
  }
}

void OnSignal(int number) {
  SaveInput();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void WatchForDeath(const fs::path& program) {
  const std::string path = program.filename().string() + ".failed";
  std::strncpy(current.failed_path, path.c_str(), sizeof(current.failed_path) - 1);
  for (int number : {SIGABRT, SIGALRM, SIGFPE, SIGILL}) std::signal(number, OnSignal);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_set_death_callback(SaveInput);
#else
  for (int number : {SIGSEGV, SIGBUS}) std::signal(number, OnSignal);
#endif
}

// In a heap block of its exact size, so that a read past the end is seen.
void Run(const std::string& input) {
  const auto copy = std::make_unique<uint8_t[]>(input.size());
  std::copy(input.begin(), input.end(), copy.get());
  current.data = copy.get();
  current.size = input.size();
  alarm(kMaxSeconds);
  LLVMFuzzerTestOneInput(copy.get(), input.size());
  alarm(0);
}

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "%s cannot be read\n", path.c_str());
    std::exit(1);
  }
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> ReadFolder(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const fs::path& path : paths) inputs.push_back(Read(path));
  return inputs;
}

int RunFolder(const fs::path& folder, int mutations) {
  const std::vector<std::string> corpus = ReadFolder(folder);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s has no inputs\n", folder.c_str());
    return 1;
  }
  Run("");
  for (const std::string& input : corpus) Run(input);
  constexpr uint64_t kSeed = 20;
  Mutator mutator(corpus, kSeed);
  for (int i = 0; i < mutations; ++i) Run(mutator.Next());
  std::printf("%zu inputs and %d mutations\n", corpus.size(), mutations);
  return 0;
}

int Main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s FOLDER MUTATIONS | FILE...\n", argv[0]);
    return 2;
  }
  WatchForDeath(argv[0]);
  if (fs::is_directory(argv[1])) {
    return RunFolder(argv[1], argc > 2 ? static_cast<int>(std::strtol(argv[2], nullptr, 10)) : 0);
  }
  for (int i = 1; i < argc; ++i) Run(Read(argv[i]));
  return 0;
}

}  // namespace
}  // namespace skep::fuzz

int main(int argc, char** argv) { return skep::fuzz::Main(argc, argv); }
