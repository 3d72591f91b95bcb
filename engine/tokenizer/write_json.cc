#include "engine/tokenizer/write_json.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/tokenizer/json_writers.h"
#include "engine/tokenizer/pipeline.h"
#include "engine/tokenizer/sentencepiece_parts.h"
#include "engine/tokenizer/status_macros.h"

namespace skep::engine {
namespace {

using nlohmann::json;
using tokenizer::AddedToken;
using tokenizer::Pipeline;

// In the order of their ids, as the library numbers those that the model lacks by their place.
json WriteAddedTokens(const Pipeline& pipeline) {
  std::vector<const AddedToken*> tokens;
  std::map<std::string_view, TokenId> last;  // of one that is there twice, the one that is found
  for (const AddedToken& token : pipeline.added_tokens) last[token.content] = token.id;
  for (const AddedToken& token : pipeline.added_tokens) {
    if (last[token.content] == token.id) tokens.push_back(&token);
  }
  std::stable_sort(tokens.begin(), tokens.end(),
                   [](const auto* a, const auto* b) { return a->id < b->id; });
  json result = json::array();
  for (const AddedToken* token : tokens) {
    result.push_back({{"id", token->id},
                      {"content", token->content},
                      {"single_word", token->single_word},
                      {"lstrip", token->lstrip},
                      {"rstrip", token->rstrip},
                      {"normalized", token->normalized},
                      {"special", token->special}});
  }
  return result;
}

absl::StatusOr<std::string> WritePipeline(const Pipeline& pipeline) {
  json document = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
  document["added_tokens"] = WriteAddedTokens(pipeline);
  if (pipeline.components.empty()) {
    SKEP_ASSIGN(document["normalizer"], tokenizer::WriteNormalizer(pipeline.normalizer));
    SKEP_ASSIGN(document["pre_tokenizer"], tokenizer::WritePreTokenizer(pipeline));
    document["post_processor"] = tokenizer::WritePostProcessor(pipeline);
    SKEP_ASSIGN(document["decoder"], tokenizer::WriteDecoder(pipeline));
  }
  for (const auto& [name, text] : pipeline.components) {
    document[name] = json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  }
  SKEP_ASSIGN(document["model"], tokenizer::WriteModel(pipeline));
  // Pieces that are not UTF-8 cannot be written; the library has none either.
  return document.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<std::string> WriteTokenizerJson(const Tokenizer& tokenizer) {
  const Pipeline& pipeline = tokenizer.pipeline();
  const auto* model = dynamic_cast<const tokenizer::SentencePieceModel*>(pipeline.model.get());
  if (model == nullptr) return WritePipeline(pipeline);
  std::unique_ptr<Pipeline> parts;
  SKEP_ASSIGN(parts, tokenizer::MakePartsOfSentencePiece(pipeline, *model));
  return WritePipeline(*parts);
}

}  // namespace skep::engine
