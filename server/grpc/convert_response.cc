#include <cstddef>
#include <cstdint>
#include <string>

#include "server/grpc/convert.h"

namespace skep::server {
namespace {

v1::FinishReason ToFinishReason(const engine::FinishInfo& finish) {
  switch (finish.reason) {
    case FinishReason::kNone:
      return v1::FINISH_REASON_UNSPECIFIED;
    case FinishReason::kStop:
      return finish.tool_calls ? v1::FINISH_REASON_TOOL_CALLS : v1::FINISH_REASON_STOP;
    case FinishReason::kLength:
      return v1::FINISH_REASON_LENGTH;
    case FinishReason::kCancelled:
      return v1::FINISH_REASON_CANCELLED;
    case FinishReason::kDeadline:
      return v1::FINISH_REASON_DEADLINE;
    case FinishReason::kError:
      return v1::FINISH_REASON_ERROR;
  }
  return v1::FINISH_REASON_UNSPECIFIED;
}

void SetFinish(const engine::FinishInfo& from, v1::FinishInfo& to) {
  to.set_reason(ToFinishReason(from));
  to.set_generated_tokens(static_cast<uint32_t>(from.generated_tokens));
  if (!from.stop_string.empty()) {
    to.set_stop_string(from.stop_string);
  } else if (from.stop_token >= 0) {
    to.set_stop_token_id(static_cast<uint32_t>(from.stop_token));
  }
}

v1::SequenceOutput& PieceOf(uint32_t index, v1::GenerateResponse& out) {
  for (v1::SequenceOutput& piece : *out.mutable_outputs()) {
    if (piece.index() == index) return piece;
  }
  v1::SequenceOutput& piece = *out.add_outputs();
  piece.set_index(index);
  return piece;
}

// The piece of the call `index` that has not been discarded, or -1.
int FindCall(const v1::SequenceOutput& piece, uint32_t index) {
  for (int i = piece.tool_calls_size() - 1; i >= 0; --i) {
    const v1::ToolCallDelta& call = piece.tool_calls(i);
    if (call.index() == index && !call.discarded()) return i;
  }
  return -1;
}

// As engine::AppendToolCalls.
void AddToolCall(const engine::ToolCallDelta& from, v1::SequenceOutput& piece) {
  int at = FindCall(piece, from.index);
  if (from.discarded && at >= 0 && !piece.tool_calls(at).name().empty()) {
    piece.mutable_tool_calls()->DeleteSubrange(at, 1);
    return;
  }
  if (at < 0 || !from.name.empty()) {
    at = piece.tool_calls_size();
    piece.add_tool_calls()->set_index(from.index);
  }
  v1::ToolCallDelta& to = *piece.mutable_tool_calls(at);
  if (!from.name.empty()) {
    to.set_id(from.id);
    to.set_name(from.name);
  }
  if (from.discarded) {
    to.set_discarded(true);
    to.clear_arguments();
  } else {
    to.mutable_arguments()->append(from.arguments);
  }
}

}  // namespace

void FillEmbeddings(const engine::Embeddings& embeddings, v1::EmbedResponse& out) {
  for (size_t i = 0; i < embeddings.inputs.size(); ++i) {
    const engine::Embedding& from = embeddings.inputs[i];
    v1::Embedding& to = *out.add_embeddings();
    to.set_index(static_cast<uint32_t>(i));
    to.mutable_values()->Add(from.values.begin(), from.values.end());
    to.set_num_tokens(static_cast<uint32_t>(from.prompt_tokens));
    to.set_num_cached_tokens(static_cast<uint32_t>(from.cached_tokens));
    to.set_truncated(from.truncated);
  }
}

void FillUsage(const engine::Usage& usage, v1::Usage& out) {
  out.set_prompt_tokens(static_cast<uint32_t>(usage.prompt_tokens));
  out.set_cached_tokens(static_cast<uint32_t>(usage.cached_tokens));
  out.set_generated_tokens(static_cast<uint32_t>(usage.generated_tokens));
}

ResponseView ResponseView::From(const v1::ResponseOptions& options) {
  ResponseView view;
  if (options.has_text()) view.text = options.text();
  view.token_ids = options.token_ids();
  view.prompt_token_ids = options.prompt_token_ids();
  return view;
}

void ResponseBuilder::Add(const engine::PromptProcessed& event, v1::GenerateResponse& out) const {
  v1::PromptInfo& info = *out.mutable_prompt_info();
  info.set_num_tokens(static_cast<uint32_t>(event.token_ids.size()));
  info.set_num_cached_tokens(static_cast<uint32_t>(event.cached_tokens));
  if (view_.prompt_token_ids) {
    info.mutable_token_ids()->Add(event.token_ids.begin(), event.token_ids.end());
  }
  for (const engine::TokenLogprobs& logprobs : event.logprobs) {
    AddLogprobs(logprobs, *info.add_logprobs());
  }
}

void ResponseBuilder::Add(const engine::OutputDelta& event, v1::GenerateResponse& out) const {
  v1::SequenceOutput& piece = PieceOf(event.index, out);
  if (view_.text) {
    piece.mutable_text()->append(event.text);
    piece.mutable_reasoning()->append(event.reasoning);
    for (const engine::ToolCallDelta& call : event.tool_calls) AddToolCall(call, piece);
  }
  piece.set_num_tokens(piece.num_tokens() + static_cast<uint32_t>(event.token_ids.size()));
  if (view_.token_ids) {
    piece.mutable_token_ids()->Add(event.token_ids.begin(), event.token_ids.end());
  }
  for (const engine::TokenLogprobs& logprobs : event.logprobs) {
    AddLogprobs(logprobs, *piece.add_logprobs());
  }
  if (event.finish.reason != FinishReason::kNone) SetFinish(event.finish, *piece.mutable_finish());
}

void ResponseBuilder::Add(const engine::Usage& usage, v1::GenerateResponse& out) const {
  FillUsage(usage, *out.mutable_usage());
}

void ResponseBuilder::AddLogprobs(const engine::TokenLogprobs& from, v1::TokenLogprobs& to) const {
  AddLogprob(from.chosen, *to.mutable_chosen());
  for (const TokenLogprob& top : from.top) AddLogprob(top, *to.add_top());
}

void ResponseBuilder::AddLogprob(const TokenLogprob& from, v1::TokenLogprob& to) const {
  to.set_token_id(static_cast<uint32_t>(from.token));
  to.set_logprob(from.logprob);
  to.set_rank(static_cast<uint32_t>(from.rank));
  to.set_token(tokenizer_->TokenBytes(from.token));
}

}  // namespace skep::server
