#include "engine/output_format/output_parser.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "engine/output_format/call_parser.h"
#include "engine/output_format/format_table.h"
#include "engine/output_format/parsed_output.h"
#include "engine/output_format/pattern.h"

namespace skep::engine {
namespace {

using output::CallParser;
using output::CallSpec;
using output::Frame;
using output::PatternNode;

constexpr size_t kMaxHeader = 512;  // bytes

bool IsSpace(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

Frame FrameOf(const OutputFormat& format) {
  if (format.reasoning() != nullptr && format.reasoning()->frame != Frame::kNone) {
    return format.reasoning()->frame;
  }
  return format.calls() != nullptr ? format.calls()->spec.frame : Frame::kNone;
}

// The marker that begins a call by itself, if one does.
std::string_view CallMarker(const output::CallSyntax& syntax) {
  if (syntax.call.empty() || syntax.call[0].kind != PatternNode::Kind::kLiteral) return {};
  const bool own = syntax.spec.open.empty() || syntax.spec.open_optional;
  return own ? std::string_view(syntax.call[0].literal) : std::string_view();
}

}  // namespace

OutputParser::OutputParser(const OutputFormat& format, const ToolSchemas& tools, Options options)
    : reasoning_(format.reasoning()),
      calls_(format.calls()),
      tools_(tools),
      options_(std::move(options)),
      frame_(FrameOf(format)) {
  SetMarkers();
}

void OutputParser::Continue(std::string_view prompt_end) {
  ParsedOutput ignored;
  Append(prompt_end, ignored);
  scanner_.TakeHeld();
  raw_.clear();
  space_.clear();
  any_content_ = any_reasoning_ = joint_ = call_open_ = false;
  segment_empty_ = true;
  next_index_ = 0;
  whole_calls_ = 0;
  if (mode_ == Mode::kCall) {
    parser_.reset();
    Enter(Mode::kContent);
  }
}

void OutputParser::Append(std::string_view text, ParsedOutput& out) {
  out_ = &out;
  for (char c : text) Process(c);
}

void OutputParser::Finish(ParsedOutput& out) {
  out_ = &out;
  scanner_.Close();
  Drain();
  if (mode_ == Mode::kCall) {
    // A closing marker that was cut off is no text.
    if (parser_ != nullptr && parser_->between_calls()) raw_.clear();
    FailCall(/*unread=*/0);
  } else if (mode_ == Mode::kHeader) {
    GiveBack(std::exchange(raw_, std::string()));
  }
  (mode_ == Mode::kReasoning ? out_->reasoning : out_->content) += std::exchange(space_, {});
}

void OutputParser::Process(char c) {
  if (mode_ == Mode::kCall) {
    InCall(c);
  } else {
    scanner_.Push(c);
    Drain();
  }
}

void OutputParser::Drain() {
  output::MarkerScanner::Token token;
  while (mode_ != Mode::kCall && scanner_.Next(token)) {
    if (token.marker >= 0) {
      Marker(actions_[token.marker], token.text);
    } else if (mode_ == Mode::kHeader) {
      AddToHeader(token.text);
    } else if (BeginsBareCall(token.text[0])) {
      OpenCalls(token.text, /*opened=*/false, /*bare=*/true);
    } else {
      Text(token.text);
    }
  }
}

// --- Text and markers.

void OutputParser::Enter(Mode mode) {
  mode_ = mode;
  const std::string rest = scanner_.TakeHeld();
  SetMarkers();
  for (char c : rest) Process(c);
}

void OutputParser::SetMarkers() {
  std::vector<std::string_view> markers;
  actions_.clear();
  const auto add = [&](std::string_view marker, Action action) {
    if (marker.empty()) return;
    for (std::string_view known : markers) {
      if (known == marker) return;
    }
    markers.push_back(marker);
    actions_.push_back(action);
  };
  const auto add_all = [&](const std::vector<std::string_view>& texts, Action action) {
    for (std::string_view text : texts) add(text, action);
  };
  const output::FrameSyntax& headers = output::SyntaxOf(frame_);
  if (mode_ == Mode::kHeader) {
    add(headers.message, Action::kEndHeader);
    add_all(headers.open, Action::kOpenHeader);
    add_all(headers.close, Action::kCloseMessage);
  } else if (mode_ != Mode::kCall) {
    const bool thinking = mode_ == Mode::kReasoning;
    add_all(headers.open, Action::kOpenHeader);
    add_all(headers.close, Action::kCloseMessage);
    if (reasoning_ != nullptr) {
      if (!thinking) add_all(reasoning_->dropped, Action::kDrop);
      add_all(reasoning_->close, Action::kAnswer);
      add_all(reasoning_->open, Action::kReason);
    }
    if (calls_ != nullptr && (!thinking || (reasoning_ != nullptr && reasoning_->ended_by_call))) {
      add_all(calls_->spec.open, Action::kGroup);
      add(CallMarker(*calls_), Action::kCall);
    }
    add_all(options_.stray_markers, Action::kDrop);
  }
  scanner_.SetMarkers(std::move(markers));
}

void OutputParser::Marker(Action action, std::string_view text) {
  switch (action) {
    case Action::kReason:
      if (mode_ == Mode::kReasoning) {  // again what the prompt ended with, or a mere mention
        if (!segment_empty_) Mention(text);
        return;
      }
      EndSegment();
      joint_ = any_reasoning_;
      Enter(Mode::kReasoning);
      return;
    case Action::kAnswer:
      // Of thoughts that were never begun it tells that there are none.
      if (mode_ == Mode::kContent && any_content_) {
        Mention(text);
        return;
      }
      EndSegment();
      joint_ = false;
      Enter(Mode::kContent);
      return;
    case Action::kDrop:
      return;
    case Action::kGroup:
    case Action::kCall:
      OpenCalls(text, /*opened=*/action == Action::kCall, /*bare=*/false);
      return;
    case Action::kOpenHeader:
      if (mode_ == Mode::kHeader) {
        if (text != output::SyntaxOf(frame_).open[0]) {
          AddToHeader(text);
          return;
        }
        GiveBack(std::exchange(raw_, std::string()));  // what began was no header
      }
      header_ = raw_ = std::string(text);
      raw_.insert(0, space_);
      space_.clear();
      Enter(Mode::kHeader);
      return;
    case Action::kEndHeader:
      EndHeader();
      return;
    case Action::kCloseMessage:
      raw_.clear();
      EndSegment();
      joint_ = true;
      Enter(Mode::kContent);
      return;
  }
}

// A marker that means nothing where it stands.
void OutputParser::Mention(std::string_view text) {
  const std::vector<std::string_view>& stray = options_.stray_markers;
  if (std::find(stray.begin(), stray.end(), text) == stray.end()) Text(text);
}

// What was before a marker is complete; the space between the two goes.
void OutputParser::EndSegment() {
  space_.clear();
  trim_start_ = true;
  segment_empty_ = true;
}

void OutputParser::Text(std::string_view text) {
  std::string& out = mode_ == Mode::kReasoning ? out_->reasoning : out_->content;
  bool& any = mode_ == Mode::kReasoning ? any_reasoning_ : any_content_;
  for (char c : text) {
    if (IsSpace(c)) {
      if (!trim_start_) space_ += c;
      continue;
    }
    if (std::exchange(joint_, false) && any) out += '\n';
    out += std::exchange(space_, std::string());
    out += c;
    any = true;
    trim_start_ = segment_empty_ = false;
  }
}

// Text that looked like more than it is: passed on as it came.
void OutputParser::GiveBack(std::string_view raw) {
  if (raw.empty()) return;
  out_->content += std::exchange(space_, std::string());
  out_->content += raw;
  any_content_ = true;
  trim_start_ = segment_empty_ = joint_ = false;
}

// --- Headers.

void OutputParser::AddToHeader(std::string_view text) {
  header_ += text;
  raw_ += text;
  if (header_.size() <= kMaxHeader) return;
  GiveBack(std::exchange(raw_, std::string()));
  Enter(Mode::kContent);
}

void OutputParser::EndHeader() {
  const std::string_view message = output::SyntaxOf(frame_).message;
  const std::string text = std::exchange(header_, std::string());
  const output::Header header = output::ReadHeader(frame_, text);
  raw_ += message;
  switch (header.kind) {
    case output::Header::Kind::kCall:
      if (calls_ == nullptr || calls_->spec.frame != frame_ ||
          (frame_ == Frame::kFunctionary && !tools_.empty() && !tools_.Has(header.name))) {
        break;
      }
      bare_ = undecided_ = false;
      parser_ =
          output::MakePatternCallParser(*calls_, tools_, /*opened=*/false, header.name, *this);
      Enter(Mode::kCall);
      return;
    case output::Header::Kind::kInvalid:
      break;
    case output::Header::Kind::kContent:
    case output::Header::Kind::kReasoning: {
      raw_.clear();
      EndSegment();
      const bool thoughts = header.kind == output::Header::Kind::kReasoning;
      joint_ = true;
      Enter(thoughts && reasoning_ != nullptr ? Mode::kReasoning : Mode::kContent);
      return;
    }
  }
  GiveBack(std::exchange(raw_, std::string()));
  Enter(Mode::kContent);
}

// --- Calls.

bool OutputParser::BeginsBareCall(char c) const {
  if (calls_ == nullptr || !calls_->spec.bare || any_content_ || tools_.empty()) return false;
  if (mode_ != Mode::kContent) return false;
  return (c == '{' && calls_->spec.json) || (c == '[' && calls_->spec.python);
}

// `bare`: the marker is the first byte of the call.
void OutputParser::OpenCalls(std::string_view marker, bool opened, bool bare) {
  raw_ = std::exchange(space_, std::string());
  std::string rest;
  (bare ? rest : raw_) += marker;
  rest += scanner_.TakeHeld();
  opened_ = opened;
  bare_ = bare;
  undecided_ = true;
  parser_.reset();
  mode_ = Mode::kCall;
  SetMarkers();
  for (char c : rest) Process(c);
}

// The first byte tells which of the ways to write a call this is.
std::unique_ptr<CallParser> OutputParser::ChooseParser(char c) {
  const CallSpec& spec = calls_->spec;
  if (spec.json && (c == '{' || (c == '[' && !spec.python))) {
    return output::MakeJsonCallParser(*calls_, bare_, *this);
  }
  if (!calls_->call.empty()) {
    return output::MakePatternCallParser(*calls_, tools_, opened_, /*name=*/{}, *this);
  }
  return spec.python ? output::MakePythonCallParser(*calls_, *this) : nullptr;
}

void OutputParser::InCall(char c) {
  raw_ += c;
  if (undecided_) {
    if (IsSpace(c)) return;
    undecided_ = false;
    parser_ = ChooseParser(c);
    if (parser_ == nullptr) {
      FailCall(/*unread=*/1);
      return;
    }
  }
  switch (parser_->Push(c)) {
    case CallParser::Step::kMore:
      return;
    case CallParser::Step::kDone:
      raw_.clear();
      EndSegment();
      parser_.reset();
      Enter(Mode::kContent);
      return;
    case CallParser::Step::kFailed:
      FailCall(parser_->unread());
      return;
  }
}

void OutputParser::FailCall(size_t unread) {
  if (std::exchange(call_open_, false)) Discard();
  const bool between = parser_ != nullptr && parser_->between_calls();
  parser_.reset();
  std::string raw = std::exchange(raw_, std::string());
  const size_t kept = raw.size() - std::min(unread, raw.size());
  const std::string rest = raw.substr(kept);
  raw.resize(kept);
  mode_ = Mode::kContent;
  SetMarkers();
  if (between) EndSegment();
  if (!between || raw.find_first_not_of(" \t\r\n") != std::string::npos) GiveBack(raw);
  for (char c : rest) Process(c);
}

bool OutputParser::Accepts(std::string_view name) { return !bare_ || tools_.Has(name); }

void OutputParser::Begin(std::string_view name, std::string_view id) {
  call_open_ = true;
  out_->tool_calls.push_back({.index = next_index_,
                              .id = id.empty() ? MakeId() : std::string(id),
                              .name = std::string(name)});
}

void OutputParser::Arguments(std::string_view json) { Delta().arguments += json; }

void OutputParser::End() {
  Delta();  // a call that has no other news still says that it is there
  call_open_ = false;
  ++next_index_;
  ++whole_calls_;
  raw_.clear();
}

// The present call's, in what is being put out.
ToolCallDelta& OutputParser::Delta() {
  std::vector<ToolCallDelta>& calls = out_->tool_calls;
  if (calls.empty() || calls.back().index != next_index_ || calls.back().discarded) {
    calls.push_back({.index = next_index_});
  }
  return calls.back();
}

void OutputParser::Discard() {
  std::vector<ToolCallDelta> withdrawn = {{.index = next_index_, .discarded = true}};
  AppendToolCalls(out_->tool_calls, std::move(withdrawn));
}

// Nine letters and digits: the strictest templates (Mistral's) take nothing else back.
std::string OutputParser::MakeId() {
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  uint64_t state = options_.id_seed + (next_index_ + 1) * 0x9E3779B97F4A7C15;  // splitmix64
  state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
  state = (state ^ (state >> 27)) * 0x94D049BB133111EB;
  state ^= state >> 31;
  std::string id;
  for (int i = 0; i < 9; ++i, state /= kDigits.size()) id += kDigits[state % kDigits.size()];
  return id;
}

}  // namespace skep::engine
