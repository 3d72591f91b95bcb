// Changes inputs at random, the same way each time, for the tests that run without libFuzzer.
#ifndef SKEP_TESTS_FUZZ_MUTATOR_H_
#define SKEP_TESTS_FUZZ_MUTATOR_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace skep::fuzz {

class Mutator final {
 public:
  // `corpus`, not empty, must outlive it.
  Mutator(const std::vector<std::string>& corpus, uint64_t seed) : corpus_(corpus), random_(seed) {}

  // An input of the corpus with one to four changes: bits, bytes, extreme numbers, cuts, copies.
  std::string Next();

 private:
  size_t Below(size_t limit) { return limit == 0 ? 0 : static_cast<size_t>(random_() % limit); }
  void Change(std::string& input);
  void SetByte(std::string& input);
  void SetNumber(std::string& input);
  void SetDigits(std::string& input);
  std::string_view Piece(std::string_view input);

  const std::vector<std::string>& corpus_;
  std::mt19937_64 random_;
};

}  // namespace skep::fuzz

#endif  // SKEP_TESTS_FUZZ_MUTATOR_H_
