// SentencePiece's model files (sentencepiece_model.proto of its source) as bytes: just enough of
// the protocol buffer to write one, to change the kind of pieces, and to check what the library
// would follow blindly.
#ifndef SKEP_ENGINE_TOKENIZER_SENTENCEPIECE_PROTO_H_
#define SKEP_ENGINE_TOKENIZER_SENTENCEPIECE_PROTO_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace skep::engine::tokenizer {

// ModelProto.SentencePiece.Type.
enum class SentencePieceType : int32_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

struct SentencePieceEntry {
  std::string text;
  float score = 0;
  SentencePieceType type = SentencePieceType::kNormal;
};

// TrainerSpec.ModelType.
enum class SentencePieceAlgorithm : int32_t { kUnigram = 1, kBpe = 2, kWord = 3, kCharacter = 4 };

struct SentencePieceSource {
  SentencePieceAlgorithm algorithm = SentencePieceAlgorithm::kUnigram;
  std::vector<SentencePieceEntry> pieces;  // by id
  int32_t unk_id = 0;                      // -1: none, as the others
  int32_t bos_id = -1;
  int32_t eos_id = -1;
  int32_t pad_id = -1;
  std::string precompiled_charsmap;  // empty: texts stay as they are
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;           // spaces become U+2581
  bool treat_whitespace_as_suffix = false;  // the dummy prefix is a suffix
  bool byte_fallback = false;
  bool has_denormalizer = false;  // texts are changed after decoding; is not written
};
// With byte_fallback where there are byte pieces.
std::string WriteSentencePieceModel(const SentencePieceSource& source);

// InvalidArgument: not a protocol buffer.
absl::StatusOr<SentencePieceSource> ReadSentencePieceSource(std::string_view model);

// The same model with the pieces of `texts` (sorted) as control pieces, which no text becomes.
// InvalidArgument: not a protocol buffer.
absl::StatusOr<std::string> MakeControlPieces(std::string_view model,
                                              absl::Span<const std::string> texts);

// Whether following the model's precompiled charsmap is safe: the library does not look where its
// links lead, or how many keys it finds. InvalidArgument: no, or not a protocol buffer.
absl::Status CheckSentencePieceModel(std::string_view model);

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_SENTENCEPIECE_PROTO_H_
