#include "models/ops/cpu/cpu_features.h"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace skep::cpu {
namespace {

// Processors granted by the cgroup at `folder`, or 0 without a limit.
int CgroupProcessors(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");  // "max 100000" or "<quota> <period>", microseconds
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
  const double granted = std::atof(quota.c_str()) / period;
  if (granted <= 0) return 0;
  return std::max(1, static_cast<int>(granted + 0.999));
}

// The tightest limit on the way from this process's cgroup (version 2) to the root.
int TightestCgroupLimit() {
  std::ifstream self("/proc/self/cgroup");
  std::string line;
  std::string path;
  while (std::getline(self, line)) {
    if (line.rfind("0::", 0) == 0) path = line.substr(3);
  }
  int limit = 0;
  for (;;) {
    const int here = CgroupProcessors("/sys/fs/cgroup" + path);
    if (here > 0) limit = limit == 0 ? here : std::min(limit, here);
    if (path.empty()) return limit;
    path = path.substr(0, path.find_last_of('/'));
  }
}

// Physical cores among the processors this process may run on.
int PhysicalCores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return 1;
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    std::ifstream file(
        absl::StrCat("/sys/devices/system/cpu/cpu", cpu, "/topology/thread_siblings_list"));
    std::string siblings;
    if (!std::getline(file, siblings)) siblings = absl::StrCat(cpu);
    cores.insert(siblings);
  }
  return std::max<int>(1, static_cast<int>(cores.size()));
}

}  // namespace

std::string_view CpuLevelName(CpuLevel level) {
  switch (level) {
    case CpuLevel::kPortable:
      return "portable";
    case CpuLevel::kAvx2:
      return "avx2";
    case CpuLevel::kAvx512:
      return "avx512";
  }
  return "unknown";
}

CpuLevel DetectCpuLevel() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vnni")) {
    return CpuLevel::kAvx512;
  }
  // Every processor with AVX2 and FMA has the half-precision conversions (F16C) too.
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return CpuLevel::kAvx2;
#endif
  return CpuLevel::kPortable;
}

bool HasBfloatDots(CpuLevel level) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return level == CpuLevel::kAvx512 && __builtin_cpu_supports("avx512bf16");
#else
  (void)level;
  return false;
#endif
}

bool HasSparePipes(CpuLevel level) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return level == CpuLevel::kAvx512 && __builtin_cpu_is("amd");
#else
  (void)level;
  return false;
#endif
}

bool FastBfloatDots(CpuLevel level) {
#if defined(__x86_64__)
  return HasBfloatDots(level) && __builtin_cpu_is("amd");
#else
  return HasBfloatDots(level);
#endif
}

absl::StatusOr<CpuLevel> SelectCpuLevel(std::string_view forced) {
  const CpuLevel best = DetectCpuLevel();
  if (forced.empty()) return best;
  for (CpuLevel level : {CpuLevel::kPortable, CpuLevel::kAvx2, CpuLevel::kAvx512}) {
    if (forced != CpuLevelName(level)) continue;
    if (level > best) {
      return absl::FailedPreconditionError(absl::StrCat("SKEP_CPU='", std::string(forced),
                                                        "': this processor only runs '",
                                                        std::string(CpuLevelName(best)), "'"));
    }
    return level;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("SKEP_CPU='", std::string(forced), "': expected avx512, avx2 or portable"));
}

absl::StatusOr<CpuLevel> SelectCpuLevelFromEnvironment() {
  const char* forced = std::getenv("SKEP_CPU");
  return SelectCpuLevel(forced == nullptr ? "" : forced);
}

int DefaultThreads() {
  const int cores = PhysicalCores();
  const int limit = TightestCgroupLimit();
  return limit > 0 ? std::min(cores, limit) : cores;
}

}  // namespace skep::cpu
