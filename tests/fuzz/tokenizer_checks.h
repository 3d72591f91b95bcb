// What holds for every tokenizer that loads, whatever its file says, and for every text.
#ifndef SKEP_TESTS_FUZZ_TOKENIZER_CHECKS_H_
#define SKEP_TESTS_FUZZ_TOKENIZER_CHECKS_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/tokenizer/pipeline.h"
#include "engine/tokenizer/tokenizer.h"

namespace skep::fuzz {

// Ids are of the vocabulary; the same text gives the same ids again; streams show whole characters
// and in the end what Decode gives; nobody types a special token unless the caller asks for it.
void CheckText(const engine::Tokenizer& tokenizer, std::string_view text);

// The tokenizer.json that is written loads; if it was one before, it does the same with `text`,
// which is UTF-8.
void CheckWrittenJson(const engine::Tokenizer& tokenizer, std::string_view text);

// What a reader made of a file: checked with some texts and with the tokenizer's own tokens. A
// refusal says why.
void CheckLoaded(absl::StatusOr<std::unique_ptr<engine::tokenizer::Pipeline>> loaded);

}  // namespace skep::fuzz

#endif  // SKEP_TESTS_FUZZ_TOKENIZER_CHECKS_H_
