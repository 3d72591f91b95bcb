// Values as models write them where their format is not JSON: Python's literals, and Gemma's.
#ifndef SKEP_ENGINE_OUTPUT_FORMAT_LOOSE_LITERAL_H_
#define SKEP_ENGINE_OUTPUT_FORMAT_LOOSE_LITERAL_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace skep::engine::output {

// Reads None, True and null, numbers, strings in '' or "", lists, tuples and dictionaries, JSON's
// values among them, and writes them as JSON. Takes linear time; what is nested more than 128
// levels deep is refused.
class LooseReader final {
 public:
  // `quote`: a further way to begin and end a string, which then has no escapes ("<|\"|>"); with
  // one, keys need no quotes either. The views must outlive it.
  explicit LooseReader(std::string_view text, std::string_view quote = {})
      : text_(text), quote_(quote) {}

  // Append what they read as JSON and return true, or return false. Nothing but white space may
  // follow it.
  bool ReadValue(std::string& json);
  // "a=1, b='x'" as an object.
  bool ReadKeywordArguments(std::string& json);

 private:
  bool Value(std::string& json, size_t depth);
  bool Items(char close, std::string& json, size_t depth);
  bool Dictionary(std::string& json, size_t depth);
  bool Key(std::string& json);
  bool String(std::string& json);
  bool QuotedString(char quote, std::string& json);
  bool Escape(std::string& text);
  bool Number(std::string& json);
  bool Word(std::string& word);

  void SkipSpace();
  bool Accept(std::string_view token);
  bool AtEnd();

  std::string_view text_;
  const std::string_view quote_;
  size_t pos_ = 0;
};

}  // namespace skep::engine::output

#endif  // SKEP_ENGINE_OUTPUT_FORMAT_LOOSE_LITERAL_H_
