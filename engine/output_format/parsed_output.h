// What a model's output is made of: an answer, thoughts and tool calls.
#ifndef SKEP_ENGINE_OUTPUT_FORMAT_PARSED_OUTPUT_H_
#define SKEP_ENGINE_OUTPUT_FORMAT_PARSED_OUTPUT_H_

#include <cstdint>
#include <string>
#include <vector>

namespace skep::engine {

// Some more of a tool call. The first of each index has the id and the name; the arguments of all,
// put together, are one JSON object.
struct ToolCallDelta {
  uint32_t index = 0;  // 0 .. in the order of the calls
  std::string id;      // the model's own where it gives one, else made up
  std::string name;
  std::string arguments;
  // What came of this call so far is no call after all (it was malformed, or the output ended
  // within it): forget it. Its text follows as content. The index may be used again.
  bool discarded = false;

  friend bool operator==(const ToolCallDelta&, const ToolCallDelta&) = default;
};

// Adds `more`, which follows, to `whole`: one delta for each call. Of a call that is discarded
// nothing remains, unless its beginning is in neither (it was read before): then the notice does.
void AppendToolCalls(std::vector<ToolCallDelta>& whole, std::vector<ToolCallDelta> more);

struct ParsedOutput {
  std::string content;
  std::string reasoning;
  std::vector<ToolCallDelta> tool_calls;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_OUTPUT_FORMAT_PARSED_OUTPUT_H_
