// Mixture of experts: tokens are grouped by expert, each expert's matrices are read once a step.
#include <numeric>

#include "models/ops/cpu/cpu_ops_impl.h"

namespace skep::models {
namespace {

using cpu::ActivationBlock;
using cpu::ActivationIndex;
using cpu::BlocksOf;
using cpu::Epilogue;
using cpu::GemmJob;
using cpu::kTileRows;

// Fewer tokens are routed by one thread.
constexpr int64_t kRoutedAtOnce = 8;

bool ReadsBlocks(const LinearWeights& w) { return cpu::IsInt8(Packed(*w.matrix).format()); }

ActivationBlock* BlocksIn(cpu::Scratch& scratch, int64_t rows, int64_t columns) {
  const int64_t bytes =
      cpu::ActivationBlocks(rows, columns) * static_cast<int64_t>(sizeof(ActivationBlock));
  return reinterpret_cast<ActivationBlock*>(scratch.Get(bytes));
}

}  // namespace

void CpuOps::RouteTokens(const ExpertsArguments& a) {
  const int64_t experts = a.options.experts, used = a.options.used;
  GemmJob job = JobFor(*a.input, *a.router, a.rows);
  float* logits = router_logits_.Floats(a.rows * experts);
  job.out = logits;
  job.out_stride = experts;
  RunGemms({&job, 1});
  chosen_.resize(a.rows * used);
  weights_.resize(a.rows * used);
  for (Router& router : routers_) router.Reserve(a.options);
  pool_.ParallelFor(a.rows, kRoutedAtOnce, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t row = begin; row < end; ++row) {
      routers_[thread].Choose({logits + row * experts, static_cast<size_t>(experts)}, a.correction,
                              a.options, chosen_.data() + row * used, weights_.data() + row * used);
    }
  });
}

// Returns the rows that the gathered activations need.
int64_t CpuOps::GroupByExpert(const ExpertsArguments& a) {
  const int64_t pairs = a.rows * a.options.used;
  order_.resize(pairs);
  std::iota(order_.begin(), order_.end(), 0);
  std::sort(order_.begin(), order_.end(), [&](int64_t x, int64_t y) {
    return chosen_[x] != chosen_[y] ? chosen_[x] < chosen_[y] : x < y;
  });
  places_.resize(pairs);
  expert_rows_.clear();
  int64_t place = 0;
  for (int64_t i = 0; i < pairs; ++i) {
    const int32_t expert = chosen_[order_[i]];
    if (expert_rows_.empty() || expert_rows_.back().expert != expert) {
      place = (place + kTileRows - 1) / kTileRows * kTileRows;
      expert_rows_.push_back({expert, i, 0, place});
    }
    ++expert_rows_.back().count;
    places_[order_[i]] = place++;
  }
  return (place + kTileRows - 1) / kTileRows * kTileRows;
}

void CpuOps::GatherRows(const ExpertsArguments& a, int64_t places) {
  const int64_t used = a.options.used, hidden = a.experts[0].gate.matrix->columns();
  const int64_t count = BlocksOf(hidden);
  const ActivationBlock* from_blocks = BlocksOrNull(*a.input);
  const float* from = a.input->values.data_ptr<float>();
  const int64_t stride = a.input->values.stride(0);
  ActivationBlock* blocks =
      from_blocks != nullptr ? BlocksIn(expert_blocks_, places, hidden) : nullptr;
  float* values = expert_values_.Floats(places * hidden);
  const bool only_blocks = std::all_of(a.experts.begin(), a.experts.end(), [](const Expert& e) {
    return ReadsBlocks(e.gate) && ReadsBlocks(e.up);
  });
  ForRows(a.rows * used, hidden, [&](int64_t pair) {
    const int64_t row = pair / used, place = places_[pair];
    float* to = values + place * hidden;
    if (a.options.scale_input) {
      std::copy_n(from + row * stride, hidden, to);
      kernels_.scale(weights_[pair], hidden, to);
      if (blocks != nullptr) {
        kernels_.quantise(to, hidden, blocks + ActivationIndex(place, 0, count));
      }
      return;
    }
    if (blocks != nullptr) {
      for (int64_t b = 0; b < count; ++b) {
        blocks[ActivationIndex(place, b, count)] = from_blocks[ActivationIndex(row, b, count)];
      }
    }
    if (!only_blocks) std::copy_n(from + row * stride, hidden, to);
  });
}

void CpuOps::RunExperts(const ExpertsArguments& a, int64_t places) {
  const int64_t hidden = a.experts[0].gate.matrix->columns();
  const int64_t width = a.experts[0].gate.matrix->rows();
  const bool fused = std::all_of(a.experts.begin(), a.experts.end(), [](const Expert& e) {
    return SameKernel(Packed(*e.gate.matrix), Packed(*e.up.matrix));
  });
  const bool only_blocks =
      fused && std::all_of(a.experts.begin(), a.experts.end(),
                           [](const Expert& e) { return ReadsBlocks(e.down); });
  float* inner = inner_values_.Floats(places * width);
  ActivationBlock* inner_blocks = BlocksIn(inner_blocks_, places, width);
  const auto job_for = [&](const LinearWeights& w, const float* values, int64_t columns,
                           const ActivationBlock* blocks, const ExpertRows& rows) {
    GemmJob job;
    job.matrix = &Packed(*w.matrix);
    job.bias = BiasOf(w);
    job.values = values + rows.place * columns;
    job.values_stride = columns;
    if (blocks != nullptr) job.blocks = blocks + ActivationIndex(rows.place, 0, BlocksOf(columns));
    job.rows = rows.count;
    return job;
  };
  const float* x = expert_values_.Floats(places * hidden);
  const ActivationBlock* x_blocks =
      a.input->quantized.defined() ? BlocksIn(expert_blocks_, places, hidden) : nullptr;

  jobs_.clear();
  for (const ExpertRows& rows : expert_rows_) {
    const Expert& expert = a.experts[rows.expert];
    GemmJob job = job_for(expert.gate, x, hidden, x_blocks, rows);
    if (!only_blocks) job.out = inner + rows.place * width;
    job.out_stride = width;
    job.gate = GateOf(a.function);
    if (fused) {
      job.epilogue = Epilogue::kGate;
      job.second = &Packed(*expert.up.matrix);
      job.second_bias = BiasOf(expert.up);
      job.out_blocks = inner_blocks + ActivationIndex(rows.place, 0, BlocksOf(width));
    }
    jobs_.push_back(job);
    if (!fused) {
      GemmJob up = job_for(expert.up, x, hidden, x_blocks, rows);
      up.out = inner_up_.Floats(places * width) + rows.place * width;
      up.out_stride = width;
      jobs_.push_back(up);
    }
  }
  RunGemms(jobs_);
  if (!fused) {
    const float* ups = inner_up_.Floats(places * width);
    ForRows(static_cast<int64_t>(order_.size()), width, [&](int64_t pair) {
      const int64_t place = places_[pair];
      float* y = inner + place * width;
      kernels_.gate(GateOf(a.function), ups + place * width, width, y);
      kernels_.quantise(y, width, inner_blocks + ActivationIndex(place, 0, BlocksOf(width)));
    });
  }

  jobs_.clear();
  float* results = expert_results_.Floats(places * hidden);
  for (const ExpertRows& rows : expert_rows_) {
    GemmJob job = job_for(a.experts[rows.expert].down, inner, width, inner_blocks, rows);
    job.out = results + rows.place * hidden;
    job.out_stride = hidden;
    jobs_.push_back(job);
  }
  RunGemms(jobs_);
}

void CpuOps::MixtureOfExperts(const ExpertsArguments& a) {
  RouteTokens(a);
  const int64_t places = GroupByExpert(a);
  GatherRows(a, places);
  RunExperts(a, places);
  const int64_t used = a.options.used, hidden = a.experts[0].gate.matrix->columns();
  const float* results = expert_results_.Floats(places * hidden);
  float* residual = a.residual->data_ptr<float>();
  const int64_t stride = a.residual->stride(0);
  ForRows(a.rows, hidden * used, [&](int64_t row) {
    for (int64_t i = 0; i < used; ++i) {
      const int64_t pair = row * used + i;
      const float weight = a.options.scale_input ? 1.0f : weights_[pair];
      kernels_.add_scaled(results + places_[pair] * hidden, weight * a.multiplier, hidden,
                          residual + row * stride);
    }
  });
}

}  // namespace skep::models
