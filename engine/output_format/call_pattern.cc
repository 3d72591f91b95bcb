// Calls that a pattern describes: a name between markers, and arguments as JSON or one by one.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "engine/output_format/call_parser.h"
#include "engine/output_format/element_tree.h"
#include "engine/output_format/json_scanner.h"
#include "engine/output_format/loose_literal.h"
#include "engine/output_format/param_value.h"

namespace skep::engine::output {
namespace {

using Kind = PatternNode::Kind;

constexpr size_t kMaxCapture = 512;  // bytes of a name, an id, a key

bool IsSpace(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

// "functions.get_weather:0" -> "get_weather".
std::string NameOfId(std::string_view id) {
  if (id.starts_with("functions.")) id.remove_prefix(10);
  const size_t colon = id.rfind(':');
  if (colon != std::string_view::npos && colon + 1 < id.size() &&
      id.find_first_not_of("0123456789", colon + 1) == std::string_view::npos) {
    id = id.substr(0, colon);
  }
  return std::string(id);
}

class PatternCallParser final : public CallParser {
 public:
  PatternCallParser(const CallSyntax& syntax, const ToolSchemas& schemas, bool opened,
                    std::string_view name, CallSink& sink)
      : syntax_(syntax),
        spec_(syntax.spec),
        schemas_(schemas),
        sink_(sink),
        named_(!name.empty()),
        param_(schemas, spec_.value_newlines, sink) {
    name_ = name;
    if (HasParams()) params_node_ = NodeAfter(Kind::kParams) - 1;
    if (opened) {
      Enter(syntax_.call, 1);
    } else if (named_) {
      Enter(syntax_.call, 0);
    } else {
      AwaitCall();
    }
  }

  Step Push(char c) override {
    switch (state_) {
      case State::kLiteral:
        return InLiteral(c);
      case State::kCapture:
        return InCapture(c);
      case State::kValue:
        return InValue(c);
      case State::kTree:
        return InTree(c);
      case State::kJson:
        return InJson(c);
      case State::kDict:
        return InDict(c);
    }
    return Fail(1);
  }
  size_t unread() const override { return unread_; }
  bool between_calls() const override { return ended_; }

 private:
  enum class State { kLiteral, kCapture, kValue, kTree, kJson, kDict };

  // What may come next, and what it leads to.
  struct Candidate {
    enum class Then { kGoOn, kParam, kBeginCall, kEndGroup };
    std::string_view literal;
    Then then = Then::kGoOn;
    const Pattern* pattern = nullptr;  // kGoOn: the literal is node `node` of it
    size_t node = 0;
  };
  using Then = Candidate::Then;

  Step Fail(size_t unread) {
    unread_ = unread;
    return Step::kFailed;
  }

  // --- Where we are in the pattern.

  // Adds the literals that may stand at `node`. Arguments begin with a bracket of their own.
  void AddCandidates(const Pattern& pattern, size_t node) {
    for (; node < pattern.size(); ++node) {
      const PatternNode& next = pattern[node];
      if (next.kind == Kind::kJson || next.kind == Kind::kDict) {
        candidates_.push_back({.literal = "{", .pattern = &pattern, .node = node});
        return;
      }
      if (next.kind == Kind::kParams) {
        candidates_.push_back({.literal = syntax_.param[0].literal, .then = Then::kParam});
        continue;
      }
      if (next.kind != Kind::kLiteral) return;
      candidates_.push_back({.literal = next.literal, .pattern = &pattern, .node = node});
      if (next.skip_to > 0) {
        AddCandidates(pattern, next.skip_to);
        return;
      }
      if (!ended_) return;  // behind the arguments, closing markers may be missing
    }
    if (&pattern == &syntax_.param) AddCandidates(syntax_.call, params_node_);
  }

  void AwaitLiteral(const Pattern& pattern, size_t node) {
    state_ = State::kLiteral;
    buffer_.clear();
    candidates_.clear();
    AddCandidates(pattern, node);
  }

  // Before the first call of a group, or behind one.
  void AwaitCall() {
    state_ = State::kLiteral;
    buffer_.clear();
    candidates_.clear();
    AddGroupCandidates();
  }

  void AddGroupCandidates() {
    if (spec_.open.empty() || named_) return;
    candidates_.push_back({.literal = syntax_.call[0].literal, .then = Then::kBeginCall});
    for (std::string_view close : spec_.close) {
      candidates_.push_back({.literal = close, .then = Then::kEndGroup});
    }
  }

  // Goes on with `node`.
  void Enter(const Pattern& pattern, size_t node) {
    if (&pattern == &syntax_.param && node == pattern.size()) {
      AwaitLiteral(syntax_.call, params_node_);
      return;
    }
    const Kind kind = pattern[node].kind;
    switch (kind) {
      case Kind::kLiteral:
      case Kind::kJson:
      case Kind::kDict:
      case Kind::kParams:
        AwaitLiteral(pattern, node);
        return;
      default:
        break;
    }
    AwaitLiteral(pattern, node + 1);  // what ends the capture
    capture_ = kind;
    state_ = State::kCapture;
    if (kind == Kind::kValue) {
      state_ = State::kValue;
      BeginValue();
    } else if (kind == Kind::kTree) {
      state_ = State::kTree;
      value_.clear();
    }
  }

  // --- Literals.

  Step InLiteral(char c) {
    if (buffer_.empty() && IsSpace(c)) return Step::kMore;
    buffer_ += c;
    bool open = false;
    for (const Candidate& candidate : candidates_) {
      if (candidate.literal == buffer_) return Follow(Candidate(candidate));
      open |= candidate.literal.starts_with(buffer_);
    }
    return open ? Step::kMore : Fail(buffer_.size());
  }

  Step Follow(const Candidate& candidate) {
    if (ended_ && candidate.then != Then::kBeginCall) sink_.Passed();
    switch (candidate.then) {
      case Then::kEndGroup:
        if (!any_) return Fail(0);
        return Step::kDone;
      case Then::kBeginCall:
        ended_ = begun_ = false;
        id_.clear();
        if (!named_) name_.clear();
        Enter(syntax_.call, 1);
        return Step::kMore;
      case Then::kParam:
        if (!BeginCall()) return Fail(0);
        key_.clear();
        type_.clear();
        Enter(syntax_.param, 1);
        return Step::kMore;
      case Then::kGoOn:
        break;
    }
    const Pattern& pattern = *candidate.pattern;
    const Kind kind = pattern[candidate.node].kind;
    if (kind == Kind::kJson || kind == Kind::kDict) return BeginArguments(kind);
    if (&pattern == &syntax_.call && HasParams() && candidate.node > params_node_ && !ended_) {
      return EndParams(candidate.node);
    }
    if (ended_) return AfterCall(candidate.node + 1);
    Enter(pattern, candidate.node + 1);
    return Step::kMore;
  }

  bool HasParams() const {
    return std::any_of(syntax_.call.begin(), syntax_.call.end(),
                       [](const PatternNode& node) { return node.kind == Kind::kParams; });
  }

  // Behind the arguments: closing markers, then the next call or the end of the group.
  Step AfterCall(size_t node) {
    AwaitLiteral(syntax_.call, node);
    AddGroupCandidates();
    return candidates_.empty() ? Step::kDone : Step::kMore;
  }

  Step EndCall(size_t node) {
    sink_.End();
    ended_ = any_ = true;
    return AfterCall(node);
  }

  // --- Names, ids, keys.

  Step InCapture(char c) {
    buffer_ += c;
    for (const Candidate& candidate : candidates_) {
      if (!std::string_view(buffer_).ends_with(candidate.literal)) continue;
      buffer_.resize(buffer_.size() - candidate.literal.size());
      if (!Capture(std::string(Trim(buffer_)))) return Fail(0);
      return Follow(Candidate(candidate));
    }
    if (buffer_.size() > kMaxCapture) return Fail(0);
    return capture_ == Kind::kSkip || MayBeWord() ? Step::kMore : Fail(1);
  }

  // Whether `buffer_` is (part of) one word and the beginning of what may follow it: prose that
  // mentions a marker is found out early.
  bool MayBeWord() const {
    const std::string_view text = Trim(buffer_);
    const size_t space = text.find_first_of(" \t\r\n");
    if (space == std::string_view::npos) return true;
    const std::string_view rest = Trim(text.substr(space));
    return std::any_of(candidates_.begin(), candidates_.end(), [rest](const Candidate& candidate) {
      return candidate.literal.starts_with(rest) || candidate.literal.find(' ') != rest.npos;
    });
  }

  bool Capture(std::string text) {
    switch (capture_) {
      case Kind::kName:
        name_ = std::move(text);
        return !name_.empty() && name_.find_first_of("<>{}[]\"'") == std::string::npos;
      case Kind::kId:
        id_ = std::move(text);
        if (name_.empty()) name_ = NameOfId(id_);
        return !name_.empty();
      case Kind::kKey:
        key_ = std::move(text);
        return !key_.empty();
      case Kind::kType:
        type_ = std::move(text);
        return true;
      default:
        return true;
    }
  }

  // --- Arguments.

  bool BeginCall() {
    if (begun_) return true;
    if (!sink_.Accepts(name_)) return false;
    begun_ = true;
    first_param_ = true;
    sink_.Begin(name_, id_);
    return true;
  }

  Step BeginArguments(Kind kind) {
    if (!BeginCall()) return Fail(0);
    if (kind == Kind::kJson) {
      state_ = State::kJson;
      scanner_ = JsonScanner();
      scanner_.Push('{');
      sink_.Arguments("{");
    } else {
      state_ = State::kDict;
      value_ = "{";
      dict_depth_ = 1;
      in_quote_ = false;
    }
    return Step::kMore;
  }

  // The node of the arguments: what follows it closes the call.
  size_t NodeAfter(Kind kind) const {
    size_t node = 0;
    while (node < syntax_.call.size() && syntax_.call[node].kind != kind) ++node;
    return node + 1;
  }

  Step InJson(char c) {
    const JsonScanner::Step step = scanner_.Push(c);
    if (step == JsonScanner::Step::kError) return Fail(1);
    sink_.Arguments(scanner_.written());
    return step == JsonScanner::Step::kDone ? EndCall(NodeAfter(Kind::kJson)) : Step::kMore;
  }

  Step InDict(char c) {
    value_ += c;
    if (std::string_view(value_).ends_with(spec_.quote)) {
      in_quote_ = !in_quote_;
    } else if (in_quote_) {
      return Step::kMore;
    } else if (c == '{' || c == '[') {
      ++dict_depth_;
    } else if ((c == '}' || c == ']') && --dict_depth_ == 0) {
      std::string json;
      if (!LooseReader(value_, spec_.quote).ReadValue(json)) return Fail(0);
      sink_.Arguments(json);
      return EndCall(NodeAfter(Kind::kDict));
    }
    return Step::kMore;
  }

  // --- Parameters: everything up to the next literal, which is the only candidate.

  void BeginValue() {
    std::string head = first_param_ ? "{\"" : ", \"";
    first_param_ = false;
    AppendJsonEscaped(key_, head);
    head += "\": ";
    sink_.Arguments(head);
    param_.Begin(name_, key_, type_, candidates_[0].literal);
  }

  Step InValue(char c) { return param_.Push(c) ? Follow(Candidate(candidates_[0])) : Step::kMore; }

  Step EndParams(size_t node) {
    if (!BeginCall()) return Fail(0);
    sink_.Arguments(first_param_ ? "{}" : "}");
    return EndCall(node + 1);
  }

  // --- All of them as elements, up to the next literal.

  Step InTree(char c) {
    value_ += c;
    if (!std::string_view(value_).ends_with(candidates_[0].literal)) return Step::kMore;
    value_.resize(value_.size() - candidates_[0].literal.size());
    std::string json;
    if (!BeginCall() || !ElementsToJson(value_, spec_.tree_prefix, schemas_, name_, json)) {
      return Fail(0);
    }
    sink_.Arguments(json);
    return EndCall(candidates_[0].node + 1);
  }

  const CallSyntax& syntax_;
  const CallSpec& spec_;
  const ToolSchemas& schemas_;
  CallSink& sink_;
  const bool named_;
  size_t unread_ = 0;

  State state_ = State::kLiteral;
  std::vector<Candidate> candidates_;
  std::string buffer_;  // of a literal or a capture
  Kind capture_ = Kind::kName;
  size_t params_node_ = 0;
  bool any_ = false;  // a call of the group has ended

  // Of the present call.
  std::string name_, id_;
  bool begun_ = false;
  bool ended_ = false;
  bool first_param_ = true;
  JsonScanner scanner_;
  std::string value_;  // of a dict or a tree
  int64_t dict_depth_ = 0;
  bool in_quote_ = false;

  // Of the present parameter.
  std::string key_, type_;
  ParamValue param_;
};

}  // namespace

std::unique_ptr<CallParser> MakePatternCallParser(const CallSyntax& syntax,
                                                  const ToolSchemas& schemas, bool opened,
                                                  std::string_view name, CallSink& sink) {
  return std::make_unique<PatternCallParser>(syntax, schemas, opened, name, sink);
}

}  // namespace skep::engine::output
