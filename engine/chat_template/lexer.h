// Cuts a template into tokens, with Jinja's rules of white space applied (trim_blocks and
// lstrip_blocks on, as Hugging Face sets them).
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_LEXER_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_LEXER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/chat_template/error.h"

namespace skep::engine::jinja {

struct Token {
  enum class Type {
    kData,           // text between tags
    kVariableBegin,  // {{
    kVariableEnd,    // }}
    kBlockBegin,     // {%
    kBlockEnd,       // %}
    kName,
    kString,  // text: unescaped
    kInteger,
    kFloat,
    kOperator,  // text: the operator
    kEnd,
  };

  // Is this the operator or the end of a tag (`op`), or the name (`name`)?
  bool IsOperator(std::string_view op) const { return type == Type::kOperator && text == op; }
  bool IsName(std::string_view name) const { return type == Type::kName && text == name; }

  Type type = Type::kEnd;
  Position position;
  std::string text;
  int64_t integer = 0;
  double number = 0;
};

// The inside of a string literal with Python's escapes resolved; an unknown one stays as it is.
std::string Unescape(std::string_view text);

// How a message names a token.
std::string Describe(const Token& token);

// The tokens, with kEnd at the end. Throws TemplateError.
std::vector<Token> Tokenize(std::string_view source);

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_LEXER_H_
