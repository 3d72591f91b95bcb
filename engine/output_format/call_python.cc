// Calls as Python writes them: f(a=1, b='x'), several in a list or one after the other.
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "engine/output_format/call_parser.h"
#include "engine/output_format/json_scanner.h"
#include "engine/output_format/loose_literal.h"

namespace skep::engine::output {
namespace {

constexpr size_t kMaxName = 256;  // bytes

bool IsSpace(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

bool IsNameByte(char c) {
  return c == '_' || c == '.' || c == '-' || absl::ascii_isalnum(static_cast<unsigned char>(c));
}

// A call is passed on when it is whole: its arguments have to be translated.
class PythonCallParser final : public CallParser {
 public:
  PythonCallParser(const CallSyntax& syntax, CallSink& sink) : spec_(syntax.spec), sink_(sink) {}

  Step Push(char c) override {
    switch (state_) {
      case State::kStart:
        if (IsSpace(c)) return Step::kMore;
        if (c == '[' && !in_list_) {
          in_list_ = true;
          return Step::kMore;
        }
        return BeginName(c);
      case State::kName:
        return InName(c);
      case State::kArguments:
        return InArguments(c);
      case State::kBetween:
        return Between(c);
    }
    return Fail();
  }
  size_t unread() const override { return unread_; }
  bool between_calls() const override { return state_ == State::kBetween; }

 private:
  enum class State { kStart, kName, kArguments, kBetween };

  Step Fail(size_t unread = 1) {
    unread_ = unread;
    return Step::kFailed;
  }

  Step BeginName(char c) {
    if (!IsNameByte(c)) return Fail();
    state_ = State::kName;
    name_.assign(1, c);
    return Step::kMore;
  }

  Step InName(char c) {
    if (IsNameByte(c) && name_.size() < kMaxName) {
      name_ += c;
      return Step::kMore;
    }
    if (c != '(') return Fail();
    // The way in which Llama writes calls of its built-in tools.
    constexpr std::string_view kCall = ".call";
    if (std::string_view(name_).ends_with(kCall)) name_.resize(name_.size() - kCall.size());
    if (!sink_.Accepts(name_)) return Fail();
    state_ = State::kArguments;
    arguments_.clear();
    open_ = "(";
    quote_ = 0;
    return Step::kMore;
  }

  // Looks for the bracket that closes the call.
  Step InArguments(char c) {
    if (escaped_) {
      escaped_ = false;
    } else if (quote_ != 0) {
      escaped_ = c == '\\';
      if (c == quote_) quote_ = 0;
    } else if (c == '"' || c == '\'') {
      quote_ = c;
    } else if (c == '(' || c == '[' || c == '{') {
      if (open_.size() >= JsonScanner::kMaxDepth) return Fail();
      open_ += c;
    } else if (c == ')' || c == ']' || c == '}') {
      const char opening = c == ')' ? '(' : c == ']' ? '[' : '{';
      if (open_.back() != opening) return Fail();
      open_.pop_back();
      if (open_.empty()) return EndCall();
    }
    arguments_ += c;
    return Step::kMore;
  }

  Step EndCall() {
    std::string json;
    if (!LooseReader(arguments_).ReadKeywordArguments(json)) return Fail(/*unread=*/0);
    sink_.Begin(name_, /*id=*/{});
    sink_.Arguments(json);
    sink_.End();
    state_ = State::kBetween;
    comma_ = false;
    return Step::kMore;
  }

  Step Between(char c) {
    if (closing_.read() == 0) {
      if (IsSpace(c)) return Step::kMore;
      if (c == ',' && !comma_) {
        comma_ = true;
        return Step::kMore;
      }
      if (c == ']' && in_list_) {
        in_list_ = false;
        sink_.Passed();
        return spec_.close.empty() ? Step::kDone : Step::kMore;
      }
      // Without a list, calls stand on lines of their own, up to the closing marker.
      const bool more = in_list_ ? comma_ : !spec_.close.empty();
      if (more && IsNameByte(c)) return BeginName(c);
    }
    const Step step = closing_.Push(c);
    return step == Step::kFailed ? Fail(closing_.read()) : step;
  }

  const CallSpec& spec_;
  CallSink& sink_;
  State state_ = State::kStart;
  size_t unread_ = 0;
  bool in_list_ = false;
  bool comma_ = false;
  ClosingMarker closing_{spec_.close};

  // Of the present call.
  std::string name_;
  std::string arguments_;
  std::string open_;  // brackets
  char quote_ = 0;
  bool escaped_ = false;
};

}  // namespace

std::unique_ptr<CallParser> MakePythonCallParser(const CallSyntax& syntax, CallSink& sink) {
  return std::make_unique<PythonCallParser>(syntax, sink);
}

}  // namespace skep::engine::output
