// Arguments as elements in elements: <days><item>1</item></days>.
#ifndef SKEP_ENGINE_OUTPUT_FORMAT_ELEMENT_TREE_H_
#define SKEP_ENGINE_OUTPUT_FORMAT_ELEMENT_TREE_H_

#include <string>
#include <string_view>

#include "engine/output_format/tool_schemas.h"

namespace skep::engine::output {

// Appends the elements in `text` as a JSON object and returns true, or returns false. `prefix`
// stands before each tag. An element with <item> elements is a list, one with others an object; the
// rest has the type that the schema of `tool` or its looks give it. Nested at most 128 levels deep.
bool ElementsToJson(std::string_view text, std::string_view prefix, const ToolSchemas& schemas,
                    std::string_view tool, std::string& json);

}  // namespace skep::engine::output

#endif  // SKEP_ENGINE_OUTPUT_FORMAT_ELEMENT_TREE_H_
