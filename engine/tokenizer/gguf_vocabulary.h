// A vocabulary as GGUF files keep it (tokenizer.ggml.*), and the tokenizer that it describes.
#ifndef SKEP_ENGINE_TOKENIZER_GGUF_VOCABULARY_H_
#define SKEP_ENGINE_TOKENIZER_GGUF_VOCABULARY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/tokenizer/pipeline.h"

namespace skep::engine::tokenizer {

// tokenizer.ggml.token_type.
enum class GgufTokenType : int32_t {
  kUndefined = 0,
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

struct GgufVocabulary {
  // "gpt2": byte-level BPE; "gemma4": BPE over characters; "llama": SentencePiece's BPE by scores;
  // "t5": its unigram model; "bert": WordPiece; "rwkv": the longest piece that fits.
  std::string model;
  std::string pre;           // of "gpt2": the pre-tokenizer, see pre_types.h
  std::string model_name;    // general.name; some quirks go by it
  std::string architecture;  // general.architecture
  std::vector<std::string> tokens;
  std::vector<float> scores;         // empty, or one a token
  std::vector<GgufTokenType> types;  // empty, or one a token
  std::vector<std::string> merges;   // "left right"
  bool has_merges = false;           // an empty list is not a missing one
  std::optional<int64_t> bos, eos, pad, unk, sep, cls;
  std::vector<int64_t> more_end_ids;  // eot, eom and the end ids of fill-in-the-middle
  std::optional<bool> add_bos, add_eos, add_space_prefix;
  std::optional<bool> remove_extra_whitespaces;  // of "t5"
  std::string precompiled_charsmap;              // of "t5"; empty: texts stay as they are
  std::optional<bool> lowercase, strip_accents;  // of "bert"
  std::string huggingface_json;                  // a whole tokenizer.json; empty: none
};

// InvalidArgument: inconsistent. Unimplemented: a model or pre-tokenizer that Skep does not know.
absl::StatusOr<std::unique_ptr<Pipeline>> MakePipeline(const GgufVocabulary& vocabulary);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_GGUF_VOCABULARY_H_
