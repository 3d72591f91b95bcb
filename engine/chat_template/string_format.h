// Python's two ways to fill values into a text.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_STRING_FORMAT_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_STRING_FORMAT_H_

#include <string>
#include <string_view>

#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/value.h"

namespace skep::engine::jinja {

// format % arguments; `mapping` where the one argument is a dictionary, else null.
std::string PercentFormat(Interpreter& interpreter, std::string_view format,
                          const Arguments& arguments, const Dict* mapping);

// format.format(*arguments).
std::string BraceFormat(Interpreter& interpreter, std::string_view format,
                        const Arguments& arguments);

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_STRING_FORMAT_H_
