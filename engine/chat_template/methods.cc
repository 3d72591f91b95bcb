#include <algorithm>
#include <string>
#include <vector>

#include "engine/chat_template/builtins.h"
#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/string_format.h"
#include "engine/chat_template/strings.h"
#include "engine/chat_template/text.h"

namespace skep::engine::jinja {
namespace {

struct NamedMethod {
  std::string_view name;
  Method method;
};

// The parts, which are views into the text of `self`.
Value MakeStrings(Interpreter& interpreter, const Value& self,
                  const std::vector<std::string_view>& parts, List::Type type = List::Type::kList) {
  std::vector<Value> items;
  items.reserve(parts.size());
  for (std::string_view part : parts) {
    items.push_back(interpreter.heap().Part(self.string(), part));
  }
  return interpreter.heap().MakeList(std::move(items), type);
}

template <std::string (*kConvert)(std::string_view)>
Value Convert(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  BoundArguments("method", arguments, {});
  return interpreter.heap().Text(ConvertText(self.string(), kConvert), self.string().markup);
}

template <Side kSide>
Value Strip(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("strip", arguments, {"chars"});
  return interpreter.heap().Part(
      self.string(), bound[0].is_none() ? StripSpace(self.text(), kSide)
                                        : StripSet(self.text(), bound.Text(0, ""), kSide));
}

template <bool kFromRight>
Value Split(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("split", arguments, {"sep", "maxsplit"});
  const int64_t limit = bound.Integer(1, -1);
  if (bound[0].is_none()) {
    return MakeStrings(interpreter, self, SplitSpace(self.text(), limit, kFromRight));
  }
  const std::string_view separator = bound.Text(0, "");
  if (separator.empty()) Fail("ValueError: empty separator");
  return MakeStrings(interpreter, self, SplitOn(self.text(), separator, limit, kFromRight));
}

Value SplitLinesMethod(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("splitlines", arguments, {"keepends"});
  return MakeStrings(interpreter, self, SplitLines(self.text(), bound.Flag(0, false)));
}

template <bool kFromRight>
Value Partition(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("partition", arguments, {"sep"}, /*required=*/1);
  const std::string_view separator = bound.Text(0, ""), text = self.text();
  if (separator.empty()) Fail("ValueError: empty separator");
  const auto parts = SplitOn(text, separator, 1, kFromRight);
  std::vector<std::string_view> three = {text, "", ""};
  if (kFromRight) three = {"", "", text};
  if (parts.size() == 2) {
    three = {parts[0], text.substr(parts[0].size(), separator.size()), parts[1]};
  }
  return MakeStrings(interpreter, self, three, List::Type::kTuple);
}

// text[start:end] for the methods that search in a part; false: there is no such part.
bool PartOf(const Value& self, const BoundArguments& bound, std::string_view* part,
            int64_t* offset) {
  const int64_t length = Length(self);
  const auto place = [&](size_t i, int64_t otherwise) {
    int64_t at = bound[i].is_none() ? otherwise : bound.Integer(i, otherwise);
    if (at < 0) at = std::max<int64_t>(at + length, 0);
    return at;
  };
  const int64_t start = place(1, 0), end = std::min(place(2, length), length);
  *offset = start;
  if (start > end) return false;
  const std::string_view text = self.text();
  if (self.string().ascii) {
    *part = text.substr(start, end - start);
    return true;
  }
  size_t begin = 0;
  for (int64_t i = 0; i < start; ++i) begin += CharacterBytes(text, begin);
  size_t stop = begin;
  for (int64_t i = start; i < end; ++i) stop += CharacterBytes(text, stop);
  *part = text.substr(begin, stop - begin);
  return true;
}

template <bool kPrefix>
Value HasAffix(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("startswith", arguments, {"prefix", "start", "end"}, 1);
  std::string_view part;
  int64_t offset = 0;
  const bool valid = PartOf(self, bound, &part, &offset);
  const auto has = [&](const Value& affix) {
    RequireDefined(affix);
    if (!affix.is_string()) Fail("first arg must be str or a tuple of str");
    return valid && (kPrefix ? StartsWith(part, affix.text()) : EndsWith(part, affix.text()));
  };
  if (!bound[0].is_list() || bound[0].list().type != List::Type::kTuple) {
    return Value(has(bound[0]));
  }
  const auto& affixes = bound[0].list().items;
  return Value(std::any_of(affixes.begin(), affixes.end(), has));
}

template <bool kPrefix>
Value RemoveAffix(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("removeprefix", arguments, {"affix"}, 1);
  std::string_view text = self.text();
  const std::string_view affix = bound.Text(0, "");
  if (kPrefix && StartsWith(text, affix)) text.remove_prefix(affix.size());
  if (!kPrefix && EndsWith(text, affix)) text.remove_suffix(affix.size());
  return interpreter.heap().Part(self.string(), text);
}

// find, rfind (-1 for nothing), index, rindex (an error for nothing).
template <bool kFromRight, bool kMustFind>
Value Search(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("find", arguments, {"sub", "start", "end"}, 1);
  const std::string_view wanted = bound.Text(0, "");
  std::string_view part;
  int64_t offset = 0;
  size_t at = std::string_view::npos;
  interpreter.budget().Step(static_cast<int64_t>(self.text().size()) / 64);
  if (PartOf(self, bound, &part, &offset)) {
    at = kFromRight ? part.rfind(wanted) : part.find(wanted);
  }
  if (at != std::string_view::npos) return Value(offset + CountCharacters(part.substr(0, at)));
  if (kMustFind) Fail("ValueError: substring not found");
  return Value(int64_t{-1});
}

Value CountText(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("count", arguments, {"sub", "start", "end"}, 1);
  const std::string_view wanted = bound.Text(0, "");
  std::string_view part;
  int64_t offset = 0;
  if (!PartOf(self, bound, &part, &offset)) return Value(int64_t{0});
  return Value(CountReplacements(part, wanted, -1));
}

Value ReplaceMethod(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("replace", arguments, {"old", "new", "count"}, 2);
  const std::string_view from = bound.Text(0, ""), to = bound.Text(1, "");
  const int64_t limit = bound.Integer(2, -1);
  CheckSize(interpreter, CountReplacements(self.text(), from, limit),
            static_cast<int64_t>(to.size()) + ReplacementMarks(self, bound[1]));
  return interpreter.NewText(Replace(self.string(), from, bound[1].string(), limit));
}

Value JoinMethod(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("join", arguments, {"iterable"}, 1);
  MarkedText text;
  Reservation reservation(interpreter.budget());
  bool first = true;
  for (const Value& item : Iterate(bound[0], interpreter.heap())) {
    if (!item.is_string()) {
      Fail(StrCat("sequence item: expected str instance, ", TypeName(item), " found"));
    }
    if (!std::exchange(first, false)) text.Append(self.string());
    text.Append(item.string());
    reservation.GrowTo(text.bytes());
  }
  return interpreter.NewText(std::move(text));
}

Value Format(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return interpreter.NewText(BraceFormat(interpreter, self.string(), arguments));
}

// center, ljust, rjust: where the text stands is told by `side`.
template <Side kSide>
Value Justify(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("ljust", arguments, {"width", "fillchar"}, 1);
  const std::string_view fill = bound.Text(1, " ");
  if (CountCharacters(fill) != 1) Fail("The fill character must be exactly one character long");
  const int64_t width = bound.Integer(0, 0);
  const int64_t missing = std::max<int64_t>(width - Length(self), 0);
  CheckSize(interpreter, missing, static_cast<int64_t>(fill.size()));
  const int64_t half = missing / 2 + (missing & width & 1);
  const int64_t left = kSide == Side::kLeft ? 0 : kSide == Side::kRight ? missing : half;
  MarkedText text;
  for (int64_t i = 0; i < left; ++i) text.Append(fill, IsMarked(bound[1]));
  text.Append(self.string());
  for (int64_t i = left; i < missing; ++i) text.Append(fill, IsMarked(bound[1]));
  return interpreter.NewText(std::move(text));
}

Value ZeroFill(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("zfill", arguments, {"width"}, 1);
  const int64_t missing = std::max<int64_t>(bound.Integer(0, 0) - Length(self), 0);
  CheckSize(interpreter, missing, 1);
  const std::string_view text = self.text();
  const size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  MarkedText out;
  out.AppendPart(self.string(), text.substr(0, sign));
  out.Append(std::string(missing, '0'));
  out.AppendPart(self.string(), text.substr(sign));
  return interpreter.NewText(std::move(out));
}

Value ExpandTabs(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("expandtabs", arguments, {"tabsize"});
  const int64_t size = bound.Integer(0, 8);
  MarkedText text;
  Reservation reservation(interpreter.budget());
  int64_t column = 0;
  for (size_t i = 0; i < self.text().size(); ++i) {
    const char c = self.text()[i];
    if (c == '\t') {
      const int64_t spaces = size > 0 ? size - column % size : 0;
      CheckSize(interpreter, spaces, 1);
      text.Append(std::string(spaces, ' '));
      column += spaces;
      reservation.GrowTo(text.bytes());
      continue;
    }
    text.AppendPart(self.string(), std::string_view(self.text()).substr(i, 1));
    column = c == '\n' || c == '\r' ? 0 : column + ((c & 0xC0) != 0x80);
  }
  return interpreter.NewText(std::move(text));
}

// isdigit and its kin: there are characters, and all are of the kind.
template <bool (*kIs)(char32_t)>
Value AllAre(Interpreter&, const Value& self, const Arguments& arguments) {
  BoundArguments("method", arguments, {});
  const std::u32string characters = Decode(self.text());
  return Value(!characters.empty() && std::all_of(characters.begin(), characters.end(), kIs));
}

// isupper, islower: some are cased, and all of those are of the kind.
template <bool kUpper>
Value AllCased(Interpreter&, const Value& self, const Arguments& arguments) {
  BoundArguments("method", arguments, {});
  bool cased = false;
  for (char32_t c : Decode(self.text())) {
    if (IsTitle(c) || (kUpper ? IsLower(c) : IsUpper(c))) return Value(false);
    cased |= kUpper ? IsUpper(c) : IsLower(c);
  }
  return Value(cased);
}

Value IsTitleText(Interpreter&, const Value& self, const Arguments& arguments) {
  BoundArguments("istitle", arguments, {});
  bool cased = false, in_word = false;
  for (char32_t c : Decode(self.text())) {
    const bool capital = IsUpper(c) || IsTitle(c);
    if (capital ? in_word : IsLower(c) && !in_word) return Value(false);
    in_word = capital || IsLower(c);
    cased |= in_word;
  }
  return Value(cased);
}

Value IsAsciiText(Interpreter&, const Value& self, const Arguments& arguments) {
  BoundArguments("isascii", arguments, {});
  return Value(self.string().ascii);
}

constexpr NamedMethod kStringMethods[] = {
    {"capitalize", Convert<Capitalize>},
    {"center", Justify<Side::kBoth>},
    {"count", CountText},
    {"endswith", HasAffix<false>},
    {"expandtabs", ExpandTabs},
    {"find", Search<false, false>},
    {"format", Format},
    {"index", Search<false, true>},
    {"isalnum", AllAre<IsAlphanumeric>},
    {"isalpha", AllAre<IsAlpha>},
    {"isascii", IsAsciiText},
    {"isdecimal", AllAre<IsDecimal>},
    {"isdigit", AllAre<IsDigit>},
    {"islower", AllCased<false>},
    {"isnumeric", AllAre<IsNumeric>},
    {"isspace", AllAre<IsSpace>},
    {"istitle", IsTitleText},
    {"isupper", AllCased<true>},
    {"join", JoinMethod},
    {"ljust", Justify<Side::kLeft>},
    {"lower", Convert<Lower>},
    {"lstrip", Strip<Side::kLeft>},
    {"partition", Partition<false>},
    {"removeprefix", RemoveAffix<true>},
    {"removesuffix", RemoveAffix<false>},
    {"replace", ReplaceMethod},
    {"rfind", Search<true, false>},
    {"rindex", Search<true, true>},
    {"rjust", Justify<Side::kRight>},
    {"rpartition", Partition<true>},
    {"rsplit", Split<true>},
    {"rstrip", Strip<Side::kRight>},
    {"split", Split<false>},
    {"splitlines", SplitLinesMethod},
    {"startswith", HasAffix<true>},
    {"strip", Strip<Side::kBoth>},
    {"swapcase", Convert<SwapCase>},
    {"title", Convert<Title>},
    {"upper", Convert<Upper>},
    {"zfill", ZeroFill},
};

template <size_t kSize>
Method FindIn(const NamedMethod (&table)[kSize], std::string_view name) {
  for (const NamedMethod& entry : table) {
    if (entry.name == name) return entry.method;
  }
  return nullptr;
}

}  // namespace

Method FindMethod(const Value& self, std::string_view name) {
  if (self.is_string()) return FindIn(kStringMethods, name);
  return FindContainerMethod(self, name);
}

}  // namespace skep::engine::jinja
