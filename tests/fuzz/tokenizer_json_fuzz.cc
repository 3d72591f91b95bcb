// Hugging Face's tokenizer.json.
#include "engine/tokenizer/tokenizer_json.h"
#include "tests/fuzz/tokenizer_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  skep::fuzz::CheckLoaded(skep::engine::tokenizer::ReadTokenizerJson(text, {}));
  return 0;
}
