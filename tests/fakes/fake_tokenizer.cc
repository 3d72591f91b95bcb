#include "tests/fakes/fake_tokenizer.h"

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "engine/tokenizer/pipeline.h"
#include "engine/tokenizer/tokenizer.h"
#include "engine/tokenizer/tokenizer_json.h"

namespace skep::engine {
namespace {

// GPT-2's alphabet: printable bytes stand for themselves, the others for U+0100 and up.
std::string ByteLevel(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
    uint32_t code = byte;
    if (!printable) {
      code = byte <= 32 ? 256 + byte : byte <= 160 ? 256 + 33 + (byte - 127) : 256 + 67;
    }
    if (code < 0x80) {
      text += static_cast<char>(code);
    } else {
      text += static_cast<char>(0xC0 | (code >> 6));
      text += static_cast<char>(0x80 | (code & 0x3F));
    }
  }
  return text;
}

nlohmann::json AddedToken(TokenId id, const std::string& content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

}  // namespace

const std::vector<std::string>& FakePieces() {
  static const auto* const pieces = new std::vector<std::string>{
      "a",    "b",    "c",    " ",    "ab",   "ba",   "bc",   "aab",  "cab",  "\n",
      "\xC3", "\xA9", "\xE2", "\x82", "\xAC", "\xF0", "\x9F", "\x90", "\x9D", "\xC3\xA9"};
  return *pieces;
}

int64_t FakeVocabSize() { return static_cast<int64_t>(FakePieces().size()) + 2; }

std::shared_ptr<const Tokenizer> MakeFakeTokenizer() {
  nlohmann::json vocab = {{"<s>", kFakeBos}, {"</s>", kFakeEos}};
  for (size_t i = 0; i < FakePieces().size(); ++i) vocab[ByteLevel(FakePieces()[i])] = i + 2;
  const nlohmann::json json = {
      {"version", "1.0"},
      {"added_tokens", {AddedToken(kFakeBos, "<s>"), AddedToken(kFakeEos, "</s>")}},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}},
      {"post_processor", nullptr},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", nlohmann::json::array()}}}};
  auto pipeline = tokenizer::ReadTokenizerJson(
      json.dump(), {.bos_token = "<s>", .eos_token = "</s>", .add_bos_token = true});
  if (!pipeline.ok()) {
    std::cerr << "the fake tokenizer is wrong: " << pipeline.status() << "\n";
    std::abort();
  }
  return std::make_shared<const Tokenizer>(*std::move(pipeline));
}

}  // namespace skep::engine
