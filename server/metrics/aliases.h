// vLLM's names for Skep's metrics, for the routers and dashboards that ask for them.
#ifndef SKEP_SERVER_METRICS_ALIASES_H_
#define SKEP_SERVER_METRICS_ALIASES_H_

#include <prometheus/metric_family.h>

#include <vector>

namespace skep::server {

// Appends a copy under vLLM's name, with its labels, of every family that vLLM has too.
void AppendVllmAliases(std::vector<prometheus::MetricFamily>& families);

}  // namespace skep::server

#endif  // SKEP_SERVER_METRICS_ALIASES_H_
