// Python's two ways to fill values into a text.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_STRING_FORMAT_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_STRING_FORMAT_H_

#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/value.h"

namespace skep::engine::jinja {

// format % arguments; `mapping` where the one argument is a dictionary, else null.
MarkedText PercentFormat(Interpreter& interpreter, const StringData& format,
                         const Arguments& arguments, const Dict* mapping);

// format.format(*arguments).
MarkedText BraceFormat(Interpreter& interpreter, const StringData& format,
                       const Arguments& arguments);

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_STRING_FORMAT_H_
