// Takes a model's output apart while it arrives.
#ifndef SKEP_ENGINE_OUTPUT_FORMAT_OUTPUT_PARSER_H_
#define SKEP_ENGINE_OUTPUT_FORMAT_OUTPUT_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/output_format/call_parser.h"
#include "engine/output_format/format_table.h"
#include "engine/output_format/marker_scanner.h"
#include "engine/output_format/output_format.h"
#include "engine/output_format/parsed_output.h"
#include "engine/output_format/tool_schemas.h"

namespace skep::engine {

// For one sequence. How the text is cut into pieces makes no difference to what they add up to.
//
//  * A call begins as soon as its name is known, and its arguments follow as they come; it counts
//    once they are closed, whether or not a closing marker follows. Until then its text is kept: if
//    it turns out to be no call, or the output ends, the call is discarded and the text, from the
//    opening marker on, becomes content.
//  * Thoughts that never end stay thoughts.
//  * Markers, and the white space between them and the text around them, belong to nobody. Nothing
//    else is lost: text without markers is passed on byte by byte.
//  * It takes linear time, and memory for the largest call.
//
// Thread-compatible.
class OutputParser final : private output::CallSink {
 public:
  struct Options {
    // Markers that mean nothing where they stand and are left out: special tokens that only reach
    // the parser because they may be part of the format. The views must outlive it.
    std::vector<std::string_view> stray_markers;
    // Makes the ids of calls that have none from the model.
    uint64_t id_seed = 0;
  };

  // All must outlive it.
  OutputParser(const OutputFormat& format, const ToolSchemas& tools, Options options);

  // Tells how the prompt ends: with what the template wrote behind the last message. It may begin
  // thoughts ("<think>") or a header. Before the first Append.
  void Continue(std::string_view prompt_end);

  // Adds to `out` what is certain so far.
  void Append(std::string_view text, ParsedOutput& out);
  // Adds what was held back, now that no more text follows.
  void Finish(ParsedOutput& out);

  // Calls that are whole.
  int64_t calls() const { return whole_calls_; }

 private:
  enum class Mode { kContent, kReasoning, kHeader, kCall };
  // What a marker does.
  enum class Action {
    kReason,
    kAnswer,
    kDrop,
    kGroup,
    kCall,
    kOpenHeader,
    kEndHeader,
    kCloseMessage
  };

  // CallSink
  bool Accepts(std::string_view name) override;
  void Begin(std::string_view name, std::string_view id) override;
  void Arguments(std::string_view json) override;
  void End() override;
  void Passed() override { raw_.clear(); }

  void Process(char c);
  void Drain();  // the scanner
  void Enter(Mode mode);
  void SetMarkers();
  void Text(std::string_view text);
  void Marker(Action action, std::string_view text);
  void Mention(std::string_view text);
  void EndSegment();

  void AddToHeader(std::string_view text);
  void EndHeader();

  void OpenCalls(std::string_view marker, bool opened, bool bare);
  std::unique_ptr<output::CallParser> ChooseParser(char c);
  bool BeginsBareCall(char c) const;
  void InCall(char c);
  void FailCall(size_t unread);
  void GiveBack(std::string_view raw);
  ToolCallDelta& Delta();
  void Discard();
  std::string MakeId();

  const output::ReasoningSpec* const reasoning_;
  const output::CallSyntax* const calls_;
  const ToolSchemas& tools_;
  const Options options_;
  const output::Frame frame_;

  ParsedOutput* out_ = nullptr;  // during a call
  Mode mode_ = Mode::kContent;
  output::MarkerScanner scanner_;
  std::vector<Action> actions_;  // of the scanner's markers

  // Of the present segment of text.
  std::string space_;         // at its end: nobody's if a marker follows
  bool trim_start_ = false;   // a marker came before it
  bool any_content_ = false;  // the answer has begun
  bool any_reasoning_ = false;
  bool segment_empty_ = true;
  bool joint_ = false;  // another message's text comes next

  std::string header_;  // with markers
  std::string raw_;     // the text of a header, or of calls that are not whole yet

  std::unique_ptr<output::CallParser> parser_;
  bool undecided_ = false;  // which reader it takes: white space follows the marker so far
  bool opened_ = false;
  bool bare_ = false;
  bool call_open_ = false;  // between Begin and End
  uint32_t next_index_ = 0;
  int64_t whole_calls_ = 0;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_OUTPUT_FORMAT_OUTPUT_PARSER_H_
