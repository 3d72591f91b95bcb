// The listener for Prometheus and for probes that speak HTTP: /metrics, /healthz, /readyz. It has
// its own port and threads, so that a thousand open streams cannot starve a probe.
#ifndef SKEP_SERVER_METRICS_HTTP_LISTENER_H_
#define SKEP_SERVER_METRICS_HTTP_LISTENER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace skep::server {

// All functions are called from the listener's threads and must not block for long.
struct HttpEndpoints {
  std::function<std::string()> metrics;
  std::function<absl::Status()> live;   // not OK: the process should be restarted
  std::function<absl::Status()> ready;  // not OK: send no requests for now
};

class HttpListener final {
 public:
  // `address` is "HOST:PORT"; port 0 takes a free one. UNAVAILABLE when it cannot listen there.
  static absl::StatusOr<std::unique_ptr<HttpListener>> Start(const std::string& address,
                                                             HttpEndpoints endpoints);
  ~HttpListener();

  int port() const;

 private:
  struct Server;
  explicit HttpListener(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace skep::server

#endif  // SKEP_SERVER_METRICS_HTTP_LISTENER_H_
