#include "engine/output_format/param_value.h"

#include "engine/output_format/json_scanner.h"
#include "engine/output_format/loose_literal.h"

namespace skep::engine::output {
namespace {

constexpr size_t kStreamStep = 64;  // a string is passed on in pieces of about so many bytes
constexpr std::string_view kCdata = "<![CDATA[";
constexpr std::string_view kCdataEnd = "]]>";

}  // namespace

void ParamValue::Begin(std::string_view function, std::string_view key, std::string_view type,
                       std::string_view end) {
  function_ = function;
  key_ = key;
  type_ = type;
  end_ = end;
  text_.clear();
  cdata_ = false;
  at_start_ = true;
  is_string_ = type.empty() ? schemas_.IsString(function, key) : type == "true" || type == "string";
  if (is_string_) sink_.Arguments("\"");
}

bool ParamValue::Push(char c) {
  text_ += c;
  if (!cdata_ && at_start_ && text_ == kCdata) {
    cdata_ = true;
    text_.clear();
    return false;
  }
  std::string_view text = text_;
  if (text.ends_with(end_)) {
    text.remove_suffix(end_.size());
    if (!cdata_ || text.ends_with(kCdataEnd)) {
      if (cdata_) text.remove_suffix(kCdataEnd.size());
      End(text);
      return true;
    }
  }
  if (is_string_) Stream();
  return false;
}

// Passes on what cannot be part of the end, in whole characters.
void ParamValue::Stream() {
  const size_t held = end_.size() + kCdata.size() + 1;
  if (text_.size() < held + kStreamStep) return;
  size_t size = text_.size() - held;
  while (size > 0 && (static_cast<unsigned char>(text_[size]) & 0xC0) == 0x80) --size;
  PassOn(std::string_view(text_).substr(0, size));
  text_.erase(0, size);
}

void ParamValue::PassOn(std::string_view text) {
  if (at_start_ && newlines_ && text.starts_with("\n")) text.remove_prefix(1);
  at_start_ = false;
  std::string json;
  AppendJsonEscaped(text, json);
  sink_.Arguments(json);
}

void ParamValue::End(std::string_view text) {
  if (newlines_ && text.size() > (at_start_ ? 1 : 0) && text.ends_with("\n")) {
    text.remove_suffix(1);
  }
  if (is_string_) {
    PassOn(text);
    sink_.Arguments("\"");
    return;
  }
  if (newlines_ && text.starts_with("\n")) text.remove_prefix(1);
  std::string json;
  const bool is_json = !type_.empty() && ReadJson(text, json) != 0;
  if (!is_json) json = schemas_.ToJson(function_, key_, text);
  sink_.Arguments(json);
}

}  // namespace skep::engine::output
