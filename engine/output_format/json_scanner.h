// Reads one JSON value byte by byte.
#ifndef SKEP_ENGINE_OUTPUT_FORMAT_JSON_SCANNER_H_
#define SKEP_ENGINE_OUTPUT_FORMAT_JSON_SCANNER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace skep::engine::output {

// Checks an object or array (RFC 8259) as its bytes come, with one liberty: control characters in
// strings, which models write, are escaped instead of refused. Takes constant time a byte, and a
// byte of memory a level, of which there are at most kMaxDepth. Thread-compatible.
class JsonScanner final {
 public:
  static constexpr size_t kMaxDepth = 128;

  enum class Step {
    kMore,
    kDone,   // the value ends with this byte
    kError,  // this byte cannot follow
  };

  // The first byte that counts is '{' or '['; white space before it is skipped.
  Step Push(char c);

  // The JSON that the last byte added: itself, or its escape.
  std::string_view written() const { return written_; }

  // Objects and arrays that are open.
  size_t depth() const { return open_.size(); }
  bool in_string() const {
    return state_ == State::kString || state_ == State::kEscape || state_ == State::kUnicode;
  }
  // In a key, or in a string that is a value.
  bool in_key() const { return in_key_; }
  // Between a key's colon (or a bracket, or a comma of an array) and what follows.
  bool awaits_value() const { return state_ == State::kValue || state_ == State::kFirstElement; }
  bool awaits_key() const { return state_ == State::kFirstKey || state_ == State::kKey; }
  // Behind a value, as far as one can tell: "12" may go on.
  bool after_value() const { return state_ == State::kAfterValue; }

 private:
  enum class State : uint8_t {
    kValue,
    kFirstElement,  // of an array, or its end
    kFirstKey,      // of an object, or its end
    kKey,
    kColon,
    kAfterValue,
    kString,
    kEscape,
    kUnicode,
    kLiteral,
    kNumber,
  };

  Step Fail() { return Step::kError; }
  Step BeginValue(char c);
  Step Open(char c);
  Step EndValue(char c);
  Step InString(char c);
  bool EndUnicodeEscape();
  Step InNumber(char c);
  Step AfterValue(char c);

  State state_ = State::kValue;
  std::string open_;  // '{' or '[' for each level
  bool in_key_ = false;
  int hex_digits_ = 0;
  uint32_t hex_ = 0;             // of \uXXXX so far
  bool high_surrogate_ = false;  // the other half of the pair must follow
  std::string_view literal_;     // what is left of true, false or null
  enum class Number : uint8_t { kSign, kZero, kInteger, kPoint, kFraction, kE, kESign, kExponent };
  Number number_ = Number::kSign;
  std::string written_;
};

// What `text` is if it is one JSON value with nothing around it but white space: '{', '[', '"',
// 'n' (a number), 't' (true or false) or '0' (null); else 0. Appends the value to `out`, with
// control characters escaped; after 0 it holds no value.
char ReadJson(std::string_view text, std::string& out);

// Without the white space around it.
std::string_view Trim(std::string_view text);

// Appends `text` as a JSON string without its quotes.
void AppendJsonEscaped(std::string_view text, std::string& out);

}  // namespace skep::engine::output

#endif  // SKEP_ENGINE_OUTPUT_FORMAT_JSON_SCANNER_H_
