// json.dumps, to the letter.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_JSON_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_JSON_H_

#include <optional>
#include <string>

#include "engine/chat_template/value.h"

namespace skep::engine::jinja {

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  std::optional<std::string> indent;  // what one level is indented by; none: all on one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};

// A string with anything of the user's in it is marked as a whole. Throws TemplateError for what
// JSON cannot hold.
MarkedText DumpJson(const Value& value, const JsonStyle& style, Budget& budget);

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_JSON_H_
