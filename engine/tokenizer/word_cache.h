// Remembers how words were tokenized. Bounded, thread-safe.
#ifndef SKEP_ENGINE_TOKENIZER_WORD_CACHE_H_
#define SKEP_ENGINE_TOKENIZER_WORD_CACHE_H_

#include <array>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "engine/tokenizer/text.h"
#include "scheduler/types.h"

namespace skep::engine::tokenizer {

class WordCache final {
 public:
  // Longer words seldom return.
  static constexpr size_t kMaxWordBytes = 64;

  // Appends the ids of `word` to `out`, when they are known.
  bool Find(std::string_view word, std::vector<TokenId>& out) {
    Shard& shard = ShardOf(word);
    const std::lock_guard<std::mutex> lock(shard.mutex);
    const auto found = shard.words.find(word);
    if (found == shard.words.end()) return false;
    out.insert(out.end(), found->second.begin(), found->second.end());
    return true;
  }

  void Insert(std::string_view word, const TokenId* begin, const TokenId* end) {
    Shard& shard = ShardOf(word);
    const std::lock_guard<std::mutex> lock(shard.mutex);
    // Starting over costs the frequent words one miss each, and needs no bookkeeping on hits.
    if (shard.words.size() >= kMaxWordsPerShard) shard.words.clear();
    shard.words.try_emplace(std::string(word), begin, end);
  }

 private:
  static constexpr size_t kShards = 16;
  static constexpr size_t kMaxWordsPerShard = 4096;

  struct Shard {
    std::mutex mutex;
    absl::flat_hash_map<std::string, absl::InlinedVector<TokenId, 4>, StringHash, StringEqual>
        words;
  };
  Shard& ShardOf(std::string_view word) {
    return shards_[StringHash()(word) >> 20 & (kShards - 1)];
  }

  std::array<Shard, kShards> shards_;
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_WORD_CACHE_H_
