// Between the messages of skep.v1 and the engine's own types, field by field. Judging values is the
// engine's task (it serves all front ends); only what cannot be represented is refused here.
#ifndef SKEP_SERVER_GRPC_CONVERT_H_
#define SKEP_SERVER_GRPC_CONVERT_H_

#include "absl/status/statusor.h"
#include "engine/request.h"
#include "engine/response.h"
#include "engine/tokenizer/tokenizer.h"
#include "skep/v1/inference.pb.h"

namespace skep::server {

// Leaves deadline and tenant alone: they are not part of the message.
absl::StatusOr<engine::GenerationRequest> ToRequest(const v1::GenerateRequest& message);

absl::StatusOr<engine::EmbeddingRequest> ToRequest(const v1::EmbedRequest& message);

absl::StatusOr<engine::TextPrompt> ToTextPrompt(const v1::TextPrompt& message,
                                                std::string_view field);
absl::StatusOr<engine::ChatPrompt> ToChatPrompt(const v1::ChatPrompt& message,
                                                std::string_view field);

// Ids above the range of TokenId are kInvalidField, naming `field` and the index.
absl::StatusOr<std::vector<TokenId>> ToTokenIds(
    const google::protobuf::RepeatedField<uint32_t>& ids, std::string_view field);

// All but the request id.
void FillEmbeddings(const engine::Embeddings& embeddings, v1::EmbedResponse& out);
void FillUsage(const engine::Usage& usage, v1::Usage& out);

// Which parts of the events go into the answer.
struct ResponseView {
  bool text = true;
  bool token_ids = false;
  bool prompt_token_ids = false;

  static ResponseView From(const v1::ResponseOptions& options);
};

// Adds an event to the message. Pieces of one sequence become one piece.
class ResponseBuilder final {
 public:
  // `tokenizer` must outlive it.
  ResponseBuilder(const ResponseView& view, const engine::Tokenizer& tokenizer)
      : view_(view), tokenizer_(&tokenizer) {}

  void Add(const engine::PromptProcessed& event, v1::GenerateResponse& out) const;
  void Add(const engine::OutputDelta& event, v1::GenerateResponse& out) const;
  void Add(const engine::Usage& usage, v1::GenerateResponse& out) const;

 private:
  void AddLogprobs(const engine::TokenLogprobs& from, v1::TokenLogprobs& to) const;
  void AddLogprob(const TokenLogprob& from, v1::TokenLogprob& to) const;

  ResponseView view_;
  const engine::Tokenizer* tokenizer_;
};

}  // namespace skep::server

#endif  // SKEP_SERVER_GRPC_CONVERT_H_
