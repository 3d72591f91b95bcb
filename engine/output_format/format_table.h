// The formats as data. To add one, add a row to format_table.cc and, where its chat template is not
// among those of the golden test, a case to tests/unit/output_format/formats_test.cc.
#ifndef SKEP_ENGINE_OUTPUT_FORMAT_FORMAT_TABLE_H_
#define SKEP_ENGINE_OUTPUT_FORMAT_FORMAT_TABLE_H_

#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace skep::engine::output {

// Messages of some models have headers, which say what the text behind them is.
enum class Frame {
  kNone,
  kHarmony,      // <|start|>assistant<|channel|>commentary to=functions.f<|message|>{...}<|call|>
  kRecipient,    // <|start|>assistant to=self<|message|>...<|eom|>
  kFunctionary,  // >>>f\n{...}
};

struct FrameSyntax {
  // Begins a header; the first begins it anew wherever it stands.
  std::vector<std::string_view> open;
  std::string_view message;             // ends it: the message follows
  std::vector<std::string_view> close;  // ends a message
};
const FrameSyntax& SyntaxOf(Frame frame);

// What a header says of its message.
struct Header {
  enum class Kind { kContent, kReasoning, kCall, kInvalid };
  Kind kind = Kind::kContent;
  std::string_view name;  // of the function to call
};
// `text`: the header with the markers in it, but for the last one.
Header ReadHeader(Frame frame, std::string_view text);

// Of what a format is recognised in the source of a chat template: all of `all`, nothing of `none`.
struct Detection {
  std::vector<std::string_view> all;
  std::vector<std::string_view> none;
};

struct ReasoningSpec {
  std::string_view name;
  std::vector<std::string_view> open;
  std::vector<std::string_view> close;
  std::vector<std::string_view> dropped;  // what is left out of the answer around it
  Frame frame = Frame::kNone;
  // The beginning of a tool call ends the thoughts too. For markers that no prose would mention.
  bool ended_by_call = false;
  std::vector<Detection> detect;  // any of these
};

struct CallSpec {
  std::string_view name;
  // What begins a group of calls, and what ends it where something does. Without `open`, each call
  // stands for itself: `call` begins with its marker.
  std::vector<std::string_view> open;
  std::vector<std::string_view> close;
  // How calls are written inside; where there is more than one way, the first character tells:
  // '{' and '[' begin JSON, else the pattern is tried, else Python.
  bool json = false;             // {"name": "f", "arguments": {...}}, or several, or an array
  bool name_is_key = false;      // of JSON: {"f": {arguments}}
  std::string_view call;         // pattern.h
  std::string_view param;        // the pattern of one of $params
  bool python = false;           // f(a=1), [f(a=1), g()]
  std::string_view quote;        // of $dict
  std::string_view tree_prefix;  // before every tag of $tree
  bool open_optional = false;    // the call's own marker begins a group too
  bool value_newlines = false;   // a line break on either side of $value is not part of it
  // The answer itself may be a call: it begins with '{' ('[' for Python) and names a tool of the
  // request.
  bool bare = false;
  Frame frame = Frame::kNone;
  std::vector<Detection> detect;
};

// In the order in which detection tries them.
absl::Span<const ReasoningSpec> ReasoningSpecs();
absl::Span<const CallSpec> CallSpecs();

}  // namespace skep::engine::output

#endif  // SKEP_ENGINE_OUTPUT_FORMAT_FORMAT_TABLE_H_
