#include "engine/output_format/element_tree.h"

#include <string>
#include <string_view>

#include "engine/output_format/json_scanner.h"
#include "engine/output_format/tool_schemas.h"

namespace skep::engine::output {
namespace {

constexpr std::string_view kItem = "item";

class Reader {
 public:
  Reader(std::string_view text, std::string_view prefix, const ToolSchemas& schemas,
         std::string_view tool)
      : text_(text), prefix_(prefix), schemas_(schemas), tool_(tool) {}

  // All elements up to the end, or up to a closing tag.
  bool Object(std::string_view parent, std::string& json, size_t depth) {
    json += '{';
    std::string_view name;
    for (bool first = true; Open(name); first = false) {
      if (!first) json += ", ";
      json += '"';
      AppendJsonEscaped(name, json);
      json += "\": ";
      const std::string_view schema = parent.empty() ? name : std::string_view();
      if (!Element(name, schema, json, depth + 1)) return false;
    }
    json += '}';
    SkipSpace();
    return true;
  }

  bool at_end() const { return pos_ == text_.size(); }

 private:
  // From behind the opening tag of `name` to behind the closing one. `schema`: the parameter whose
  // type it has, if any.
  bool Element(std::string_view name, std::string_view schema, std::string& json, size_t depth) {
    if (depth > JsonScanner::kMaxDepth) return false;
    const size_t begin = pos_;
    std::string_view child;
    if (Open(child)) {
      pos_ = begin;
      if (child == kItem ? !List(json, depth) : !Object(name, json, depth)) return false;
    } else {
      const size_t end = text_.find(prefix_, pos_);
      if (end == std::string_view::npos) return false;
      const std::string_view value = text_.substr(pos_, end - pos_);
      pos_ = end;
      if (value.empty() && schemas_.IsArray(tool_, schema)) {
        json += "[]";
      } else {
        json += schemas_.ToJson(tool_, schema, value);
      }
    }
    return Close(name);
  }

  bool List(std::string& json, size_t depth) {
    json += '[';
    std::string_view name;
    for (bool first = true; Open(name); first = false) {
      if (!first) json += ", ";
      if (name != kItem || !Element(name, /*schema=*/{}, json, depth + 1)) return false;
    }
    json += ']';
    return true;
  }

  bool Open(std::string_view& name) {
    const size_t begin = pos_;
    SkipSpace();
    const std::string_view rest = text_.substr(pos_);
    if (rest.starts_with(prefix_) && rest.substr(prefix_.size()).starts_with("<") &&
        !rest.substr(prefix_.size()).starts_with("</")) {
      const size_t name_begin = prefix_.size() + 1;
      const size_t end = rest.find('>', name_begin);
      if (end != std::string_view::npos && end > name_begin) {
        name = rest.substr(name_begin, end - name_begin);
        pos_ += end + 1;
        return true;
      }
    }
    pos_ = begin;
    return false;
  }

  bool Close(std::string_view name) {
    SkipSpace();
    for (std::string_view token : {prefix_, std::string_view("</"), name, std::string_view(">")}) {
      if (!text_.substr(pos_).starts_with(token)) return false;
      pos_ += token.size();
    }
    return true;
  }

  void SkipSpace() {
    while (pos_ < text_.size() && Trim(text_.substr(pos_, 1)).empty()) ++pos_;
  }

  const std::string_view text_, prefix_;
  const ToolSchemas& schemas_;
  const std::string_view tool_;
  size_t pos_ = 0;
};

}  // namespace

bool ElementsToJson(std::string_view text, std::string_view prefix, const ToolSchemas& schemas,
                    std::string_view tool, std::string& json) {
  Reader reader(text, prefix, schemas, tool);
  return reader.Object(/*parent=*/{}, json, /*depth=*/0) && reader.at_end();
}

}  // namespace skep::engine::output
