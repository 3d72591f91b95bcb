// What the machine gives at most, which the engines' figures are set beside: memory read in order,
// and int8 dot products on registers.
//
//   machine_probe [--gib=1] [--sweeps=3]
//
// Prints a JSON object. Memory is swept over --gib GiB, more than any cache holds, with 1 and 2
// threads (and as many as there are), on 4 KiB and on huge pages, with and without prefetch
// instructions; `read_gb_per_second` is the best of all that. `int8_gops` counts a multiply and an
// add as two, on all processors; 0 where there is no AVX-512 VNNI.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#if defined(SKEP_PEAK_PROBE)
int64_t PeakProbe(int64_t rounds, int32_t* sink);
#endif

namespace skep {
namespace {

constexpr size_t kLine = 64;
constexpr size_t kPrefetchLines = 32;

int64_t Option(int argc, char** argv, const std::string& name, int64_t fallback) {
  const std::string prefix = "--" + name + "=";
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], prefix.c_str(), prefix.size()) == 0) {
      return std::max<int64_t>(1, std::atoll(argv[i] + prefix.size()));
    }
  }
  return fallback;
}

double SecondsOf(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Runs work(0) ... work(threads - 1) at once.
void InParallel(int threads, const std::function<void(int)>& work) {
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (std::thread& other : others) other.join();
}

// Pages of `bytes` bytes, touched; nullptr where there is no memory for them.
char* Map(size_t bytes, bool huge) {
  void* pages =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, /*fd=*/-1, 0);
  if (pages == MAP_FAILED) return nullptr;
  madvise(pages, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  std::memset(pages, 1, bytes);
  return static_cast<char*>(pages);
}

// GCC's vectors, so that the loads are as wide as the compiler is allowed to make them.
using Vector = uint64_t __attribute__((vector_size(64)));

// Four chains of additions over four vectors in flight: the loads are what limits.
template <bool kPrefetch>
uint64_t Sum(const char* data, size_t bytes) {
  Vector sums[4] = {};
  for (size_t at = 0; at < bytes; at += 4 * kLine) {
    for (size_t i = 0; i < 4; ++i) {
      const char* line = data + at + i * kLine;
      if constexpr (kPrefetch) __builtin_prefetch(line + kPrefetchLines * kLine);
      sums[i] += *reinterpret_cast<const Vector*>(line);
    }
  }
  const Vector total = sums[0] + sums[1] + sums[2] + sums[3];
  return total[0] + total[1] + total[2] + total[3] + total[4] + total[5] + total[6] + total[7];
}

// GB/s of `threads` threads that read a part each, the best of `sweeps`.
double Bandwidth(const char* data, size_t bytes, int threads, bool prefetch, int64_t sweeps) {
  const size_t part = bytes / threads / (4 * kLine) * (4 * kLine);
  std::vector<uint64_t> sums(threads * kLine);
  double best = 0;
  for (int64_t sweep = 0; sweep < sweeps; ++sweep) {
    const double seconds = SecondsOf([&] {
      InParallel(threads, [&](int i) {
        const char* begin = data + i * part;
        sums[i * kLine] = prefetch ? Sum<true>(begin, part) : Sum<false>(begin, part);
      });
    });
    best = std::max(best, static_cast<double>(part * threads) / seconds * 1e-9);
  }
  // Used, so that the sums are computed: of a buffer of ones it is never 0.
  return sums[0] == 0 ? 0 : best;
}

double Int8Peak(int threads) {
#if defined(SKEP_PEAK_PROBE)
  if (!__builtin_cpu_supports("avx512vnni")) return 0;
  double best = 0;
  for (int repeat = 0; repeat < 20; ++repeat) {
    std::vector<int64_t> done(threads * kLine);
    const double seconds = SecondsOf([&] {
      InParallel(threads, [&](int i) {
        int32_t sink = 1;
        done[i * kLine] = PeakProbe(/*rounds=*/200000, &sink);
      });
    });
    int64_t total = 0;
    for (int64_t d : done) total += d;
    best = std::max(best, 2.0 * static_cast<double>(total) / seconds * 1e-9);
  }
  return best;
#else
  return static_cast<double>(0 * threads);
#endif
}

int Main(int argc, char** argv) {
  const size_t bytes = static_cast<size_t>(Option(argc, argv, "gib", 1)) << 30;
  const int64_t sweeps = Option(argc, argv, "sweeps", 3);
  const int processors = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::vector<int> thread_counts = {1, 2, processors};
  thread_counts.erase(std::unique(thread_counts.begin(), thread_counts.end()), thread_counts.end());
  if (processors == 1) thread_counts = {1};

  double best = 0;
  std::string runs;
  for (const bool huge : {false, true}) {
    char* data = Map(bytes, huge);
    if (data == nullptr) {
      std::fprintf(stderr, "machine_probe: no %zu bytes of memory\n", bytes);
      return 1;
    }
    for (const int threads : thread_counts) {
      for (const bool prefetch : {false, true}) {
        const double rate = Bandwidth(data, bytes, threads, prefetch, sweeps);
        best = std::max(best, rate);
        char run[160];
        std::snprintf(run, sizeof(run),
                      "%s{\"threads\":%d,\"huge_pages\":%s,\"prefetch\":%s,\"gb_per_second\":%.2f}",
                      runs.empty() ? "" : ",", threads, huge ? "true" : "false",
                      prefetch ? "true" : "false", rate);
        runs += run;
      }
    }
    munmap(data, bytes);
  }
  std::printf("{\"read_gb_per_second\":%.2f,\"int8_gops\":%.1f,\"bytes\":%zu,\"sweeps\":[%s]}\n",
              best, Int8Peak(processors), bytes, runs.c_str());
  return 0;
}

}  // namespace
}  // namespace skep

int main(int argc, char** argv) { return skep::Main(argc, argv); }
