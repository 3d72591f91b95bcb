// Drives an OutputParser and puts together what it says, as a client would.
#ifndef SKEP_TESTS_UNIT_OUTPUT_FORMAT_PARSING_H_
#define SKEP_TESTS_UNIT_OUTPUT_FORMAT_PARSING_H_

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/output_format/output_format.h"
#include "engine/output_format/output_parser.h"
#include "engine/output_format/parsed_output.h"
#include "engine/output_format/tool_schemas.h"

namespace skep::engine {

struct Call {
  std::string name;
  nlohmann::json arguments;  // discarded (is_discarded) where they were no JSON
  friend bool operator==(const Call&, const Call&) = default;
};

struct Parsed {
  std::string content;
  std::string reasoning;
  std::vector<Call> calls;
  friend bool operator==(const Parsed&, const Parsed&) = default;
};

inline std::ostream& operator<<(std::ostream& out, const Parsed& parsed) {
  out << "content: " << parsed.content << "\nreasoning: " << parsed.reasoning;
  for (const Call& call : parsed.calls) out << "\ncall: " << call.name << call.arguments.dump();
  return out;
}

inline OutputFormat Format(std::string_view tool_calls, std::string_view reasoning = "none",
                           std::string_view source = "") {
  const absl::StatusOr<OutputFormat> format = OutputFormat::Choose(tool_calls, reasoning, source);
  EXPECT_TRUE(format.ok()) << format.status();
  return *format;
}

// Parses `pieces`, the output behind a prompt that ends with `prompt_end`.
inline Parsed Parse(const OutputFormat& format, const ToolSchemas& tools,
                    const std::vector<std::string_view>& pieces, std::string_view prompt_end = "",
                    OutputParser::Options options = {}) {
  OutputParser parser(format, tools, std::move(options));
  parser.Continue(prompt_end);
  ParsedOutput whole;
  std::map<uint32_t, ToolCallDelta> seen;  // by a client that gets every delta
  const auto take = [&](ParsedOutput piece) {
    whole.content += piece.content;
    whole.reasoning += piece.reasoning;
    for (const ToolCallDelta& delta : piece.tool_calls) {
      if (delta.discarded) {
        EXPECT_EQ(seen.erase(delta.index), 1u) << "discards what never began";
        continue;
      }
      const bool begins = !seen.contains(delta.index);
      EXPECT_EQ(begins, !delta.name.empty());
      EXPECT_EQ(begins, !delta.id.empty());
      ToolCallDelta& call = seen[delta.index];
      if (begins) call = delta;
      if (!begins) call.arguments += delta.arguments;
    }
    AppendToolCalls(whole.tool_calls, std::move(piece.tool_calls));
  };
  for (std::string_view text : pieces) {
    ParsedOutput piece;
    parser.Append(text, piece);
    take(std::move(piece));
  }
  ParsedOutput last;
  parser.Finish(last);
  take(std::move(last));

  std::erase_if(whole.tool_calls, [](const ToolCallDelta& delta) { return delta.discarded; });
  Parsed parsed{.content = whole.content, .reasoning = whole.reasoning};
  EXPECT_EQ(seen.size(), whole.tool_calls.size());
  EXPECT_EQ(static_cast<int64_t>(seen.size()), parser.calls());
  for (const ToolCallDelta& call : whole.tool_calls) {
    EXPECT_EQ(call.arguments, seen[call.index].arguments);
    EXPECT_EQ(call.index, parsed.calls.size());
    parsed.calls.push_back(
        {call.name, nlohmann::json::parse(call.arguments, nullptr, /*allow_exceptions=*/false)});
    EXPECT_TRUE(parsed.calls.back().arguments.is_object()) << call.arguments;
  }
  return parsed;
}

inline bool BeginsCharacter(std::string_view text, size_t at) {
  return at == text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
}

// Every character by itself.
inline std::vector<std::string_view> Characters(std::string_view text) {
  std::vector<std::string_view> out;
  size_t begin = 0;
  for (size_t i = 1; i <= text.size(); ++i) {
    if (!BeginsCharacter(text, i)) continue;
    out.push_back(text.substr(begin, i - begin));
    begin = i;
  }
  return out;
}

}  // namespace skep::engine

#endif  // SKEP_TESTS_UNIT_OUTPUT_FORMAT_PARSING_H_
