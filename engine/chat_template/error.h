// How a template fails inside this library, and what it may spend.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_ERROR_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_ERROR_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace skep::engine::jinja {

// Where something stands in the source: both count from 1, columns in bytes.
struct Position {
  int line = 0;
  int column = 0;
};

// Thrown anywhere below ChatTemplate::Compile and Render, caught by those two alone. An expression
// fails many calls deep, in a hundred small functions whose results are values; a status in each
// of them would hide what they do.
struct TemplateError {
  std::string message;
  Position position;   // line 0: filled in where the failing expression is known
  bool limit = false;  // a limit was met, rather than the template being wrong
};

[[noreturn]] inline void Fail(std::string message, Position position = {}) {
  throw TemplateError{std::move(message), position, /*limit=*/false};
}

[[noreturn]] inline void FailLimit(std::string message) {
  throw TemplateError{std::move(message), {}, /*limit=*/true};
}

// What is left of a render's limits. One render, one thread.
class Budget final {
 public:
  Budget(int64_t steps, int64_t memory_bytes, int64_t output_bytes, int64_t depth)
      : steps_(steps), memory_(memory_bytes), output_(output_bytes), depth_(depth) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  void Step(int64_t count = 1) {
    if ((steps_ -= count) < 0) FailLimit("the template takes more steps than the limit");
  }
  // Before `bytes` are allocated; also pays for filling them.
  void Allocate(int64_t bytes) {
    Step(bytes / 64);
    if (bytes > memory_) FailLimit("the template needs more memory than the limit");
    memory_ -= bytes;
  }
  void Release(int64_t bytes) { memory_ += bytes; }
  void Output(int64_t bytes) {
    if ((output_ -= bytes) < 0) FailLimit("the template writes more text than the limit");
  }
  void Enter() {
    if (--depth_ < 0) {
      ++depth_;
      FailLimit("the template or its arguments are nested more deeply than the limit");
    }
  }
  void Leave() { ++depth_; }

 private:
  int64_t steps_;
  int64_t memory_;
  int64_t output_;
  int64_t depth_;
};

// Memory of something that grows and is not a value yet.
class Reservation final {
 public:
  explicit Reservation(Budget& budget) : budget_(budget) {}
  ~Reservation() { budget_.Release(bytes_); }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  void GrowTo(size_t bytes) {
    const int64_t more = static_cast<int64_t>(bytes) - bytes_;
    if (more <= 0) return;
    budget_.Allocate(more);
    bytes_ += more;
  }

 private:
  Budget& budget_;
  int64_t bytes_ = 0;
};

// One level of nesting for as long as it lives.
class DepthGuard final {
 public:
  explicit DepthGuard(Budget& budget) : budget_(budget) { budget_.Enter(); }
  ~DepthGuard() { budget_.Leave(); }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;

 private:
  Budget& budget_;
};

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_ERROR_H_
