// The configuration of `skep serve`: one value, fixed once the process runs.
#ifndef SKEP_SERVER_CONFIG_H_
#define SKEP_SERVER_CONFIG_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "engine/engine.h"

namespace skep::server {

// Which model, and how it is run.
struct ModelOptions {
  std::string path;
  std::string device = "cpu";
  std::string ops = "fused";
  int32_t threads = 0;
  int64_t kv_cache_memory = 0;  // bytes
  std::string kv_cache_type = "f16";
  int64_t context_length = 0;
  int32_t max_sequences = 64;
  int32_t max_batch_tokens = 512;
};

// Files in PEM format; empty names: none.
struct TlsOptions {
  std::string certificate;  // the server's, with its chain
  std::string key;          // that certificate's, without a passphrase
  std::string client_ca;    // clients must show a certificate that one of these signed

  bool enabled() const { return !certificate.empty() || !key.empty() || !client_ca.empty(); }
};

struct GrpcOptions {
  std::string address = "127.0.0.1:8001";
  TlsOptions tls;
  std::string api_keys;  // a file as ApiKeys::Parse reads it; empty: everybody may call
  int64_t max_message_bytes = 16 << 20;
  int64_t memory_bytes = int64_t{1} << 30;  // gRPC's buffers, over all connections
  int32_t max_concurrent_streams = 1024;    // of one connection
  absl::Duration keepalive_time = absl::Seconds(60);
  absl::Duration keepalive_timeout = absl::Seconds(20);
  absl::Duration max_connection_age = absl::ZeroDuration();  // 0: no limit
  absl::Duration max_connection_age_grace = absl::Seconds(600);
};

struct ServeConfig {
  ModelOptions model;
  std::string served_model_name;  // empty: the file's or folder's name
  engine::EngineOptions engine;
  GrpcOptions grpc;
  std::string metrics_address = "127.0.0.1:8002";
  bool vllm_metrics = true;
  absl::Duration drain_timeout = absl::Seconds(30);
  std::string log_level = "info";
};

// "SmolLM2.Q4_1" for "/models/SmolLM2.Q4_1.gguf".
std::string DefaultServedName(const std::string& path);

// Whether "HOST:PORT", as written, is reached from this machine alone.
bool IsLoopback(std::string_view address);

}  // namespace skep::server

#endif  // SKEP_SERVER_CONFIG_H_
