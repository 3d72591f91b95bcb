#include "engine/output_format/output_format.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "engine/output_format/call_parser.h"
#include "engine/output_format/format_table.h"
#include "engine/output_format/pattern.h"

namespace skep::engine {
namespace {

using output::CallSpec;
using output::CallSpecs;
using output::Detection;
using output::Frame;
using output::PatternNode;
using output::ReasoningSpec;
using output::ReasoningSpecs;

bool Matches(const Detection& detection, std::string_view source) {
  const auto occurs = [source](std::string_view text) {
    return source.find(text) != std::string_view::npos;
  };
  return std::all_of(detection.all.begin(), detection.all.end(), occurs) &&
         std::none_of(detection.none.begin(), detection.none.end(), occurs);
}

template <typename Spec>
std::vector<std::string_view> Names(absl::Span<const Spec> specs) {
  std::vector<std::string_view> names;
  for (const Spec& spec : specs) names.push_back(spec.name);
  return names;
}

// Null for "none", and for "auto" where the template says nothing.
template <typename Spec>
absl::StatusOr<const Spec*> Find(absl::Span<const Spec> specs, std::string_view what,
                                 std::string_view name, std::string_view source) {
  if (name == "none") return nullptr;
  for (const Spec& spec : specs) {
    if (name == "auto" ? std::any_of(spec.detect.begin(), spec.detect.end(),
                                     [source](const Detection& d) { return Matches(d, source); })
                       : spec.name == name) {
      return &spec;
    }
  }
  if (name == "auto") return nullptr;
  std::vector<std::string_view> names = Names(specs);
  std::sort(names.begin(), names.end());
  const auto add = [](std::string* out, std::string_view text) { *out += text; };
  return absl::InvalidArgumentError(absl::StrCat(std::string(what), " '", std::string(name),
                                                 "': must be auto, none, ",
                                                 absl::StrJoin(names, ", ", add)));
}

}  // namespace

absl::StatusOr<OutputFormat> OutputFormat::Choose(std::string_view tool_calls,
                                                  std::string_view reasoning,
                                                  std::string_view template_source) {
  absl::StatusOr<const CallSpec*> call =
      Find(CallSpecs(), "tool call format", tool_calls, template_source);
  if (!call.ok()) return call.status();
  absl::StatusOr<const ReasoningSpec*> thoughts =
      Find(ReasoningSpecs(), "reasoning format", reasoning, template_source);
  if (!thoughts.ok()) return thoughts.status();
  OutputFormat format;
  format.reasoning_ = *thoughts;
  if (*call != nullptr) format.calls_ = std::make_shared<const output::CallSyntax>(**call);
  return format;
}

std::string_view OutputFormat::tool_call_name() const {
  return calls_ == nullptr ? "none" : calls_->spec.name;
}

std::string_view OutputFormat::reasoning_name() const {
  return reasoning_ == nullptr ? "none" : reasoning_->name;
}

std::vector<std::string_view> OutputFormat::Literals() const {
  std::vector<std::string_view> out;
  const auto add = [&out](const std::vector<std::string_view>& texts) {
    out.insert(out.end(), texts.begin(), texts.end());
  };
  Frame frame = Frame::kNone;
  if (reasoning_ != nullptr) {
    for (const auto* texts : {&reasoning_->open, &reasoning_->close, &reasoning_->dropped}) {
      add(*texts);
    }
    frame = reasoning_->frame;
  }
  if (calls_ != nullptr) {
    add(calls_->spec.open);
    add(calls_->spec.close);
    out.push_back(calls_->spec.quote);
    out.push_back(calls_->spec.tree_prefix);
    for (const auto* pattern : {&calls_->call, &calls_->param}) {
      for (const PatternNode& node : *pattern) out.push_back(node.literal);
    }
    if (frame == Frame::kNone) frame = calls_->spec.frame;
  }
  const output::FrameSyntax& headers = output::SyntaxOf(frame);
  add(headers.open);
  add(headers.close);
  out.push_back(headers.message);
  std::erase_if(out, [](std::string_view text) { return text.empty(); });
  return out;
}

std::vector<std::string_view> ToolCallFormatNames() { return Names(CallSpecs()); }
std::vector<std::string_view> ReasoningFormatNames() { return Names(ReasoningSpecs()); }

}  // namespace skep::engine
