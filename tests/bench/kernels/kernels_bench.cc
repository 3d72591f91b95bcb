// GEMM speed by weight type and number of rows, beside the machine's int8 peak measured in between.
//
//   kernels_bench [--threads=2] [--outputs=8192] [--columns=2048] [--seconds=0.3] [--copies=1]
//                 [--types=Q4_0,Q4_K] [--rows=1,16] [--spare-pipes=0] [--pack]
//
// --spare-pipes=1 or 0: the GEMM for processors of the other kind (see HasSparePipes).
// With --pack, the speed of packing instead, in bytes of the file, on one thread.
//
// GOP/s counts a multiply and an add as two; "peak" is the share of the probe taken right before.
// GB/s is the weights' bytes as packed over the time. `copies` multiplies by that many matrices in
// turn, so that small ones come from memory as they do in a model.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "models/ops/cpu/kernels.h"
#include "models/ops/cpu/scratch.h"
#include "models/ops/cpu/thread_pool.h"

#if defined(SKEP_PEAK_PROBE)
int64_t PeakProbe(int64_t rounds, int32_t* sink);
#endif

namespace skep::cpu {
namespace {

using models::TensorType;

// One thread is timed by its processor time, which other programs disturb less.
bool use_processor_time = false;

double Now() {
  timespec now;
  clock_gettime(use_processor_time ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double SecondsSince(double start) { return Now() - start; }

std::string Option(int argc, char** argv, const std::string& name, const std::string& fallback) {
  const std::string prefix = "--" + name + "=";
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], prefix.c_str(), prefix.size()) == 0) return argv[i] + prefix.size();
  }
  return fallback;
}

std::vector<std::string> Split(const std::string& list) {
  std::vector<std::string> parts(1);
  for (char c : list) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// GOP/s of all threads together, or 0 where there is no probe.
double MeasurePeak(ThreadPool& pool) {
#if defined(SKEP_PEAK_PROBE)
  if (DetectCpuLevel() != CpuLevel::kAvx512) return 0;
  double best = 0;
  for (int repeat = 0; repeat < 60; ++repeat) {
    std::vector<int64_t> done(pool.threads() * 16);
    const double start = Now();
    pool.ParallelFor(pool.threads(), 1, [&](int64_t begin, int64_t, int) {
      int32_t sink = 1;
      done[begin * 16] = PeakProbe(/*rounds=*/10000, &sink);
    });
    int64_t total = 0;
    for (int64_t d : done) total += d;
    best = std::max(best, 2.0 * static_cast<double>(total) / SecondsSince(start) * 1e-9);
  }
  return best;
#else
  (void)pool;
  return 0;
#endif
}

struct FileRows {
  std::vector<std::byte> bytes;
  std::vector<const std::byte*> pointers;

  FileRows(TensorType type, int64_t rows, int64_t columns) {
    const int64_t row_bytes = static_cast<int64_t>(*models::RowBytes(type, columns));
    bytes.resize(rows * row_bytes, std::byte{0x23});
    for (int64_t i = 0; i < rows; ++i) pointers.push_back(bytes.data() + i * row_bytes);
  }
};

struct Bench {
  const Kernels& kernels;
  ThreadPool& pool;
  double seconds;
  int64_t outputs;
  int64_t columns;
  int copies;
  bool spare_pipes;

  void Pack(TensorType type) {
    Arena arena;
    const FileRows file(type, outputs, columns);
    const PackedMatrix matrix = *PackedMatrix::Create(type, columns, outputs, arena);
    double best = 1e9;
    const double start = Now();
    for (int i = 0; i < 2 || SecondsSince(start) < seconds; ++i) {
      const double pass = Now();
      matrix.PackPanels(file.pointers, 0, matrix.panels());
      best = std::min(best, SecondsSince(pass));
    }
    std::printf("%-7s packs %6.2f GB/s\n", std::string(models::TypeName(type)).c_str(),
                1e-9 * static_cast<double>(file.bytes.size()) / best);
    std::fflush(stdout);
  }

  void Run(TensorType type, const std::vector<int64_t>& row_counts) {
    Arena arena;
    const FileRows file(type, outputs, columns);
    std::vector<PackedMatrix> matrices;
    for (int i = 0; i < copies; ++i) {
      matrices.push_back(*PackedMatrix::Pack(type, columns, file.pointers, arena));
      matrices.back().set_rounds_inputs(FastBfloatDots(kernels.level));
    }
    const int64_t max_rows = *std::max_element(row_counts.begin(), row_counts.end());
    Scratch block_memory, out_memory, value_memory;
    auto* blocks = reinterpret_cast<ActivationBlock*>(
        block_memory.Get(ActivationBlocks(max_rows, columns) * 64));
    float* values = value_memory.Floats(max_rows * columns);
    for (int64_t i = 0; i < max_rows * columns; ++i) {
      values[i] = static_cast<float>(i % 61 - 30) / 7;
    }
    for (int64_t r = 0; r < max_rows; ++r) {
      kernels.quantise(values + r * columns, columns,
                       blocks + ActivationIndex(r, 0, BlocksOf(columns)));
    }
    std::vector<Scratch> workspaces(pool.threads());
    for (Scratch& w : workspaces) w.Get(GemmWorkspaceBytes(matrices[0]));
    for (int64_t m : row_counts) {
      GemmJob job;
      job.blocks = blocks;
      job.values = values;
      job.values_stride = columns;
      job.rows = m;
      job.spare_pipes = spare_pipes;
      job.out = out_memory.Floats(m * outputs);
      job.out_stride = outputs;
      const double peak = MeasurePeak(pool);
      double best = 1e9;
      const double start = Now();
      for (int i = 0; i < 2 * copies || SecondsSince(start) < seconds; i += copies) {
        const double pass = Now();
        for (const PackedMatrix& matrix : matrices) {
          job.matrix = &matrix;
          const int64_t units = UnitsOf(matrix);
          const int64_t chunks = pool.threads() * (IsInt8(matrix.format()) ? 4 : 1);
          pool.ParallelFor(units, (units + chunks - 1) / chunks,
                           [&](int64_t begin, int64_t end, int thread) {
                             kernels.gemm(job, begin, end, workspaces[thread].Get(0));
                           });
        }
        best = std::min(best, SecondsSince(pass) / copies);
      }
      const double gops = 2e-9 * static_cast<double>(outputs * columns * m) / best;
      std::printf("%-7s rows %4ld  %8.1f GOP/s  %5.1f%% of peak %6.0f  %6.1f GB/s  %9.1f us\n",
                  std::string(models::TypeName(type)).c_str(), static_cast<long>(m), gops,
                  peak > 0 ? 100 * gops / peak : 0, peak,
                  1e-9 * static_cast<double>(matrices[0].bytes()) / best, best * 1e6);
      std::fflush(stdout);
    }
  }
};

int Main(int argc, char** argv) {
  const absl::StatusOr<CpuLevel> level = SelectCpuLevelFromEnvironment();
  if (!level.ok()) {
    std::fprintf(stderr, "%s\n", std::string(level.status().message()).c_str());
    return 2;
  }
  ThreadPool pool(std::atoi(Option(argc, argv, "threads", "2").c_str()));
  use_processor_time = pool.threads() == 1;
  std::vector<int64_t> rows;
  for (const std::string& r : Split(Option(argc, argv, "rows", "1,2,4,8,12,16,32,64,192,512"))) {
    rows.push_back(std::atoll(r.c_str()));
  }
  Bench bench{KernelsFor(*level),
              pool,
              std::atof(Option(argc, argv, "seconds", "0.3").c_str()),
              std::atoll(Option(argc, argv, "outputs", "8192").c_str()),
              std::atoll(Option(argc, argv, "columns", "2048").c_str()),
              std::atoi(Option(argc, argv, "copies", "1").c_str()),
              Option(argc, argv, "spare-pipes", HasSparePipes(*level) ? "1" : "0") == "1"};
  bool pack = false;
  for (int i = 1; i < argc; ++i) pack = pack || std::strcmp(argv[i], "--pack") == 0;
  pool.BeginStep();
  for (const std::string& name : Split(Option(
           argc, argv, "types",
           "Q4_0,Q4_1,Q5_0,Q5_1,Q8_0,Q2_K,Q3_K,Q4_K,Q5_K,Q6_K,IQ4_NL,IQ4_XS,MXFP4,NVFP4,IQ3_XXS,"
           "IQ3_S,IQ2_XXS,IQ2_XS,IQ2_S,IQ1_S,IQ1_M,TQ1_0,TQ2_0,Q2_0,Q1_0,F32,F16,BF16"))) {
    for (const models::TypeTraits& traits : models::AllTypes()) {
      if (traits.name == name && bench.columns % traits.block_elements == 0) {
        if (pack) {
          bench.Pack(traits.type);
        } else {
          bench.Run(traits.type, rows);
        }
      }
    }
  }
  pool.EndStep();
  return 0;
}

}  // namespace
}  // namespace skep::cpu

int main(int argc, char** argv) { return skep::cpu::Main(argc, argv); }
