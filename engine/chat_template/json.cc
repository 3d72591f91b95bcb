#include "engine/chat_template/json.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/chat_template/number.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

class Writer final {
 public:
  Writer(const JsonStyle& style, Budget& budget) : style_(style), budget_(budget) {}

  MarkedText Run(const Value& value) {
    Write(value);
    return std::move(marked_);
  }

 private:
  // Pays for what has been written since the last call: the text is not a value yet.
  void Charge() {
    const int64_t added = static_cast<int64_t>(out_.size() - charged_);
    charged_ = out_.size();
    budget_.Allocate(added);
    budget_.Release(added);
  }

  void WriteText(const Value& string) {
    const size_t begin = out_.size();
    WriteString(string.text());
    if (IsMarked(string)) marked_.MarkFrom(begin);
  }

  void WriteString(std::string_view text) {
    out_ += '"';
    if (!style_.ensure_ascii) {
      size_t done = 0;
      for (size_t i = 0; i < text.size(); ++i) {
        const unsigned char c = static_cast<unsigned char>(text[i]);
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        out_.append(text, done, i - done);
        WriteCharacter(c, text[i]);
        done = i + 1;
      }
      out_.append(text, done);
    } else {
      for (char32_t c : Decode(text)) WriteAscii(c);
    }
    out_ += '"';
  }

  // Escapes control characters, quotes and backslashes; `byte` goes out as it is otherwise.
  void WriteCharacter(char32_t c, char byte) {
    switch (c) {
      case '"':
        out_ += "\\\"";
        break;
      case '\\':
        out_ += "\\\\";
        break;
      case '\n':
        out_ += "\\n";
        break;
      case '\r':
        out_ += "\\r";
        break;
      case '\t':
        out_ += "\\t";
        break;
      case '\f':
        out_ += "\\f";
        break;
      case '\b':
        out_ += "\\b";
        break;
      default:
        if (c < 0x20) {
          absl::StrAppendFormat(&out_, "\\u%04x", static_cast<unsigned>(c));
        } else {
          out_ += byte;
        }
    }
  }

  void WriteAscii(char32_t c) {
    if (c < 0x7F) return WriteCharacter(c, static_cast<char>(c));
    if (c < 0x10000) {
      absl::StrAppendFormat(&out_, "\\u%04x", static_cast<unsigned>(c));
      return;
    }
    const unsigned rest = static_cast<unsigned>(c) - 0x10000;
    absl::StrAppendFormat(&out_, "\\u%04x\\u%04x", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
  }

  static std::string NumberText(const Value& value) {
    if (value.is_int()) return StrCat(value.integer());
    const double number = value.number();
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
    return FloatRepr(number);
  }

  void WriteKey(const Value& key) {
    if (key.is_string()) return WriteText(key);
    if (key.is_none()) return WriteString("null");
    if (key.is_bool()) return WriteString(key.boolean() ? "true" : "false");
    if (key.is_number()) return WriteString(NumberText(key));
    Fail(StrCat("keys must be str, int, float, bool or None, not ", TypeName(key)));
  }

  void NewLine() {
    if (!style_.indent) return;
    out_ += '\n';
    for (int i = 0; i < level_; ++i) out_ += *style_.indent;
  }

  // `count` items in brackets, each written by `write`.
  template <typename WriteItem>
  void WriteItems(char open, char close, size_t count, WriteItem write) {
    out_ += open;
    if (count > 0) {
      ++level_;
      for (size_t i = 0; i < count; ++i) {
        if (i > 0) out_ += style_.item_separator;
        NewLine();
        write(i);
      }
      --level_;
      NewLine();
    }
    out_ += close;
  }

  void WriteDict(const Dict& dict) {
    std::vector<const Dict::Entry*> entries;
    for (const Dict::Entry& entry : dict.entries()) entries.push_back(&entry);
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(), [&](const auto* a, const auto* b) {
        return Less(a->key, b->key, "<", budget_);
      });
    }
    WriteItems('{', '}', entries.size(), [&](size_t i) {
      WriteKey(entries[i]->key);
      out_ += style_.key_separator;
      Write(entries[i]->value);
    });
  }

  void Write(const Value& value) {
    budget_.Step();
    DepthGuard guard(budget_);
    if (value.is_string()) {
      WriteText(value);
    } else if (value.is_none()) {
      out_ += "null";
    } else if (value.is_bool()) {
      out_ += value.boolean() ? "true" : "false";
    } else if (value.is_number()) {
      out_ += NumberText(value);
    } else if (value.is_dict()) {
      WriteDict(value.dict());
    } else if (value.is_list() && (value.list().type == List::Type::kList ||
                                   value.list().type == List::Type::kTuple)) {
      const auto& items = value.list().items;
      WriteItems('[', ']', items.size(), [&](size_t i) { Write(items[i]); });
    } else {
      Fail(StrCat("Object of type ", TypeName(value), " is not JSON serializable"));
    }
    Charge();
  }

  const JsonStyle& style_;
  Budget& budget_;
  MarkedText marked_;
  std::string& out_ = marked_.text;
  size_t charged_ = 0;
  int level_ = 0;
};

}  // namespace

MarkedText DumpJson(const Value& value, const JsonStyle& style, Budget& budget) {
  return Writer(style, budget).Run(value);
}

}  // namespace skep::engine::jinja
