// The loop that all pair-merging tokenizers share: as long as some neighbours merge, the pair of
// the lowest rank does, the leftmost among equals.
#ifndef SKEP_ENGINE_TOKENIZER_MERGE_SYMBOLS_H_
#define SKEP_ENGINE_TOKENIZER_MERGE_SYMBOLS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

#include "engine/tokenizer/steps.h"
#include "scheduler/types.h"

namespace skep::engine::tokenizer {

inline constexpr TokenId kNoToken = -1;

struct Symbol {
  uint32_t begin = 0;  // bytes of the word
  uint32_t length = 0;
  TokenId id = kNoToken;  // kNoToken: not in the vocabulary
};

struct Merge {
  uint32_t rank = 0;
  TokenId id = kNoToken;  // of the merged symbol
};

// Short words: look at all pairs each time. O(n^2) of almost nothing.
template <typename FindMerge>
void MergeFewSymbols(std::vector<Symbol>& symbols, const FindMerge& find_merge) {
  std::vector<std::optional<Merge>> merges;  // of symbols i and i + 1
  merges.reserve(symbols.size());
  for (size_t i = 0; i + 1 < symbols.size(); ++i) {
    merges.push_back(find_merge(symbols[i], symbols[i + 1]));
  }
  while (true) {
    size_t best = merges.size();
    for (size_t i = 0; i < merges.size(); ++i) {
      if (merges[i] && (best == merges.size() || merges[i]->rank < merges[best]->rank)) best = i;
    }
    CountSteps(merges.size());
    if (best == merges.size()) return;
    symbols[best].length += symbols[best + 1].length;
    symbols[best].id = merges[best]->id;
    symbols.erase(symbols.begin() + best + 1);
    merges.erase(merges.begin() + best);
    if (best < merges.size()) merges[best] = find_merge(symbols[best], symbols[best + 1]);
    if (best > 0) merges[best - 1] = find_merge(symbols[best - 1], symbols[best]);
  }
}

// Long ones: a linked list and a queue of the pairs, O(n log n).
template <typename FindMerge>
void MergeManySymbols(std::vector<Symbol>& symbols, const FindMerge& find_merge) {
  struct Candidate {
    uint32_t rank;
    uint32_t left;
    uint32_t length;  // of both symbols then; if it differs now, one of them has changed
    TokenId id;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };
  const uint32_t size = static_cast<uint32_t>(symbols.size());
  std::vector<uint32_t> previous(size), next(size);
  for (uint32_t i = 0; i < size; ++i) {
    previous[i] = i - 1;  // wraps to "none" for the first
    next[i] = i + 1;
  }
  std::vector<Candidate> storage;
  storage.reserve(size);
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates(
      std::greater<>(), std::move(storage));
  const auto consider = [&](uint32_t left, uint32_t right) {
    if (left >= size || right >= size) return;
    const std::optional<Merge> merge = find_merge(symbols[left], symbols[right]);
    if (!merge) return;
    candidates.push({merge->rank, left, symbols[left].length + symbols[right].length, merge->id});
  };
  for (uint32_t i = 0; i + 1 < size; ++i) consider(i, i + 1);
  CountSteps(size);
  while (!candidates.empty()) {
    const Candidate candidate = candidates.top();
    candidates.pop();
    CountSteps(2);
    const uint32_t left = candidate.left;
    const uint32_t right = next[left];
    if (symbols[left].length == 0 || right >= size ||
        symbols[left].length + symbols[right].length != candidate.length) {
      continue;
    }
    symbols[left].length = candidate.length;
    symbols[left].id = candidate.id;
    symbols[right].length = 0;
    next[left] = next[right];
    if (next[left] < size) previous[next[left]] = left;
    consider(previous[left], left);
    consider(left, next[left]);
  }
  symbols.erase(std::remove_if(symbols.begin(), symbols.end(),
                               [](const Symbol& symbol) { return symbol.length == 0; }),
                symbols.end());
}

// `find_merge(left, right)` is std::optional<Merge>. Symbols have a length above 0 and follow each
// other without gaps.
template <typename FindMerge>
void MergeSymbols(std::vector<Symbol>& symbols, const FindMerge& find_merge) {
  constexpr size_t kFew = 32;
  if (symbols.size() <= kFew) {
    MergeFewSymbols(symbols, find_merge);
  } else {
    MergeManySymbols(symbols, find_merge);
  }
}

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_MERGE_SYMBOLS_H_
