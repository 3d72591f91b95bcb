// Whether the model works at all: what stands between loading and being ready.
#ifndef SKEP_ENGINE_SELF_TEST_H_
#define SKEP_ENGINE_SELF_TEST_H_

#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/request.h"
#include "engine/response.h"
#include "engine/tokenizer/tokenizer.h"
#include "models/runner.h"

namespace skep::engine {

// Generates a few tokens greedily from a minimal prompt, through `start`, and checks that all are
// possible ones: ids below the vocabulary, finite log-probabilities. Takes a minute at most.
absl::Status TestGeneration(
    const ModelInfo& model, const Tokenizer& tokenizer,
    absl::FunctionRef<absl::StatusOr<std::unique_ptr<ResponseStream>>(GenerationRequest)> start);

// The same where a model does not generate: embeds the prompt, and checks that the values are
// finite.
absl::Status TestEmbedding(
    const ModelInfo& model, const Tokenizer& tokenizer,
    absl::FunctionRef<absl::StatusOr<std::unique_ptr<ResponseStream>>(EmbeddingRequest)> start);

}  // namespace skep::engine

#endif  // SKEP_ENGINE_SELF_TEST_H_
