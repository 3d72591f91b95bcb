// A client of skep.v1, for `chat --target` and `bench --target`. No gRPC header in here.
#ifndef SKEP_SERVER_COMMANDS_CLIENT_H_
#define SKEP_SERVER_COMMANDS_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/request.h"
#include "engine/response.h"

namespace CLI {
class App;
}

namespace skep::server {

struct RemoteModel {
  std::string name;
  std::string device;
  int64_t vocab_size = 0;
};

// Which server, and how to reach it.
struct TargetOptions {
  std::string address;       // "HOST:PORT"; empty: none
  std::string tls_ca;        // a PEM file: TLS, with a server that one of these CAs signed
  std::string api_key_file;  // else the key is taken from SKEP_API_KEY, if that is set
};

// --target, --tls-ca, --api-key-file; `help` is that of --target.
void AddTargetOptions(CLI::App& command, TargetOptions& options, const std::string& help);

// Thread-safe; every call waits for the server.
class Client final {
 public:
  // Connects at the first call. Errors name the file that is missing, or what is wrong with the
  // key.
  static absl::StatusOr<std::unique_ptr<Client>> Create(const TargetOptions& options);
  ~Client();

  absl::StatusOr<RemoteModel> GetModel() const;

  // Streams a request: token prompts, and chats whose messages have a role, text and reasoning. Of
  // its other fields those that the commands set are sent. `on_delta` gets the number of new tokens
  // and what they say. Errors carry code, message and reason.
  absl::StatusOr<engine::Usage> Stream(
      const engine::GenerationRequest& request,
      const std::function<void(int64_t tokens, const engine::OutputDelta& delta)>& on_delta) const;

 private:
  Client();
  struct Channel;
  std::unique_ptr<Channel> channel_;
};

}  // namespace skep::server

#endif  // SKEP_SERVER_COMMANDS_CLIENT_H_
