// How much the regular expressions that backtrack (PCRE2) may do for one text. Each search has
// limits of its own, but a text of n characters is searched n times.
#ifndef SKEP_ENGINE_TOKENIZER_PATTERN_BUDGET_H_
#define SKEP_ENGINE_TOKENIZER_PATTERN_BUDGET_H_

#include <cstddef>
#include <cstdint>

namespace skep::engine::tokenizer {

// While one exists, all searches of its thread take from it; without, each FindAll has its own.
class PatternBudget final {
 public:
  // A step is an item of an expression that is tried, or a character that one passes over: some
  // tens of nanoseconds. Ordinary expressions take 10 to 50 for a byte.
  static constexpr uint64_t kStepsPerText = 20'000'000, kStepsPerByte = 200;

  explicit PatternBudget(size_t text_bytes)
      : left_(kStepsPerText + kStepsPerByte * text_bytes), outer_(current_) {
    current_ = this;
  }
  ~PatternBudget() { current_ = outer_; }
  PatternBudget(const PatternBudget&) = delete;
  PatternBudget& operator=(const PatternBudget&) = delete;

  static PatternBudget* current() { return current_; }

  // False: it is spent, and remains so.
  bool Take(uint64_t steps) {
    left_ = steps < left_ ? left_ - steps : 0;
    return left_ > 0;
  }

 private:
  static inline thread_local PatternBudget* current_ = nullptr;

  uint64_t left_;
  PatternBudget* outer_;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_PATTERN_BUDGET_H_
