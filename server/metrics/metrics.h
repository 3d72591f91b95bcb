// All that Prometheus sees. Every series exists from the start; gauges and the engine's counters
// are read when somebody scrapes, so they cannot go stale. No client can influence a label: names
// of methods, codes and reasons come from tables.
#ifndef SKEP_SERVER_METRICS_METRICS_H_
#define SKEP_SERVER_METRICS_METRICS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/engine.h"

namespace skep::server {

struct MetricsOptions {
  std::string model_name;    // the label of every series
  std::string version;       // of skep_build_info
  bool vllm_aliases = true;  // the same numbers under vLLM's names, with the label engine="0"
};

// Thread-safe.
class Metrics final : public engine::EngineObserver {
 public:
  explicit Metrics(const MetricsOptions& options);
  ~Metrics() override;

  // From now on the engine's numbers are shown; null stops that. Until then they are 0. The engine
  // must live until it is replaced.
  void ShowEngine(const engine::Engine* engine);

  // One finished call of skep.v1.Inference. Unknown names count as nothing.
  void CountCall(std::string_view method, std::string_view code);

  void OnRejected(const absl::Status& status) override;
  void OnFirstToken(absl::Duration since_arrival) override;
  void OnInterTokenLatency(absl::Duration latency) override;
  void OnStep(int64_t tokens, absl::Duration duration) override;
  void OnFinished(const Finished& finished) override;

  // The text format of Prometheus.
  std::string Serialize() const;

 private:
  struct Series;
  std::unique_ptr<Series> series_;
};

}  // namespace skep::server

#endif  // SKEP_SERVER_METRICS_METRICS_H_
