// The readers that the parsers are made of, against a JSON library and by hand.
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/output_format/element_tree.h"
#include "engine/output_format/json_scanner.h"
#include "engine/output_format/loose_literal.h"
#include "engine/output_format/marker_scanner.h"
#include "engine/output_format/tool_schemas.h"

namespace skep::engine::output {
namespace {

using nlohmann::json;

// Whether the scanner takes `text` as one object or array that ends with its last byte.
bool Accepts(std::string_view text) {
  JsonScanner scanner;
  for (size_t i = 0; i < text.size(); ++i) {
    const JsonScanner::Step step = scanner.Push(text[i]);
    if (step == JsonScanner::Step::kDone) return i + 1 == text.size();
    if (step == JsonScanner::Step::kError) return false;
  }
  return false;
}

// What the scanner takes is what the library takes, for documents and for documents with mistakes.
TEST(JsonScannerTest, AgreesWithALibrary) {
  const std::vector<std::string> documents = {
      R"({"a": [1, -2.5e+10, 0, 0.5, 1E5, true, false, null, "x\n\u00e9\"\\"], "b": {}, "c": []})",
      R"([[], {}, [[{"": ""}]], "", -0, 10.25])", R"({"a":{"b":{"c":[{"d":1}]}}})"};
  const std::string_view alphabet = "{}[]\",:0123e+-.tfn\\u ax\n";
  std::mt19937 random(3);
  int accepted = 0;
  for (int i = 0; i < 60000; ++i) {
    std::string text = documents[random() % documents.size()];
    for (unsigned edits = random() % 3; edits > 0; --edits) {
      const size_t at = random() % text.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 3) {
        case 0:
          text[at] = c;
          break;
        case 1:
          text.insert(at, 1, c);
          break;
        default:
          text.erase(at, 1);
      }
    }
    // A line break in a string is the scanner's one liberty.
    if (text.find('\n') != std::string::npos) continue;
    while (!text.empty() && text.back() == ' ') text.pop_back();
    const json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
    const bool valid = value.is_structured();
    ASSERT_EQ(Accepts(text), valid) << text;
    accepted += valid;
  }
  EXPECT_GT(accepted, 10000);
}

TEST(JsonScannerTest, EscapesControlCharacters) {
  std::string json_text;
  EXPECT_EQ(ReadJson("{\"a\": \"x\ny\x01\"}", json_text), '{');
  EXPECT_EQ(json::parse(json_text), json({{"a", "x\ny\x01"}}));
}

TEST(JsonScannerTest, DepthIsLimited) {
  EXPECT_TRUE(Accepts(std::string(128, '[') + std::string(128, ']')));
  EXPECT_FALSE(Accepts(std::string(129, '[') + std::string(129, ']')));
}

TEST(JsonScannerTest, KindsOfValues) {
  const std::pair<const char*, char> rows[] = {
      {"1", 'n'},  {" -1.5 ", 'n'}, {"true", 't'}, {"false", 't'}, {"null", '0'}, {"\"a\"", '"'},
      {"{}", '{'}, {"[1, 2]", '['}, {"", 0},       {"1, 2", 0},    {"1 2", 0},    {"tru", 0},
      {"\"a", 0},  {"]", 0},        {"[", 0},      {"{]", 0},      {"a", 0},      {"1]", 0},
      {"1.", 0},   {"01", 0},       {"-", 0},      {"None", 0}};
  for (const auto& [text, kind] : rows) {
    std::string out;
    EXPECT_EQ(ReadJson(text, out), kind) << text;
  }
}

TEST(LooseReaderTest, ReadsPython) {
  const std::pair<const char*, json> rows[] = {
      {"None", nullptr},
      {"True", true},
      {"-1.5e3", -1500.0},
      {"'it\\'s \"so\"'", "it's \"so\""},
      {"\"a\\n\\t\\\\ \\x41\\u00e9\\U0001F41D\"", "a\n\t\\ Aé🐝"},
      {R"("\ud83d\udc1d")", "🐝"},
      {"'\\q'", "\\q"},
      {"[1, 'a', None,]", {1, "a", nullptr}},
      {"(1, (2,))", {1, {2}}},
      {"()", json::array()},
      {"{'a': [{'b': True}], 1: {}}", {{"a", {{{"b", true}}}}, {"1", json::object()}}},
      {" { } ", json::object()},
  };
  for (const auto& [text, value] : rows) {
    std::string out;
    EXPECT_TRUE(LooseReader(text).ReadValue(out)) << text;
    EXPECT_EQ(json::parse(out, nullptr, false), value) << text << " gave " << out;
  }
  for (const char* text : {"", "a", "'a", "[1", "[1 2]", "{1}", "{'a' 1}", "{a: 1}", "1 2", "f(1)",
                           "'\\x4'", "[,]", "{,}", "nan", "--1", "'a' 'b'"}) {
    std::string out;
    EXPECT_FALSE(LooseReader(text).ReadValue(out)) << text << " gave " << out;
  }
  std::string out;
  EXPECT_TRUE(LooseReader("a = 1, b='x', c=[{'k': (None,)}],").ReadKeywordArguments(out));
  EXPECT_EQ(json::parse(out), json::parse(R"({"a": 1, "b": "x", "c": [{"k": [null]}]})"));
  for (const char* text : {"1", "a", "a=", "a=1 b=2", "=1", "a=1,,"}) {
    EXPECT_FALSE(LooseReader(text).ReadKeywordArguments(out)) << text;
  }
}

TEST(LooseReaderTest, ReadsGemma) {
  std::string out;
  EXPECT_TRUE(
      LooseReader("{a:<|\"|>x\"}<|\"|>,b:[1,{c:true}],d:<|\"|><|\"|>}", "<|\"|>").ReadValue(out));
  EXPECT_EQ(json::parse(out), json::parse(R"({"a": "x\"}", "b": [1, {"c": true}], "d": ""})"));
}

TEST(LooseReaderTest, DepthIsLimited) {
  std::string out;
  EXPECT_TRUE(LooseReader(std::string(100, '[') + std::string(100, ']')).ReadValue(out));
  EXPECT_FALSE(LooseReader(std::string(1000000, '[')).ReadValue(out));
  EXPECT_FALSE(LooseReader(std::string(1000000, '{')).ReadValue(out));
}

TEST(ElementsTest, DepthIsLimited) {
  std::string deep, out;
  for (int i = 0; i < 100000; ++i) deep += "!<a>";
  EXPECT_FALSE(ElementsToJson(deep, "!", ToolSchemas(), "f", out));
  out.clear();
  EXPECT_TRUE(ElementsToJson("!<a>1!</a>!<b>!<item>x!</item>!</b>", "!", ToolSchemas(), "f", out));
  EXPECT_EQ(json::parse(out), json::parse(R"({"a": 1, "b": ["x"]})"));
  for (const char* text : {"!<a>", "!<a>1", "!<a>1!</b>", "x", "!<a>1!</a>x", "!</a>"}) {
    EXPECT_FALSE(ElementsToJson(text, "!", ToolSchemas(), "f", out)) << text;
  }
}

// Against searching the whole text: at each place the longest marker.
TEST(MarkerScannerTest, FindsTheLongestMarkerAtEachPlace) {
  std::mt19937 random(9);
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> markers(1 + random() % 4);
    for (std::string& marker : markers) {
      for (unsigned n = 1 + random() % 5; n > 0; --n) marker += "ab"[random() % 2];
    }
    std::string text;
    for (unsigned n = random() % 40; n > 0; --n) text += "abc"[random() % 3];
    std::string expected, found;
    for (size_t at = 0; at < text.size();) {
      std::string_view longest;
      for (const std::string& marker : markers) {
        if (text.compare(at, marker.size(), marker) == 0 && marker.size() > longest.size()) {
          longest = marker;
        }
      }
      if (longest.empty()) {
        expected += text[at++];
      } else {
        expected += "(" + std::string(longest) + ")";
        at += longest.size();
      }
    }
    MarkerScanner scanner;
    scanner.SetMarkers({markers.begin(), markers.end()});
    MarkerScanner::Token token;
    const auto drain = [&] {
      while (scanner.Next(token)) {
        found += token.marker < 0 ? std::string(token.text) : "(" + markers[token.marker] + ")";
      }
    };
    for (char c : text) {
      scanner.Push(c);
      drain();
    }
    scanner.Close();
    drain();
    ASSERT_EQ(found, expected) << text;
  }
}

}  // namespace
}  // namespace skep::engine::output
