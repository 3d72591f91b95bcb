// skep perplexity: windows and counting as llama.cpp's llama-perplexity.
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "engine/tokenizer/tokenizer.h"
#include "server/commands/commands.h"
#include "server/commands/io.h"
#include "server/commands/local_engine.h"
#include "server/options.h"
#include "server/read_file.h"

namespace skep::server {
namespace {

struct PerplexityOptions {
  ModelOptions model;
  std::string file;
  int32_t window = 512;
  bool json = false;
};

// Mean and spread of the negative log-likelihood of a token.
class Score final {
 public:
  void Add(double negative_log_likelihood) {
    ++count_;
    sum_ += negative_log_likelihood;
    squares_ += negative_log_likelihood * negative_log_likelihood;
  }
  int64_t count() const { return count_; }
  double perplexity() const { return std::exp(sum_ / static_cast<double>(count_)); }
  // Of the perplexity: the mean's standard error, carried through exp().
  double standard_error() const {
    if (count_ < 2) return 0;
    const double mean = sum_ / static_cast<double>(count_);
    const double variance = squares_ / static_cast<double>(count_) - mean * mean;
    if (variance <= 0) return 0;
    return std::sqrt(variance / static_cast<double>(count_ - 1)) * perplexity();
  }

 private:
  int64_t count_ = 0;
  double sum_ = 0;
  double squares_ = 0;
};

absl::StatusOr<std::vector<TokenId>> ReadTokens(const PerplexityOptions& options,
                                                const engine::Tokenizer& tokenizer) {
  absl::StatusOr<std::string> text = ReadFile(options.file);
  if (!text.ok()) return text.status();
  std::vector<TokenId> tokens;
  if (absl::Status s = tokenizer.Encode(*text, {}, tokens); !s.ok()) return s;
  if (tokens.size() < 2 * static_cast<size_t>(options.window)) {
    return absl::InvalidArgumentError(absl::StrCat("'", options.file, "': has ", tokens.size(),
                                                   " tokens; two windows of ", options.window,
                                                   " are needed"));
  }
  return tokens;
}

// Scores the second half of a window: every token there has at least half a window before it.
absl::Status ScoreWindow(engine::Engine& engine, std::vector<TokenId> window, Score& score) {
  const size_t first = window.size() / 2;
  const size_t size = window.size();
  engine::GenerationRequest request;
  request.prompt = engine::TokenPrompt{.ids = std::move(window)};
  request.prompt_logprobs = 0;
  request.max_tokens = 1;
  request.ignore_eos = true;
  request.temperature = 0.0f;
  request.bypass_prefix_cache = true;
  absl::StatusOr<Completion> completion = Complete(engine, std::move(request), nullptr);
  if (!completion.ok()) return completion.status();
  const std::vector<engine::TokenLogprobs>& logprobs = completion->prompt.logprobs;
  if (logprobs.size() + 1 != size) {
    return absl::InternalError(absl::StrCat("the engine reported ", logprobs.size(),
                                            " log-probabilities for ", size, " tokens"));
  }
  for (size_t position = first + 1; position < size; ++position) {
    score.Add(-static_cast<double>(logprobs[position - 1].chosen.logprob));
  }
  return absl::OkStatus();
}

absl::StatusOr<Score> ScoreFile(const PerplexityOptions& options, engine::Engine& engine) {
  const engine::Tokenizer& tokenizer = engine.tokenizer();
  absl::StatusOr<std::vector<TokenId>> tokens = ReadTokens(options, tokenizer);
  if (!tokens.ok()) return tokens.status();
  const size_t size = static_cast<size_t>(options.window);
  const size_t windows = tokens->size() / size;
  Score score;
  const auto progress = MakeProgress("perplexity");
  for (size_t i = 0; i < windows; ++i) {
    std::vector<TokenId> window(tokens->begin() + i * size, tokens->begin() + (i + 1) * size);
    if (tokenizer.adds_bos() && tokenizer.bos_id().has_value()) window[0] = *tokenizer.bos_id();
    if (absl::Status s = ScoreWindow(engine, std::move(window), score); !s.ok()) return s;
    progress(static_cast<double>(i + 1) / static_cast<double>(windows));
  }
  return score;
}

int Perplexity(PerplexityOptions options) {
  options.model.max_sequences = 1;
  absl::StatusOr<std::unique_ptr<engine::Engine>> engine = OpenLocalEngine(options.model);
  if (!engine.ok()) return Fail(engine.status());
  if (options.window + 1 > (*engine)->model().context_length) {
    return Fail(absl::InvalidArgumentError(absl::StrCat("--context ", options.window,
                                                        ": must be below the model's context, ",
                                                        (*engine)->model().context_length)));
  }
  absl::StatusOr<Score> score = ScoreFile(options, **engine);
  if (!score.ok()) return Fail(score.status());
  if (options.json) {
    PrintJson({{"perplexity", score->perplexity()},
               {"standard_error", score->standard_error()},
               {"tokens", score->count()},
               {"context", options.window}});
  } else {
    Print(absl::StrFormat("perplexity %.4f +/- %.4f over %d tokens, context %d\n",
                          score->perplexity(), score->standard_error(), score->count(),
                          options.window));
  }
  return 0;
}

}  // namespace

void AddPerplexityCommand(CLI::App& app, Run& run) {
  auto options = std::make_shared<PerplexityOptions>();
  CLI::App* command = app.add_subcommand("perplexity", "Perplexity of a model over a text");
  AddModelOptions(*command, options->model);
  command->remove_option(command->get_option("--context"));
  command->add_option("--context", options->window, "Tokens of a window; its second half is scored")
      ->check(CLI::Range(4, 1 << 20))
      ->capture_default_str();
  command->add_option("--file", options->file, "The text")->type_name("TEXT")->required();
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &run] { run = [options] { return Perplexity(*options); }; });
}

}  // namespace skep::server
