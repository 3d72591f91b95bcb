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

namespace skep::server {

struct RemoteModel {
  std::string name;
  std::string device;
  int64_t vocab_size = 0;
};

// Thread-safe; every call waits for the server.
class Client final {
 public:
  // Connects lazily to "HOST:PORT", without TLS.
  explicit Client(const std::string& target);
  ~Client();

  absl::StatusOr<RemoteModel> GetModel() const;

  // Streams a request: token prompts, and chats whose messages have a role and text. Of its other
  // fields those that the commands set are sent. `on_delta` gets the number of new tokens and their
  // text. Errors carry code, message and reason.
  absl::StatusOr<engine::Usage> Stream(
      const engine::GenerationRequest& request,
      const std::function<void(int64_t tokens, std::string_view text)>& on_delta) const;

 private:
  struct Channel;
  std::unique_ptr<Channel> channel_;
};

}  // namespace skep::server

#endif  // SKEP_SERVER_COMMANDS_CLIENT_H_
