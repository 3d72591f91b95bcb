// How much memory the machine, or the container we run in, has left.
#ifndef SKEP_MODELS_RUNNER_MEMORY_H_
#define SKEP_MODELS_RUNNER_MEMORY_H_

#include <cstdint>

namespace skep::models {

// Bytes that can still be taken: the smaller of what the machine has available and what the
// cgroup's limit leaves. 0 if neither can be read.
int64_t AvailableMemory();

// The size of the key-value cache where none was asked for: half of AvailableMemory(), between
// 64 MiB and 4 GiB.
int64_t DefaultCacheBytes();

}  // namespace skep::models

#endif  // SKEP_MODELS_RUNNER_MEMORY_H_
