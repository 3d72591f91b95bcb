#include "naive_model.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"

namespace skep {
namespace {
constexpr uint64_t kGarbage = 0xdead;
}  // namespace

uint64_t MixHash(uint64_t a, uint64_t b) {
  uint64_t x = a * 0x9e3779b97f4a7c15u + b + 0x632be59bd9b4e019u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

TokenId ExpectedToken(const SamplingParams& sampling, uint32_t index,
                      std::span<const TokenId> tokens) {
  uint64_t hash = MixHash(sampling.seed, index);
  for (TokenId token : tokens) hash = MixHash(hash, static_cast<uint64_t>(token));
  return static_cast<TokenId>(hash % 12);
}

float ExpectedState(std::span<const TokenId> tokens) {
  uint64_t hash = 1;
  for (TokenId token : tokens) hash = MixHash(hash, static_cast<uint64_t>(token));
  return static_cast<float>(hash % 1000);
}

float ExpectedPooled(Pooling pooling, std::span<const TokenId> prompt) {
  if (pooling == Pooling::kFirst) return ExpectedState(prompt.first(1));
  if (pooling == Pooling::kLast) return ExpectedState(prompt);
  float sum = 0;
  for (size_t i = 1; i <= prompt.size(); ++i) sum += ExpectedState(prompt.first(i));
  return sum;
}

NaiveCache::NaiveCache(const CacheLayout& layout) : layout_(layout) {
  for (const CacheGroupSpec& group : layout.groups) {
    content_.emplace_back(static_cast<size_t>(group.num_blocks) * layout.block_size, kGarbage);
  }
}

uint64_t& NaiveCache::At(int group, std::span<const BlockId> table, int64_t position) {
  const BlockId block = table[position / layout_.block_size];
  return content_[group]
                 [static_cast<size_t>(block) * layout_.block_size + position % layout_.block_size];
}

std::string NaiveCache::Run(const Plan& plan, const std::map<SequenceId, uint64_t>& salts,
                            std::mt19937_64& random) {
  if (std::string error = CheckTables(plan); !error.empty()) return error;
  std::vector<BlockCopy> copies = plan.copies;
  std::shuffle(copies.begin(), copies.end(), random);
  const int64_t size = layout_.block_size;
  for (const BlockCopy& copy : copies) {
    auto& group = content_[copy.group];
    std::copy_n(group.begin() + copy.source * size, size, group.begin() + copy.target * size);
  }
  std::vector<std::vector<uint64_t>> prefixes;
  for (const PlanRow& row : plan.rows) {
    std::vector<uint64_t>& prefix = prefixes.emplace_back();
    uint64_t hash = salts.at(row.sequence.id);
    for (int64_t i = 0; i < row.first_token + row.count; ++i) {
      hash = MixHash(hash, static_cast<uint64_t>(row.sequence.tokens[i]));
      prefix.push_back(hash);
      if (i < row.first_token) continue;
      for (size_t group = 0; group < content_.size(); ++group) {
        At(static_cast<int>(group), row.block_tables[group], i) = hash;
      }
    }
  }
  for (size_t i = 0; i < plan.rows.size(); ++i) {
    std::string error = CheckRow(plan.rows[i], prefixes[i]);
    if (!error.empty()) return error;
  }
  return "";
}

// Tables name blocks of the pool, and what a row writes is in no other row's table.
std::string NaiveCache::CheckTables(const Plan& plan) const {
  for (size_t group = 0; group < content_.size(); ++group) {
    const BlockId num_blocks = layout_.groups[group].num_blocks;
    std::vector<int32_t> users(num_blocks, 0);
    for (const PlanRow& row : plan.rows) {
      for (BlockId block : row.block_tables[group]) {
        if (block < kNoBlock || block >= num_blocks) return "a block outside the pool";
        if (block != kNoBlock) ++users[block];
      }
    }
    for (const PlanRow& row : plan.rows) {
      const int64_t end = row.first_token + row.count;
      for (int64_t i = row.first_token / layout_.block_size; i * layout_.block_size < end; ++i) {
        if (i >= static_cast<int64_t>(row.block_tables[group].size())) return "a short table";
        const BlockId block = row.block_tables[group][i];
        if (block == kNoBlock) return "a write to no block";
        if (users[block] > 1) return absl::StrCat("block ", block, " is written and shared");
      }
    }
    for (const BlockCopy& copy : plan.copies) {
      if (copy.group != static_cast<int>(group)) continue;
      for (const BlockCopy& other : plan.copies) {
        if (&copy != &other && other.group == copy.group &&
            (other.target == copy.target || other.target == copy.source)) {
          return "copies depend on each other";
        }
      }
      if (copy.source == copy.target || users[copy.target] != 1) return "a useless copy";
    }
  }
  return "";
}

std::string NaiveCache::CheckRow(const PlanRow& row, const std::vector<uint64_t>& prefix) {
  for (size_t group = 0; group < content_.size(); ++group) {
    const CacheGroupSpec& spec = layout_.groups[group];
    const bool window = spec.kind == StateKind::kSlidingWindow;
    const int64_t first = window ? std::max<int64_t>(row.first_token - spec.window + 1, 0) : 0;
    for (int64_t i = first; i < row.first_token + row.count; ++i) {
      const BlockId block = row.block_tables[group][i / layout_.block_size];
      if (block == kNoBlock) return absl::StrCat("position ", i, " is needed and not held");
      if (At(static_cast<int>(group), row.block_tables[group], i) != prefix[i]) {
        return absl::StrCat("sequence ", row.sequence.id, " group ", group, " position ", i,
                            " (row from ", row.first_token, ", ", row.count,
                            " tokens) holds something else");
      }
    }
  }
  return "";
}

void NaiveCache::RunBroken(const Plan& plan, std::mt19937_64& random) {
  const int64_t size = layout_.block_size;
  for (const BlockCopy& copy : plan.copies) {
    if (random() % 2 == 0) continue;
    auto& group = content_[copy.group];
    std::copy_n(group.begin() + copy.source * size, size, group.begin() + copy.target * size);
  }
  for (const PlanRow& row : plan.rows) {
    if (random() % 2 == 0) SpoilRow(row);
  }
}

void NaiveCache::SpoilRow(const PlanRow& row) {
  for (size_t group = 0; group < content_.size(); ++group) {
    for (int64_t i = row.first_token; i < row.first_token + row.count; ++i) {
      At(static_cast<int>(group), row.block_tables[group], i) = kGarbage;
    }
  }
}

bool RequestModel::paused() const {
  for (const SequenceModel& sequence : sequences) {
    if (!sequence.done && !sequence.paused) return false;
  }
  return true;
}

int32_t RequestModel::live() const {
  return static_cast<int32_t>(std::count_if(sequences.begin(), sequences.end(),
                                            [](const SequenceModel& s) { return !s.done; }));
}

SequenceModel* RequestModel::leader() {
  for (SequenceModel& sequence : sequences) {
    if (!sequence.done) return &sequence;
  }
  return nullptr;
}

}  // namespace skep
