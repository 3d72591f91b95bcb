// The value of one parameter, as a model writes it between two markers.
#ifndef SKEP_ENGINE_OUTPUT_FORMAT_PARAM_VALUE_H_
#define SKEP_ENGINE_OUTPUT_FORMAT_PARAM_VALUE_H_

#include <string>
#include <string_view>

#include "engine/output_format/call_parser.h"
#include "engine/output_format/tool_schemas.h"

namespace skep::engine::output {

// Passes the value on as JSON: a string piece by piece while it comes, anything else at its end.
class ParamValue {
 public:
  // `newlines`: one at the value's beginning and one at its end belong to the markers.
  ParamValue(const ToolSchemas& schemas, bool newlines, CallSink& sink)
      : schemas_(schemas), newlines_(newlines), sink_(sink) {}

  // The value of `key` of `function`, up to `end`. `type`: what the model said of it, "" if
  // nothing: then the schema decides. All must stay until the value has ended.
  void Begin(std::string_view function, std::string_view key, std::string_view type,
             std::string_view end);

  // Whether the value ends with `c`.
  bool Push(char c);

 private:
  void Stream();
  void PassOn(std::string_view text);
  void End(std::string_view text);

  const ToolSchemas& schemas_;
  const bool newlines_;
  CallSink& sink_;
  std::string_view function_, key_, type_, end_;
  std::string text_;  // not passed on yet
  bool is_string_ = false;
  bool at_start_ = true;
  bool cdata_ = false;  // <![CDATA[ ... ]]>: the end may stand in the value
};

}  // namespace skep::engine::output

#endif  // SKEP_ENGINE_OUTPUT_FORMAT_PARAM_VALUE_H_
