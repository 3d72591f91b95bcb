#include "server/metrics/http_listener.h"

#include <CivetServer.h>

#include <exception>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/view.h"

namespace skep::server {
namespace {

// civetweb keeps one thread for each connection that is kept alive.
constexpr const char* kThreads = "4";
constexpr const char* kRequestTimeoutMs = "5000";

void Answer(mg_connection* connection, int code, std::string_view type, std::string_view body) {
  const std::string head =
      absl::StrCat("HTTP/1.1 ", code, code == 200 ? " OK" : " Service Unavailable",
                   "\r\nContent-Type: ", View(type), "\r\nContent-Length: ", body.size(),
                   "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n");
  mg_write(connection, head.data(), head.size());
  mg_write(connection, body.data(), body.size());
}

class MetricsHandler final : public CivetHandler {
 public:
  explicit MetricsHandler(std::function<std::string()> metrics) : metrics_(std::move(metrics)) {}
  bool handleGet(CivetServer*, mg_connection* connection) override {
    Answer(connection, 200, "text/plain; version=0.0.4; charset=utf-8", metrics_());
    return true;
  }

 private:
  std::function<std::string()> metrics_;
};

class ProbeHandler final : public CivetHandler {
 public:
  explicit ProbeHandler(std::function<absl::Status()> probe) : probe_(std::move(probe)) {}
  bool handleGet(CivetServer*, mg_connection* connection) override {
    const absl::Status status = probe_();
    Answer(connection, status.ok() ? 200 : 503, "text/plain; charset=utf-8",
           status.ok() ? "ok\n" : absl::StrCat(status.message(), "\n"));
    return true;
  }

 private:
  std::function<absl::Status()> probe_;
};

}  // namespace

struct HttpListener::Server {
  Server(const std::vector<std::string>& options, HttpEndpoints endpoints)
      : metrics(std::move(endpoints.metrics)),
        live(std::move(endpoints.live)),
        ready(std::move(endpoints.ready)),
        civet(options) {
    civet.addHandler("/metrics$", metrics);
    civet.addHandler("/healthz$", live);
    civet.addHandler("/readyz$", ready);
  }

  MetricsHandler metrics;
  ProbeHandler live;
  ProbeHandler ready;
  CivetServer civet;  // last: its threads use the handlers
};

HttpListener::HttpListener(std::unique_ptr<Server> server) : server_(std::move(server)) {}
HttpListener::~HttpListener() = default;

absl::StatusOr<std::unique_ptr<HttpListener>> HttpListener::Start(const std::string& address,
                                                                  HttpEndpoints endpoints) {
  const std::vector<std::string> options = {"listening_ports",
                                            address,
                                            "num_threads",
                                            kThreads,
                                            "request_timeout_ms",
                                            kRequestTimeoutMs,
                                            "enable_directory_listing",
                                            "no"};
  try {
    auto server = std::make_unique<Server>(options, std::move(endpoints));
    return std::unique_ptr<HttpListener>(new HttpListener(std::move(server)));
  } catch (const std::exception&) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on '", address,
                     "' for metrics: the address must be HOST:PORT, and the port free"));
  }
}

int HttpListener::port() const {
  const std::vector<int> ports = server_->civet.getListeningPorts();
  return ports.empty() ? 0 : ports.front();
}

}  // namespace skep::server
