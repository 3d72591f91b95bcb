// Follows "a.b.0" into an item, as filters' `attribute` arguments do.
#ifndef SKEP_ENGINE_CHAT_TEMPLATE_ATTRIBUTE_PATH_H_
#define SKEP_ENGINE_CHAT_TEMPLATE_ATTRIBUTE_PATH_H_

#include <vector>

#include "absl/functional/function_ref.h"
#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/value.h"

namespace skep::engine::jinja {

class AttributePath final {
 public:
  // None: the item itself. `otherwise` stands for what is undefined; None: for nothing.
  AttributePath(Interpreter& interpreter, const Value& attribute, Value otherwise = Value());

  Value operator()(const Value& item) const;

 private:
  Interpreter& interpreter_;
  Value otherwise_;
  std::vector<Value> parts_;
};

// What some filters return in place of a list: it can be read once.
Value MakeGenerator(Interpreter& interpreter, std::vector<Value> items);
// The same of what `fill` adds, whose failure is only met by who reads on to it.
Value MakeGenerator(Interpreter& interpreter, absl::FunctionRef<void(std::vector<Value>&)> fill);

}  // namespace skep::engine::jinja

#endif  // SKEP_ENGINE_CHAT_TEMPLATE_ATTRIBUTE_PATH_H_
