// Vocabularies in GGUF files: the file itself, or lines that say what is in one, which are easier
// to change without breaking everything:
//
//   model KIND            tokenizer.ggml.model; likewise pre, name
//   token TYPE SCORE TEXT
//   merge LEFT RIGHT
//   id NAME NUMBER        bos, eos, pad, unk, sep, cls or end
//   flag NAME 0|1         bos, eos, space, whitespaces, lowercase or accents
//   charsmap BASE64
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/tokenizer/gguf_reader.h"
#include "engine/tokenizer/gguf_vocabulary.h"
#include "models/weights/gguf.h"
#include "tests/fuzz/tokenizer_checks.h"

namespace skep::fuzz {
namespace {

using engine::tokenizer::GgufTokenType;
using engine::tokenizer::GgufVocabulary;

void ReadToken(absl::string_view rest, GgufVocabulary& out) {
  const std::vector<absl::string_view> fields = absl::StrSplit(rest, absl::MaxSplits(' ', 2));
  if (fields.size() < 3) return;
  int type = 0;
  float score = 0;
  (void)absl::SimpleAtoi(fields[0], &type);
  (void)absl::SimpleAtof(fields[1], &score);
  out.types.push_back(static_cast<GgufTokenType>(type >= 0 && type <= 6 ? type : 0));
  out.scores.push_back(score);
  out.tokens.emplace_back(fields[2]);
}

void ReadId(absl::string_view name, int64_t id, GgufVocabulary& out) {
  if (name == "bos") out.bos = id;
  if (name == "eos") out.eos = id;
  if (name == "pad") out.pad = id;
  if (name == "unk") out.unk = id;
  if (name == "sep") out.sep = id;
  if (name == "cls") out.cls = id;
  if (name == "end") out.more_end_ids.push_back(id);
}

void ReadFlag(absl::string_view name, bool flag, GgufVocabulary& out) {
  if (name == "bos") out.add_bos = flag;
  if (name == "eos") out.add_eos = flag;
  if (name == "space") out.add_space_prefix = flag;
  if (name == "whitespaces") out.remove_extra_whitespaces = flag;
  if (name == "lowercase") out.lowercase = flag;
  if (name == "accents") out.strip_accents = flag;
}

void ReadLine(absl::string_view line, GgufVocabulary& out) {
  if (absl::ConsumePrefix(&line, "token ")) return ReadToken(line, out);
  const std::vector<absl::string_view> fields = absl::StrSplit(line, absl::MaxSplits(' ', 2));
  if (fields.size() < 2) return;
  if (fields[0] == "model") out.model = std::string(fields[1]);
  if (fields[0] == "pre") out.pre = std::string(fields[1]);
  if (fields[0] == "name") out.model_name = std::string(fields[1]);
  if (fields[0] == "charsmap") (void)absl::Base64Unescape(fields[1], &out.precompiled_charsmap);
  if (absl::ConsumePrefix(&line, "merge ")) {
    out.merges.emplace_back(line);
    out.has_merges = true;
  }
  int64_t number = 0;
  if (fields.size() < 3 || !absl::SimpleAtoi(fields[2], &number)) return;
  if (fields[0] == "id") ReadId(fields[1], number, out);
  if (fields[0] == "flag") ReadFlag(fields[1], number != 0, out);
}

}  // namespace
}  // namespace skep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using skep::engine::tokenizer::MakePipeline;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  if (!absl::StartsWith(text, "GGUF")) {
    skep::engine::tokenizer::GgufVocabulary vocabulary;
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      skep::fuzz::ReadLine(line, vocabulary);
    }
    skep::fuzz::CheckLoaded(MakePipeline(vocabulary));
    return 0;
  }
  const auto file = skep::models::GgufFile::Parse(
      absl::MakeConstSpan(reinterpret_cast<const std::byte*>(data), size), "fuzz.gguf");
  if (!file.ok()) return 0;  // gguf_fuzz looks at these
  auto vocabulary = skep::engine::tokenizer::ReadGgufVocabulary(**file);
  if (!vocabulary.ok()) {
    skep::fuzz::CheckLoaded(vocabulary.status());
    return 0;
  }
  skep::fuzz::CheckLoaded(MakePipeline(*vocabulary));
  return 0;
}
