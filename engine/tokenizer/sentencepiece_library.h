// SentencePiece's library behind a plain class: its header declares names in Abseil's namespace, so
// no file may include both. Nothing here or in the .cc uses Abseil.
#ifndef SKEP_ENGINE_TOKENIZER_SENTENCEPIECE_LIBRARY_H_
#define SKEP_ENGINE_TOKENIZER_SENTENCEPIECE_LIBRARY_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace skep::engine::tokenizer {

// Immutable and thread-safe.
class SentencePieceLibrary final {
 public:
  enum class Kind { kNormal, kUnknown, kControl, kUnused, kByte };

  // nullptr, and `error` says why, if the library refuses the bytes.
  static std::unique_ptr<SentencePieceLibrary> Load(std::string_view bytes, std::string& error);
  ~SentencePieceLibrary();

  int size() const;
  const std::string& piece(int id) const;
  Kind kind(int id) const;
  int unk_id() const;  // -1: none, as the others
  int bos_id() const;
  int eos_id() const;
  int pad_id() const;

  // Appends the ids of `text`. False, with `error`, on failure.
  bool Encode(std::string_view text, std::vector<int>& ids, std::string& error) const;
  // The text of pieces.
  std::string Decode(const std::vector<int>& ids) const;

 private:
  struct State;
  explicit SentencePieceLibrary(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_SENTENCEPIECE_LIBRARY_H_
