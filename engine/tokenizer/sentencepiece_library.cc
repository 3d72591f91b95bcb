#include "engine/tokenizer/sentencepiece_library.h"

#include <sentencepiece_processor.h>

#include <exception>
#include <utility>

namespace skep::engine::tokenizer {

struct SentencePieceLibrary::State {
  sentencepiece::SentencePieceProcessor processor;
};

SentencePieceLibrary::SentencePieceLibrary(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
SentencePieceLibrary::~SentencePieceLibrary() = default;

std::unique_ptr<SentencePieceLibrary> SentencePieceLibrary::Load(std::string_view bytes,
                                                                 std::string& error) {
  auto state = std::make_unique<State>();
  try {
    const sentencepiece::util::Status status = state->processor.LoadFromSerializedProto(bytes);
    if (status.ok()) {
      return std::unique_ptr<SentencePieceLibrary>(new SentencePieceLibrary(std::move(state)));
    }
    error = status.ToString();
  } catch (const std::exception& exception) {  // of its trie: a piece with a null character
    error = exception.what();
  }
  return nullptr;
}

int SentencePieceLibrary::size() const { return state_->processor.GetPieceSize(); }
const std::string& SentencePieceLibrary::piece(int id) const {
  return state_->processor.IdToPiece(id);
}

SentencePieceLibrary::Kind SentencePieceLibrary::kind(int id) const {
  if (state_->processor.IsUnknown(id)) return Kind::kUnknown;
  if (state_->processor.IsControl(id)) return Kind::kControl;
  if (state_->processor.IsUnused(id)) return Kind::kUnused;
  if (state_->processor.IsByte(id)) return Kind::kByte;
  return Kind::kNormal;
}

int SentencePieceLibrary::unk_id() const { return state_->processor.unk_id(); }
int SentencePieceLibrary::bos_id() const { return state_->processor.bos_id(); }
int SentencePieceLibrary::eos_id() const { return state_->processor.eos_id(); }
int SentencePieceLibrary::pad_id() const { return state_->processor.pad_id(); }

bool SentencePieceLibrary::Encode(std::string_view text, std::vector<int>& ids,
                                  std::string& error) const {
  const sentencepiece::util::Status status = state_->processor.Encode(text, &ids);
  if (!status.ok()) error = status.ToString();
  return status.ok();
}

std::string SentencePieceLibrary::Decode(const std::vector<int>& ids) const {
  return state_->processor.DecodeIds(ids);
}

}  // namespace skep::engine::tokenizer
