// Which way a model writes its thoughts and its tool calls.
//
// A format is data (format_table.cc); output_parser.h reads text by it. There are two choices, for
// thoughts and for calls, because models combine them freely. Both follow from the chat template,
// whose words are what the model was trained on.
#ifndef SKEP_ENGINE_OUTPUT_FORMAT_OUTPUT_FORMAT_H_
#define SKEP_ENGINE_OUTPUT_FORMAT_OUTPUT_FORMAT_H_

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace skep::engine {

namespace output {
struct ReasoningSpec;
struct CallSyntax;
}  // namespace output

// Immutable, cheap to copy, safe to share between threads.
class OutputFormat final {
 public:
  // Neither thoughts nor calls: all is content.
  OutputFormat() = default;

  // By the names of ToolCallFormatNames() and ReasoningFormatNames(), "none", or "auto": what the
  // chat template (`template_source`, which may be empty) suggests, else none. InvalidArgument for
  // other names, with those that there are.
  static absl::StatusOr<OutputFormat> Choose(std::string_view tool_calls,
                                             std::string_view reasoning,
                                             std::string_view template_source);

  bool empty() const { return reasoning_ == nullptr && calls_ == nullptr; }
  std::string_view tool_call_name() const;  // "none"
  std::string_view reasoning_name() const;

  // Every piece of literal text that the format is made of. A special token within one of them must
  // reach the parser.
  std::vector<std::string_view> Literals() const;

  const output::ReasoningSpec* reasoning() const { return reasoning_; }
  const output::CallSyntax* calls() const { return calls_.get(); }

 private:
  const output::ReasoningSpec* reasoning_ = nullptr;  // in the table
  std::shared_ptr<const output::CallSyntax> calls_;
};

std::vector<std::string_view> ToolCallFormatNames();
std::vector<std::string_view> ReasoningFormatNames();

}  // namespace skep::engine

#endif  // SKEP_ENGINE_OUTPUT_FORMAT_OUTPUT_FORMAT_H_
