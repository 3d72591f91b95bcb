#include "models/runner/memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "absl/strings/numbers.h"

namespace skep::models {
namespace {

constexpr int64_t kUnknown = std::numeric_limits<int64_t>::max();

// A file that holds one number; "max" and what cannot be read are kUnknown.
int64_t ReadNumber(const char* path) {
  std::ifstream file(path);
  std::string word;
  int64_t value;
  return file >> word && absl::SimpleAtoi(word, &value) ? value : kUnknown;
}

int64_t MachineAvailable() {
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  int64_t kibibytes;
  while (file >> key >> kibibytes) {
    if (key == "MemAvailable:") return kibibytes << 10;
    std::getline(file, unit);
  }
  return kUnknown;
}

// cgroup v2, then v1.
int64_t ContainerAvailable() {
  for (const auto& [limit_path, used_path] :
       {std::pair("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        std::pair("/sys/fs/cgroup/memory/memory.limit_in_bytes",
                  "/sys/fs/cgroup/memory/memory.usage_in_bytes")}) {
    const int64_t limit = ReadNumber(limit_path);
    const int64_t used = ReadNumber(used_path);
    if (limit != kUnknown && used != kUnknown) return std::max<int64_t>(limit - used, 0);
  }
  return kUnknown;
}

}  // namespace

int64_t AvailableMemory() {
  const int64_t available = std::min(MachineAvailable(), ContainerAvailable());
  return available == kUnknown ? 0 : available;
}

int64_t DefaultCacheBytes() {
  return std::clamp<int64_t>(AvailableMemory() / 2, int64_t{64} << 20, int64_t{4} << 30);
}

}  // namespace skep::models
