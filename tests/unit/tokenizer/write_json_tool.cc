// write_json_tool TOKENIZER TEXTS FOLDER: loads a tokenizer, writes FOLDER/tokenizer.json, and to
// FOLDER/cases.bin what the tokenizer itself makes of each text, special tokens parsed: the ids,
// the text back, and the text without special tokens, each behind its size (u32). written_json.py
// compares. TEXTS: each behind its size.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "engine/tokenizer/load.h"
#include "engine/tokenizer/write_json.h"

namespace {

using skep::TokenId;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void AppendU32(uint32_t value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void AppendText(const std::string& text, std::string& out) {
  AppendU32(static_cast<uint32_t>(text.size()), out);
  out.append(text);
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  auto tokenizer = skep::engine::LoadTokenizer(argv[1]);
  if (!tokenizer.ok()) return Fail(tokenizer.status());
  auto json = skep::engine::WriteTokenizerJson(**tokenizer);
  if (!json.ok()) return Fail(json.status());
  const std::string folder = argv[3];
  std::ofstream(folder + "/tokenizer.json", std::ios::binary) << *json;

  const std::string texts = ReadFile(argv[2]);
  std::string out;
  for (size_t at = 0; at + 4 <= texts.size();) {
    uint32_t size = 0;
    std::memcpy(&size, texts.data() + at, 4);
    std::vector<TokenId> ids;
    const absl::Status status =
        (*tokenizer)->Encode(texts.substr(at + 4, size), {.parse_special = true}, ids);
    if (!status.ok()) return Fail(status);
    AppendU32(static_cast<uint32_t>(ids.size()), out);
    for (TokenId id : ids) AppendU32(static_cast<uint32_t>(id), out);
    AppendText((*tokenizer)->Decode(ids, /*skip_special=*/false), out);
    AppendText((*tokenizer)->Decode(ids, /*skip_special=*/true), out);
    at += 4 + size;
  }
  std::ofstream(folder + "/cases.bin", std::ios::binary) << out;
}
