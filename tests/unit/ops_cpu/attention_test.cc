// Paged attention against a plain softmax in double precision, and bit-equality of its chunkings.
#include "models/ops/cpu/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "test_data.h"

namespace skep::cpu {
namespace {

struct Shape {
  int64_t query_heads;
  int64_t kv_heads;
  int64_t head_dim;
  int64_t block_size = 32;
  int64_t window = 0;
  float softcap = 0.0f;
  KvType kv_type = KvType::kF16;
  int64_t value_dim = 0;  // 0: head_dim
  int64_t chunk = 0;
  bool sinks = false;
  bool slopes = false;
  int64_t radius = 0;
  int64_t prefix = 0;  // tokens of each sequence that all its queries see, if it has so many

  int64_t values() const { return value_dim > 0 ? value_dim : head_dim; }
};

// Sequences with random queries, keys and values, in a cache whose blocks lie in random order.
class World {
 public:
  World(const Kernels& kernels, const Shape& shape, std::vector<int64_t> lengths)
      : kernels_(kernels), shape_(shape), lengths_(std::move(lengths)) {
    job_.query_heads = shape.query_heads;
    job_.kv_heads = shape.kv_heads;
    job_.head_dim = shape.head_dim;
    job_.value_dim = shape.values();
    job_.block_size = shape.block_size;
    job_.window = shape.window;
    job_.chunk = shape.chunk;
    job_.radius = shape.radius;
    for (int64_t h = 0; h < shape.query_heads; ++h) {
      sinks_.push_back(2.0f - static_cast<float>(h));
      slopes_.push_back(1.0f / static_cast<float>(h + 2));
    }
    if (shape.sinks) job_.sinks = sinks_.data();
    if (shape.slopes) job_.slopes = slopes_.data();
    job_.softcap = shape.softcap;
    job_.kv_type = shape.kv_type;
    job_.scale = 0.7f / std::sqrt(static_cast<float>(shape.head_dim));
    uint32_t seed = 1;
    for (int64_t length : lengths_) {
      stride_ = std::max(stride_, (length + shape.block_size - 1) / shape.block_size);
      queries_.push_back(RandomActivations(length, shape.query_heads * shape.head_dim, seed++));
      keys_.push_back(RandomActivations(length, shape.kv_heads * shape.head_dim, seed++));
      values_.push_back(RandomActivations(length, shape.kv_heads * shape.values(), seed++));
    }
    FillCache();
  }

  // Runs every sequence's tokens [from[s], to[s]) in one batch; rows in order of sequence.
  std::vector<float> Run(const std::vector<int64_t>& from, const std::vector<int64_t>& to,
                         int threads, bool quantise = false) {
    const int64_t query_width = shape_.query_heads * shape_.head_dim;
    std::vector<int32_t> starts = {0};
    std::vector<int32_t> kv, prefixes;
    std::vector<float> queries;
    std::vector<int32_t> table = table_;
    for (size_t s = 0; s < lengths_.size(); ++s) {
      queries.insert(queries.end(), queries_[s].begin() + from[s] * query_width,
                     queries_[s].begin() + to[s] * query_width);
      starts.push_back(starts.back() + static_cast<int32_t>(to[s] - from[s]));
      kv.push_back(static_cast<int32_t>(to[s]));
      prefixes.push_back(static_cast<int32_t>(std::min(to[s], shape_.prefix)));
      // Blocks that slid out of the window, or are not needed yet, are not there.
      for (int64_t b = 0; b < stride_; ++b) {
        const bool slid =
            shape_.window > 0 && (b + 1) * shape_.block_size <= from[s] - shape_.window + 1;
        if (slid || b * shape_.block_size >= to[s]) table[s * stride_ + b] = -1 << 28;
      }
    }
    std::vector<float> out(starts.back() * width());
    AttentionJob job = job_;
    job.queries = queries.data();
    job.query_stride = query_width;
    job.out = out.data();
    job.out_stride = width();
    job.keys = key_cache_.data();
    job.values = value_cache_.data();
    ThreadPool pool(threads);
    std::vector<std::vector<ActivationBlock>> memory(threads);
    std::vector<uint8_t*> workspaces;
    for (auto& m : memory) {
      m.resize(AttentionThreadBytes(job) / 64 + 1);
      workspaces.push_back(reinterpret_cast<uint8_t*>(m.data()));
    }
    AlignedBlocks blocks(starts.back(), width());
    AttentionBatch batch{starts, kv, table.data(), stride_, {}};
    if (shape_.prefix > 0) batch.prefixes = prefixes;
    AttentionRunner runner;
    runner.Run(kernels_, job, batch, pool, workspaces, quantise ? blocks.data() : nullptr);
    if (quantise) ExpectQuantised(out, starts.back(), width(), blocks);
    return out;
  }

  std::vector<float> RunAll(int threads) {
    return Run(std::vector<int64_t>(lengths_.size(), 0), lengths_, threads);
  }

  // One token's expected output, from the values that the cache holds.
  std::vector<double> Expected(size_t s, int64_t position) const {
    const int64_t dim = shape_.head_dim, value_dim = shape_.values();
    const int64_t group = shape_.query_heads / shape_.kv_heads;
    std::vector<double> out(width());
    for (int64_t h = 0; h < shape_.query_heads; ++h) {
      const float* q_row = queries_[s].data() + (position * shape_.query_heads + h) * dim;
      std::vector<float> q(q_row, q_row + dim);
      if (shape_.kv_type == KvType::kI8) q = RoundToInt8(q.data(), dim);
      const int64_t end = std::max(position + 1, std::min(shape_.prefix, lengths_[s]));
      std::vector<double> scores(end, -INFINITY);
      for (int64_t t = 0; t < end; ++t) {
        if (shape_.radius > 0 && std::abs(t - position) > shape_.radius) continue;
        if (shape_.window > 0 && t <= position - shape_.window) continue;
        if (shape_.chunk > 0 && t / shape_.chunk != position / shape_.chunk) continue;
        const std::vector<float> k =
            Stored(keys_[s].data() + (t * shape_.kv_heads + h / group) * dim, dim);
        double score = 0;
        for (int64_t d = 0; d < dim; ++d) score += static_cast<double>(q[d]) * k[d];
        score *= job_.scale;
        if (shape_.softcap > 0) score = shape_.softcap * std::tanh(score / shape_.softcap);
        if (shape_.slopes) score += slopes_[h] * static_cast<double>(t - position);
        scores[t] = score;
      }
      double largest = *std::max_element(scores.begin(), scores.end());
      double total = 0.0;
      if (shape_.sinks) {
        largest = std::max(largest, static_cast<double>(sinks_[h]));
        total = std::exp(sinks_[h] - largest);
      }
      for (double& score : scores) total += score = std::exp(score - largest);
      for (int64_t t = 0; t < end; ++t) {
        const std::vector<float> v =
            Stored(values_[s].data() + (t * shape_.kv_heads + h / group) * value_dim, value_dim);
        for (int64_t d = 0; d < value_dim; ++d) out[h * value_dim + d] += scores[t] / total * v[d];
      }
    }
    return out;
  }

  int64_t width() const { return shape_.query_heads * shape_.values(); }

 private:
  // The int8 form as kernels.h defines it: one bfloat16 scale a row of head_dim.
  static std::vector<float> RoundToInt8(const float* x, int64_t dim) {
    float max = 0;
    for (int64_t d = 0; d < dim; ++d) max = std::max(max, std::fabs(x[d]));
    const float scale = Bfloat16ToFloat(FloatToBfloat16(max / 127.0f));
    std::vector<float> out(dim, 0.0f);
    for (int64_t d = 0; d < dim && scale > 0; ++d) {
      out[d] = scale * std::clamp(std::nearbyint(x[d] * (1.0f / scale)), -127.0f, 127.0f);
    }
    return out;
  }

  // One head's key or value as the cache holds it.
  std::vector<float> Stored(const float* x, int64_t dim) const {
    if (shape_.kv_type == KvType::kI8) return RoundToInt8(x, dim);
    std::vector<float> out(x, x + dim);
    for (float& value : out) {
      if (shape_.kv_type == KvType::kF16) value = HalfToFloat(FloatToHalf(value));
      if (shape_.kv_type == KvType::kBF16) value = Bfloat16ToFloat(FloatToBfloat16(value));
    }
    return out;
  }

  void FillCache() {
    const int64_t num_blocks = stride_ * static_cast<int64_t>(lengths_.size());
    table_.resize(num_blocks);
    std::iota(table_.begin(), table_.end(), 0);
    std::mt19937 random(9);
    std::shuffle(table_.begin(), table_.end(), random);
    const int64_t key_bytes = job_.key_bytes();
    const int64_t value_bytes = job_.value_bytes();
    // NaN everywhere: what was never written must never be used.
    key_cache_.assign(num_blocks * shape_.kv_heads * key_bytes, 0xff);
    value_cache_.assign(num_blocks * shape_.kv_heads * value_bytes, 0xff);
    for (size_t s = 0; s < lengths_.size(); ++s) {
      for (int64_t t = 0; t < lengths_[s]; ++t) {
        const int64_t block = table_[s * stride_ + t / shape_.block_size];
        for (int64_t h = 0; h < shape_.kv_heads; ++h) {
          const int64_t head = t * shape_.kv_heads + h;
          kernels_.store_kv(job_, keys_[s].data() + head * shape_.head_dim,
                            values_[s].data() + head * shape_.values(), t % shape_.block_size,
                            key_cache_.data() + (block * shape_.kv_heads + h) * key_bytes,
                            value_cache_.data() + (block * shape_.kv_heads + h) * value_bytes);
        }
      }
    }
  }

  void ExpectQuantised(const std::vector<float>& out, int64_t rows, int64_t width,
                       AlignedBlocks& blocks) const {
    AlignedBlocks expected(rows, width);
    QuantiseRows(kernels_, out.data(), rows, width, expected.data());
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t b = 0; b < BlocksOf(width); ++b) {
        const int64_t at = ActivationIndex(r, b, BlocksOf(width));
        ASSERT_EQ(std::memcmp(blocks.data()[at].q, expected.data()[at].q, 40), 0);
      }
    }
  }

  const Kernels& kernels_;
  Shape shape_;
  AttentionJob job_;
  std::vector<int64_t> lengths_;
  int64_t stride_ = 0;
  std::vector<std::vector<float>> queries_, keys_, values_;
  std::vector<float> sinks_, slopes_;
  std::vector<int32_t> table_;
  std::vector<uint8_t> key_cache_, value_cache_;
};

std::vector<Shape> Shapes() {
  Shape latent{16, 1, 72};  // keys of 64 + 8 beside values of 64, as latent attention has
  latent.value_dim = 64;
  Shape chunked{4, 2, 32};
  chunked.chunk = 24;
  Shape sinks{6, 2, 64, 32, /*window=*/40};
  sinks.sinks = true;
  Shape slopes{6, 6, 32, 16};
  slopes.slopes = true;
  return {
      {9, 3, 64},
      {4, 4, 80},
      {8, 1, 96, 16},
      {6, 2, 128, 32, /*window=*/40},
      {4, 1, 256, 32, /*window=*/0, /*softcap=*/5.0f},
      {5, 5, 24, 16, /*window=*/17},
      {9, 3, 64, 32, 0, 0.0f, KvType::kF32},
      {3, 1, 64, 32, 100, 0.0f, KvType::kBF16},
      {40, 1, 32},
      {9, 3, 64, 32, 0, 0.0f, KvType::kI8},
      {5, 5, 24, 16, /*window=*/17, 0.0f, KvType::kI8},
      {7, 1, 90, 32, /*window=*/0, /*softcap=*/5.0f, KvType::kI8},
      latent,
      chunked,
      sinks,
      slopes,
  };
}

TEST(AttentionTest, MatchesSoftmaxInDoublePrecision) {
  for (CpuLevel level : LevelsHere()) {
    for (const Shape& shape : Shapes()) {
      const std::vector<int64_t> lengths = {1, 33, 70, 16};
      World world(KernelsFor(level), shape, lengths);
      const std::vector<float> out = world.RunAll(/*threads=*/2);
      int64_t row = 0;
      for (size_t s = 0; s < lengths.size(); ++s) {
        for (int64_t t = 0; t < lengths[s]; ++t, ++row) {
          const std::vector<double> expected = world.Expected(s, t);
          for (int64_t i = 0; i < world.width(); ++i) {
            // Outliers of 40 make scores of some hundreds: e^score carries score * 2^-24 of error,
            // relative to values of up to 100.
            ASSERT_NEAR(out[row * world.width() + i], expected[i], 2e-3)
                << CpuLevelName(level) << " head_dim " << shape.head_dim << " sequence " << s
                << " token " << t << " element " << i;
          }
        }
      }
    }
  }
}

TEST(AttentionTest, LongContextsAreMergedFromParts) {
  for (const Shape& shape : {Shape{3, 1, 64}, Shape{2, 2, 64, 32, /*window=*/700}}) {
    World world(KernelsFor(DetectCpuLevel()), shape, {1500});
    const std::vector<float> out = world.Run({1499}, {1500}, /*threads=*/2, /*quantise=*/true);
    const std::vector<double> expected = world.Expected(0, 1499);
    for (int64_t i = 0; i < world.width(); ++i) EXPECT_NEAR(out[i], expected[i], 2e-3);
  }
}

TEST(AttentionTest, QuantisesWhateverTheHeadSize) {
  for (const Shape& shape : {Shape{9, 3, 64}, Shape{4, 4, 80}, Shape{5, 5, 24, 16}}) {
    World world(KernelsFor(DetectCpuLevel()), shape, {3, 20});
    world.Run({0, 0}, {3, 20}, /*threads=*/2, /*quantise=*/true);
  }
}

constexpr int64_t kWhole = int64_t{1} << 20;

std::vector<Shape> LookingAhead() {
  Shape encoder{4, 4, 64};
  encoder.prefix = kWhole;
  Shape local{6, 2, 32, 16};
  local.prefix = kWhole;
  local.radius = 12;
  Shape wide{3, 1, 64, 32, /*window=*/0, /*softcap=*/0.0f, KvType::kI8};
  wide.prefix = kWhole;
  wide.radius = 300;
  Shape prefix{9, 3, 64, 32, /*window=*/0, /*softcap=*/0.0f, KvType::kF32};
  prefix.prefix = 40;
  return {encoder, local, wide, prefix};
}

TEST(AttentionTest, LooksAheadAsFarAsThePrefixAndTheRadiusGo) {
  for (CpuLevel level : LevelsHere()) {
    for (const Shape& shape : LookingAhead()) {
      // The second spans three splits.
      const std::vector<int64_t> lengths = {1, 1100, 70, 16, 41};
      World world(KernelsFor(level), shape, lengths);
      const std::vector<float> out = world.RunAll(/*threads=*/2);
      int64_t row = 0;
      for (size_t s = 0; s < lengths.size(); ++s) {
        const int64_t step = lengths[s] > 100 ? 61 : 1;
        for (int64_t t = 0; t < lengths[s]; t += step) {
          const std::vector<double> expected = world.Expected(s, t);
          for (int64_t i = 0; i < world.width(); ++i) {
            ASSERT_NEAR(out[(row + t) * world.width() + i], expected[i], 2e-3)
                << CpuLevelName(level) << " radius " << shape.radius << " sequence " << s
                << " token " << t << " element " << i;
          }
        }
        row += lengths[s];
      }
    }
  }
}

// The prefix comes in one step; apart from that, a row's bits do not depend on what runs beside it.
TEST(AttentionTest, LookingAheadIsBitEqualWhateverRunsBeside) {
  for (CpuLevel level : LevelsHere()) {
    for (const Shape& shape : LookingAhead()) {
      const std::vector<int64_t> lengths = {600, 75, 33};
      World world(KernelsFor(level), shape, lengths);
      const std::vector<float> whole = world.RunAll(/*threads=*/1);
      const auto expect_rows = [&](const std::vector<int64_t>& from, const std::vector<int64_t>& to,
                                   int threads) {
        const std::vector<float> part = world.Run(from, to, threads);
        int64_t at = 0, first = 0;
        for (size_t s = 0; s < lengths.size(); ++s) {
          const int64_t count = (to[s] - from[s]) * world.width();
          ASSERT_EQ(std::memcmp(part.data() + at, whole.data() + first + from[s] * world.width(),
                                count * sizeof(float)),
                    0)
              << CpuLevelName(level) << " radius " << shape.radius << " sequence " << s;
          at += count;
          first += lengths[s] * world.width();
        }
      };
      for (size_t s = 0; s < lengths.size(); ++s) {
        std::vector<int64_t> to(lengths.size(), 0);
        to[s] = lengths[s];
        expect_rows({0, 0, 0}, to, /*threads=*/2);
      }
      if (shape.prefix == kWhole) continue;
      expect_rows({590, 41, 0}, {600, 75, 33}, /*threads=*/3);
      expect_rows({599, 0, 32}, {600, 40, 33}, /*threads=*/1);
    }
  }
}

// A row's bits are the same whatever the chunks, the batch and the number of threads.
TEST(AttentionTest, BitEqualHoweverTheTokensArrive) {
  for (CpuLevel level : LevelsHere()) {
    for (const Shape& shape : Shapes()) {
      if (level != CpuLevel::kAvx512 && shape.head_dim > 80) continue;  // the same code, slowly
      const std::vector<int64_t> lengths = level == CpuLevel::kAvx512
                                               ? std::vector<int64_t>{1100, 75}
                                               : std::vector<int64_t>{530, 75};
      World world(KernelsFor(level), shape, lengths);
      const std::vector<float> whole = world.RunAll(/*threads=*/1);
      for (int64_t chunk : {1, 7, 64, 257}) {
        for (int64_t end : {chunk, int64_t{32}, int64_t{75}, int64_t{513}, lengths[0]}) {
          if (end > lengths[0]) continue;
          const int64_t begin = std::max<int64_t>(0, end - chunk);
          const int64_t short_end = std::min(end, lengths[1]);
          const int64_t short_begin = std::max<int64_t>(0, short_end - 1);
          const std::vector<float> part =
              world.Run({begin, short_begin}, {end, short_end}, /*threads=*/1 + chunk % 3);
          const int64_t w = world.width();
          ASSERT_EQ(
              std::memcmp(part.data(), whole.data() + begin * w, (end - begin) * w * sizeof(float)),
              0)
              << CpuLevelName(level) << " head_dim " << shape.head_dim << " chunk " << chunk
              << " ending at " << end;
          ASSERT_EQ(std::memcmp(part.data() + (end - begin) * w,
                                whole.data() + (lengths[0] + short_begin) * w,
                                (short_end - short_begin) * w * sizeof(float)),
                    0);
        }
      }
    }
  }
}

TEST(AttentionTest, HalfCacheSaturates) {
  for (CpuLevel level : LevelsHere()) {
    AttentionJob job;
    job.query_heads = job.kv_heads = 1;
    job.head_dim = job.value_dim = 16;
    job.block_size = 16;
    std::vector<float> key(16, 1e6f), value(16, -1e6f);
    key[3] = NAN;
    std::vector<uint16_t> keys(256), values(256);
    KernelsFor(level).store_kv(job, key.data(), value.data(), 5, keys.data(), values.data());
    EXPECT_EQ(HalfToFloat(keys[5]), 65504.0f);
    EXPECT_TRUE(std::isnan(HalfToFloat(keys[3 * 16 + 5])));
    EXPECT_EQ(HalfToFloat(values[5 * 16]), -65504.0f);
    EXPECT_EQ(keys[4], 0);
  }
}

}  // namespace
}  // namespace skep::cpu
