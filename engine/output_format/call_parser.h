// Readers of tool calls, byte by byte.
#ifndef SKEP_ENGINE_OUTPUT_FORMAT_CALL_PARSER_H_
#define SKEP_ENGINE_OUTPUT_FORMAT_CALL_PARSER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/output_format/format_table.h"
#include "engine/output_format/pattern.h"
#include "engine/output_format/tool_schemas.h"

namespace skep::engine::output {

// What a reader finds: for each call Begin, Arguments any number of times, End. Where a call turns
// out to be none after Begin, there is no End.
class CallSink {
 public:
  virtual ~CallSink() = default;
  // Whether a call of this name is one at all.
  virtual bool Accepts(std::string_view name) = 0;
  virtual void Begin(std::string_view name, std::string_view id) = 0;
  virtual void Arguments(std::string_view json) = 0;
  virtual void End() = 0;
  // What was read since End only stands between or behind calls.
  virtual void Passed() = 0;
};

// Reads a group of calls, from behind the marker that begins it.
class CallParser {
 public:
  enum class Step {
    kMore,
    kDone,    // the group ends with this byte
    kFailed,  // this is no (further) call
  };
  virtual ~CallParser() = default;

  virtual Step Push(char c) = 0;
  // After kFailed: so many of the last bytes, at least this one, may begin something else.
  virtual size_t unread() const = 0;
  // All calls that began have ended: what was read since is only what stands between calls.
  virtual bool between_calls() const = 0;
};

// Reads one of the markers that close a group of calls.
class ClosingMarker {
 public:
  explicit ClosingMarker(const std::vector<std::string_view>& markers) : markers_(markers) {}

  // Bytes of a marker read so far.
  size_t read() const { return read_.size(); }

  CallParser::Step Push(char c) {
    read_ += c;
    for (const std::string_view marker : markers_) {
      if (marker == read_) return CallParser::Step::kDone;
      if (marker.starts_with(read_)) return CallParser::Step::kMore;
    }
    return CallParser::Step::kFailed;
  }

 private:
  const std::vector<std::string_view>& markers_;
  std::string read_;
};

// What the readers need to know. Immutable.
struct CallSyntax {
  explicit CallSyntax(const CallSpec& spec)
      : spec(spec), call(CompilePattern(spec.call)), param(CompilePattern(spec.param)) {}

  const CallSpec& spec;
  const Pattern call;
  const Pattern param;
};

// The arguments must outlive the readers.
std::unique_ptr<CallParser> MakeJsonCallParser(const CallSyntax& syntax, bool bare, CallSink& sink);
std::unique_ptr<CallParser> MakePythonCallParser(const CallSyntax& syntax, CallSink& sink);
// `opened`: the first literal of the call has been read (else any of the group's markers).
// `name`: that of the call, where its header gave it; then empty otherwise.
std::unique_ptr<CallParser> MakePatternCallParser(const CallSyntax& syntax,
                                                  const ToolSchemas& schemas, bool opened,
                                                  std::string_view name, CallSink& sink);

}  // namespace skep::engine::output

#endif  // SKEP_ENGINE_OUTPUT_FORMAT_CALL_PARSER_H_
