// skep chat.
#include <unistd.h>

#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "server/commands/client.h"
#include "server/commands/commands.h"
#include "server/commands/io.h"
#include "server/commands/local_engine.h"
#include "server/commands/sampling_options.h"
#include "server/options.h"

namespace skep::server {
namespace {

using nlohmann::ordered_json;

// A conversation in this process, where neither the model nor the user says how to sample: small
// models ramble at the API's default temperature of 1.
constexpr float kChatTemperature = 0.7f;
constexpr float kChatTopP = 0.9f;

struct ChatOptions {
  ModelOptions model;
  SamplingFlags sampling;
  TargetOptions target;
  std::string system;
};

using OnDelta = std::function<void(int64_t tokens, const engine::OutputDelta& delta)>;
// Answers a request, here or on a server.
using Answer = std::function<absl::Status(engine::GenerationRequest, const OnDelta&)>;

ordered_json Start(const ChatOptions& options) {
  ordered_json messages = ordered_json::array();
  if (!options.system.empty()) {
    messages.push_back({{"role", "system"}, {"content", options.system}});
  }
  return messages;
}

// Shows an answer as it comes: what is said on stdout; thoughts and tool calls, which nobody here
// could carry out, on stderr.
class Display {
 public:
  void Show(const engine::OutputDelta& delta) {
    if (!delta.reasoning.empty()) {
      std::cerr << (thinking_ ? "" : "[thinking] ") << delta.reasoning << std::flush;
      thinking_ = true;
    }
    if (!delta.text.empty()) {
      EndThoughts();
      Print(delta.text);
    }
    engine::AppendToolCalls(calls_, delta.tool_calls);
  }

  void End() {
    EndThoughts();
    Print("\n");
    for (const engine::ToolCallDelta& call : calls_) {
      if (!call.discarded) std::cerr << "[calls " << call.name << call.arguments << "]\n";
    }
  }

 private:
  void EndThoughts() {
    if (std::exchange(thinking_, false)) std::cerr << "\n" << std::flush;
  }

  bool thinking_ = false;
  std::vector<engine::ToolCallDelta> calls_;
};

// One turn: prints the answer as it comes, then the speed, and adds it to the conversation.
absl::Status Turn(const ChatOptions& options, const Answer& answer, ordered_json& messages) {
  engine::GenerationRequest request;
  request.prompt = engine::ChatPrompt{.messages = messages};
  Apply(options.sampling, request);
  std::string text, reasoning;
  Display display;
  int64_t tokens = 0;
  const absl::Time start = absl::Now();
  absl::Time first = start;
  const absl::Status status =
      answer(std::move(request), [&](int64_t new_tokens, const engine::OutputDelta& piece) {
        if (tokens == 0) first = absl::Now();
        tokens += new_tokens;
        text += piece.text;
        reasoning += piece.reasoning;
        display.Show(piece);
      });
  display.End();
  if (!status.ok()) return status;
  const double seconds = absl::ToDoubleSeconds(absl::Now() - first);
  std::cerr << absl::StrFormat("[%d tokens, first after %.2f s, %.1f tokens/s]\n", tokens,
                               absl::ToDoubleSeconds(first - start),
                               tokens > 1 && seconds > 0 ? (tokens - 1) / seconds : 0.0);
  messages.push_back({{"role", "assistant"}, {"content", text}});
  if (!reasoning.empty()) messages.back()["reasoning_content"] = reasoning;
  return absl::OkStatus();
}

int Converse(const ChatOptions& options, const Answer& answer) {
  const bool terminal = isatty(STDIN_FILENO) != 0;
  if (terminal) std::cerr << "/reset begins anew, /exit or Ctrl-D ends.\n";
  ordered_json messages = Start(options);
  int exit_code = 0;
  std::string line;
  while (true) {
    if (terminal) std::cerr << "> " << std::flush;
    if (!std::getline(std::cin, line) || line == "/exit") return exit_code;
    if (line.empty()) continue;
    if (line == "/reset") {
      messages = Start(options);
      continue;
    }
    messages.push_back({{"role", "user"}, {"content", line}});
    if (absl::Status s = Turn(options, answer, messages); !s.ok()) {
      exit_code = Fail(s);
      messages.erase(messages.size() - 1);  // the question that was not answered
      if (!terminal) return exit_code;
    }
  }
}

int ChatRemote(const ChatOptions& options) {
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options.target);
  if (!client.ok()) return Fail(client.status());
  return Converse(options, [&](engine::GenerationRequest request, const OnDelta& on_delta) {
    return (*client)->Stream(request, on_delta).status();
  });
}

int ChatLocal(const ChatOptions& options) {
  absl::StatusOr<std::unique_ptr<engine::Engine>> engine = OpenLocalEngine(options.model);
  if (!engine.ok()) return Fail(engine.status());
  const SamplingDefaults& defaults = (*engine)->model().sampling_defaults;
  return Converse(options, [&](engine::GenerationRequest request, const OnDelta& on_delta) {
    if (!request.temperature && !defaults.temperature) {
      request.temperature = kChatTemperature;
      if (!request.top_p && !defaults.top_p) request.top_p = kChatTopP;
    }
    const auto forward = [&](const engine::OutputDelta& delta) {
      on_delta(static_cast<int64_t>(delta.token_ids.size()), delta);
    };
    return Complete(**engine, std::move(request), forward).status();
  });
}

}  // namespace

void AddChatCommand(CLI::App& app, Run& run) {
  auto options = std::make_shared<ChatOptions>();
  CLI::App* command = app.add_subcommand("chat", "Talk to a model, here or on a server");
  AddModelOptions(*command, options->model);
  command->get_option("--model")->required(false);
  AddSamplingFlags(*command, options->sampling);
  AddTargetOptions(*command, options->target, "Use the server there");
  command->add_option("--system", options->system, "The system message");
  command->callback([options, &run] {
    if (options->model.path.empty() == options->target.address.empty()) {
      throw CLI::ValidationError("chat", "give either --model or --target");
    }
    run = [options] {
      return options->target.address.empty() ? ChatLocal(*options) : ChatRemote(*options);
    };
  });
}

}  // namespace skep::server
