// Remembers how words were tokenized.
#ifndef SKEP_ENGINE_TOKENIZER_WORD_CACHE_H_
#define SKEP_ENGINE_TOKENIZER_WORD_CACHE_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "scheduler/types.h"

namespace skep::engine::tokenizer {

// A table of fixed size (2 MiB): a word has two places, and a new word takes the place of the older
// one. So a hit costs one or two cache lines and no lock, and no text can make it grow or slow. Not
// thread-safe: WordCachePool lends one to each call.
class WordCache final {
 public:
  static constexpr size_t kMaxWordBytes = 54;  // longer words seldom return
  static constexpr size_t kMaxIds = 16;

  WordCache() : entries_(std::make_unique<Entry[]>(size_t{2} << kSetBits)) {}

  // Appends the ids of `word` to `out`, when they are known.
  bool Find(std::string_view word, std::vector<TokenId>& out) const {
    const uint64_t hash = Hash(word);
    const Entry* set = SetOf(hash);
    const Entry* entry = set[0].Holds(word, hash) ? set : set + 1;
    if (entry != set && !entry->Holds(word, hash)) return false;
    out.insert(out.end(), entry->ids, entry->ids + entry->count);
    return true;
  }

  // `word` must have 1 to kMaxWordBytes bytes; those of more than kMaxIds ids are not kept.
  void Insert(std::string_view word, const TokenId* begin, const TokenId* end) {
    if (end - begin > static_cast<ptrdiff_t>(kMaxIds)) return;
    const uint64_t hash = Hash(word);
    Entry* set = SetOf(hash);
    set[1] = set[0];
    set[0].hash = hash;
    set[0].bytes = static_cast<uint8_t>(word.size());
    set[0].count = static_cast<uint8_t>(end - begin);
    std::memcpy(set[0].word, word.data(), word.size());
    std::copy(begin, end, set[0].ids);
  }

 private:
  static constexpr int kSetBits = 13;

  struct alignas(64) Entry {
    uint64_t hash = 0;
    uint8_t bytes = 0;  // 0: unused
    uint8_t count = 0;
    char word[kMaxWordBytes];
    TokenId ids[kMaxIds];

    bool Holds(std::string_view other, uint64_t other_hash) const {
      return hash == other_hash && bytes == other.size() &&
             std::memcmp(word, other.data(), bytes) == 0;
    }
  };
  static_assert(sizeof(Entry) == 128);

  static uint64_t Hash(std::string_view word) {
    uint64_t hash = word.size();
    const char* at = word.data();
    size_t left = word.size();
    for (; left > 8; left -= 8, at += 8) hash = Mix(hash, Load(at, 8));
    return Mix(hash, Load(at, left));
  }
  static uint64_t Load(const char* at, size_t bytes) {
    uint64_t value = 0;
    std::memcpy(&value, at, bytes);
    return value;
  }
  static uint64_t Mix(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * 0x9E3779B97F4A7C15;  // 2^64 / golden ratio
    return hash ^ hash >> 32;
  }
  Entry* SetOf(uint64_t hash) const {
    return entries_.get() + 2 * (hash * 0x9E3779B97F4A7C15 >> (64 - kSetBits));
  }

  std::unique_ptr<Entry[]> entries_;
};

// Caches for as many calls as run at once. Thread-safe.
class WordCachePool final {
 public:
  std::unique_ptr<WordCache> Take() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<WordCache> cache = std::move(idle_.back());
        idle_.pop_back();
        return cache;
      }
    }
    return std::make_unique<WordCache>();
  }

  void Return(std::unique_ptr<WordCache> cache) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(cache));
  }

 private:
  static constexpr size_t kMaxIdle = 16;

  std::mutex mutex_;
  std::vector<std::unique_ptr<WordCache>> idle_;  // the last one returned is the warmest
};

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_WORD_CACHE_H_
