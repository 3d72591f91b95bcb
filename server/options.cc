#include "server/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/output_format/output_format.h"

namespace skep::server {
namespace {

constexpr double kMost = std::numeric_limits<int32_t>::max();

// Seconds on the command line, with fractions.
void AddSeconds(CLI::App& command, const std::string& name, absl::Duration& value,
                const std::string& help) {
  command
      .add_option_function<double>(
          name, [&value](const double& seconds) { value = absl::Seconds(seconds); }, help)
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e9))
      ->default_str(absl::FormatDuration(value));
}

void AddBytes(CLI::App& command, const std::string& name, int64_t& value, const std::string& help) {
  command.add_option(name, value, help)
      ->type_name("BYTES")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

void AddFormat(CLI::App& command, const std::string& name, std::string& value,
               const std::string& help, const std::vector<std::string_view>& names) {
  std::vector<std::string> known = {"auto", "none"};
  known.insert(known.end(), names.begin(), names.end());
  std::sort(known.begin() + 2, known.end());
  const auto check = [known](const std::string& text) {
    if (std::find(known.begin(), known.end(), text) != known.end()) return std::string();
    return absl::StrCat("'", text, "' is not one of: ", absl::StrJoin(known, ", "));
  };
  command.add_option(name, value, help)->type_name("NAME")->check(check)->capture_default_str();
}

void AddEngineOptions(CLI::App& command, engine::EngineOptions& options) {
  command
      .add_option_function<double>(
          "--max-step-ms", [&options](const double& ms) { options.max_step_seconds = ms / 1000; },
          "Cut prompts so that a step takes no longer; 0: no limit")
      ->type_name("MS")
      ->check(CLI::Range(0.0, kMost))
      ->default_str("250");
  command
      .add_option("--max-waiting", options.max_waiting, "Requests that may wait; more are refused")
      ->check(CLI::Range(0.0, kMost))
      ->capture_default_str();
  AddBytes(command, "--max-waiting-prompt-bytes", options.max_waiting_prompt_bytes,
           "Bytes of prompts that may wait (64MiB, ...)");
  command
      .add_option("--max-waiting-per-tenant", options.max_waiting_per_tenant,
                  "Requests of one tenant (see --api-keys) that may wait; 0: as many as of all")
      ->check(CLI::Range(0.0, kMost))
      ->capture_default_str();
  AddBytes(command, "--max-waiting-prompt-bytes-per-tenant",
           options.max_waiting_prompt_bytes_per_tenant,
           "Bytes of prompts of one tenant that may wait; 0: as many as of all");
  command.add_option("--prefix-cache", options.prefix_cache, "Share the prefixes of prompts")
      ->type_name("true|false")
      ->capture_default_str();
  command.add_option("--max-n", options.max_n, "Most sequences of one request")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  command.add_option("--max-inputs", options.max_inputs, "Most inputs of one Embed call")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  command.add_option("--max-logprobs", options.max_logprobs, "Most alternatives of one token")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  command
      .add_option("--max-stop-strings", options.max_stop_strings,
                  "Most stop strings of one request")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  AddFormat(command, "--tool-call-format", options.tool_call_format,
            "How the model writes tool calls: auto (as its chat template says), none, or a name",
            engine::ToolCallFormatNames());
  AddFormat(command, "--reasoning-format", options.reasoning_format,
            "How the model writes its thoughts: auto (as its chat template says), none, or a name",
            engine::ReasoningFormatNames());
  command
      .add_option("--max-unread-tokens", options.max_unread_tokens,
                  "A stream pauses when its client is so many tokens behind")
      ->check(CLI::Range(1.0, 1e9))
      ->capture_default_str();
  AddSeconds(command, "--stalled-reader-limit", options.stalled_reader_limit,
             "End a request whose client has not read for so long");
}

void AddSecurityOptions(CLI::App& command, GrpcOptions& options) {
  CLI::Option* certificate = AddFile(command, "--tls-certificate", options.tls.certificate,
                                     "Serve gRPC over TLS with this certificate (PEM, chain)");
  CLI::Option* key = AddFile(command, "--tls-key", options.tls.key,
                             "The certificate's private key (PEM, no passphrase)");
  certificate->needs(key);
  key->needs(certificate);
  AddFile(command, "--tls-client-ca", options.tls.client_ca,
          "Demand client certificates that one of these CAs signed (PEM)")
      ->needs(certificate);
  AddFile(command, "--api-keys", options.api_keys,
          "Demand an API key of every call but health and reflection: one TENANT:KEY a line");
}

void AddGrpcOptions(CLI::App& command, GrpcOptions& options) {
  command.add_option("--grpc-address", options.address, "Where gRPC listens")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  AddSecurityOptions(command, options);
  AddBytes(command, "--max-message-bytes", options.max_message_bytes, "Largest message accepted");
  AddBytes(command, "--grpc-memory", options.memory_bytes, "Memory for gRPC's buffers");
  command
      .add_option("--max-concurrent-streams", options.max_concurrent_streams,
                  "Calls at once on one connection")
      ->check(CLI::Range(1.0, kMost))
      ->capture_default_str();
  AddSeconds(command, "--keepalive-time", options.keepalive_time,
             "Ping a silent connection after so long");
  AddSeconds(command, "--keepalive-timeout", options.keepalive_timeout,
             "Close it when there is no answer for so long");
  AddSeconds(command, "--max-connection-age", options.max_connection_age,
             "Ask clients to connect anew after so long; 0: never");
  AddSeconds(command, "--max-connection-age-grace", options.max_connection_age_grace,
             "Time that calls on such a connection have to end");
}

}  // namespace

CLI::Option* AddFile(CLI::App& command, const std::string& name, std::string& path,
                     const std::string& help) {
  const auto not_empty = [](const std::string& value) {
    return value.empty() ? "the name of the file is empty" : "";
  };
  return command.add_option(name, path, help)->type_name("FILE")->check(not_empty);
}

void AddModelPath(CLI::App& command, std::string& path) {
  command.add_option("--model", path, "A .gguf file, or a folder with config.json and SafeTensors")
      ->type_name("PATH")
      ->required();
}

void AddModelOptions(CLI::App& command, ModelOptions& options) {
  AddModelPath(command, options.path);
  command.add_option("--device", options.device, "Where to compute")->capture_default_str();
  command
      .add_option("--ops", options.ops,
                  "fused: the device's own kernels; reference: slow, to compare with")
      ->check(CLI::IsMember({"fused", "reference"}))
      ->capture_default_str();
  command.add_option("--threads", options.threads, "Threads that compute; 0: as many as there are")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  AddBytes(command, "--kv-cache-memory", options.kv_cache_memory,
           "Memory of the KV cache (512MiB, 4GiB, ...); 0: a share of what is free");
  command.add_option("--kv-cache-type", options.kv_cache_type, "Type of the KV cache")
      ->check(CLI::IsMember({"f16", "bf16", "int8", "f32"}))
      ->capture_default_str();
  command
      .add_option("--context", options.context_length,
                  "Longest sequence in tokens; 0: the model's own")
      ->check(CLI::Range(0.0, kMost))
      ->capture_default_str();
  command.add_option("--max-sequences", options.max_sequences, "Sequences that run at once")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command.add_option("--max-batch-tokens", options.max_batch_tokens, "Tokens of one step")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
}

void AddServeOptions(CLI::App& command, ServeConfig& config) {
  AddModelOptions(command, config.model);
  command.add_option("--served-model-name", config.served_model_name,
                     "The model's name for clients; default: the file's");
  AddEngineOptions(command, config.engine);
  AddGrpcOptions(command, config.grpc);
  command
      .add_option("--metrics-address", config.metrics_address,
                  "Where /metrics, /healthz and /readyz listen")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  command.add_option("--vllm-metrics", config.vllm_metrics, "Show metrics under vLLM's names too")
      ->type_name("true|false")
      ->capture_default_str();
  AddSeconds(command, "--drain-timeout", config.drain_timeout,
             "Time that running requests have to end after SIGTERM");
  command.add_option("--log-level", config.log_level, "What is logged")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
}

}  // namespace skep::server
