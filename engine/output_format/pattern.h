// How a tool call is written, as a pattern: "<function=$name>$params</function>".
#ifndef SKEP_ENGINE_OUTPUT_FORMAT_PATTERN_H_
#define SKEP_ENGINE_OUTPUT_FORMAT_PATTERN_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace skep::engine::output {

// Literal text and captures in turn. White space between the two does not count, except around
// $value; nor does it where "~" cuts a literal in two. "(...)" may be left out.
struct PatternNode {
  enum class Kind {
    kLiteral,
    kName,    // $name of the function
    kId,      // $id of the call; if there is no $name, it holds the name too ("functions.f:0")
    kSkip,    // $skip: anything
    kJson,    // $json: the arguments, a JSON object
    kDict,    // $dict: the arguments as Gemma writes objects
    kTree,    // $tree: the arguments as elements in elements
    kParams,  // $params: any number of parameters, which have a pattern of their own
    kKey,     // $key of a parameter
    kType,    // $type: "true" and "string" say that the value is a string, all else that it is JSON
    kValue,   // $value: everything up to the next literal
  };
  Kind kind = Kind::kLiteral;
  std::string literal;
  size_t skip_to = 0;  // of the first node in "(...)": the node behind it
};

using Pattern = std::vector<PatternNode>;

// `source` is one of ours (see format_table.cc): an unknown $word stays literal text.
Pattern CompilePattern(std::string_view source);

}  // namespace skep::engine::output

#endif  // SKEP_ENGINE_OUTPUT_FORMAT_PATTERN_H_
