#include "models/state/state_store.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace skep::models {
namespace {

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

StatePlace* StateStore::Declare(const LayerState& state) {
  auto group = std::find_if(groups_.begin(), groups_.end(), [&](const Group& g) {
    return g.state.kind == state.kind && g.state.window == state.window;
  });
  if (group == groups_.end()) {
    groups_.push_back({state, {}});
    group = groups_.end() - 1;
  }
  auto layer = std::make_unique<Layer>();
  layer->state = state;
  layer->place.group = static_cast<int32_t>(group - groups_.begin());
  group->layers.push_back(layers_.size());
  layers_.push_back(std::move(layer));
  return &layers_.back()->place;
}

int64_t StateStore::BlocksFor(const Group& group, int64_t tokens, const Sizing& sizing) const {
  const int64_t all = CeilDiv(tokens, sizing.block_size);
  if (group.state.kind != StateKind::kSlidingWindow) return all;
  // A sequence holds its window, and while a step runs the tokens of the step: the windows of all
  // sequences, one step's tokens, and a partly used block at either end of each.
  const int64_t windows =
      sizing.max_sequences * (CeilDiv(group.state.window, sizing.block_size) + 2) +
      CeilDiv(sizing.max_batch_tokens, sizing.block_size) + sizing.max_sequences;
  return std::min(all, windows);
}

double StateStore::BytesFor(int64_t tokens, const Sizing& sizing) const {
  double bytes = 0;
  for (size_t g = 0; g < groups_.size(); ++g) {
    bytes += static_cast<double>(BlocksFor(groups_[g], tokens, sizing)) *
             static_cast<double>(layout_.groups[g].bytes_per_block);
  }
  return bytes;
}

absl::Status StateStore::Allocate(Ops& ops, const Sizing& sizing) {
  if (groups_.size() > kMaxCacheGroups) {
    return absl::UnimplementedError(absl::StrCat("the model's layers keep ", groups_.size(),
                                                 " kinds of state; at most ", kMaxCacheGroups,
                                                 " are supported"));
  }
  layout_.block_size = sizing.block_size;
  layout_.groups.clear();
  for (const Group& group : groups_) {
    CacheGroupSpec spec{group.state.kind, group.state.window, 0, 0};
    for (size_t layer : group.layers) {
      spec.bytes_per_block +=
          ops.CacheBytesPerBlock(layers_[layer]->state.shape, sizing.block_size);
    }
    layout_.groups.push_back(spec);
  }

  // The largest number of tokens, in whole blocks, whose state fits.
  int64_t low = 0;
  int64_t high = CeilDiv(sizing.context_length, sizing.block_size) * sizing.max_sequences;
  while (low < high) {
    const int64_t middle = low + (high - low + 1) / 2;
    if (BytesFor(middle * sizing.block_size, sizing) <= static_cast<double>(sizing.memory_bytes)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  const int64_t tokens = low * sizing.block_size;
  if (tokens < std::min<int64_t>(sizing.context_length, sizing.block_size)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a key-value cache of ", sizing.memory_bytes, " bytes holds no block of ",
                     sizing.block_size, " tokens; ",
                     absl::StrFormat("%.0f", BytesFor(sizing.context_length, sizing)),
                     " bytes hold one sequence of ", sizing.context_length, " tokens"));
  }

  for (size_t g = 0; g < groups_.size(); ++g) {
    const int64_t blocks = BlocksFor(groups_[g], tokens, sizing);
    if (blocks > std::numeric_limits<BlockId>::max()) {
      return absl::InvalidArgumentError(absl::StrCat("a key-value cache of ", blocks, " blocks"));
    }
    layout_.groups[g].num_blocks = static_cast<int32_t>(blocks);
    bytes_ += blocks * layout_.groups[g].bytes_per_block;
    for (size_t layer : groups_[g].layers) {
      layers_[layer]->place.cache = ops.MakeLayerCache(
          layers_[layer]->state.shape, layout_.groups[g].num_blocks, sizing.block_size);
    }
  }
  return absl::OkStatus();
}

void StateStore::Copy(Ops& ops, const BlockCopy& copy) {
  for (size_t layer : groups_[copy.group].layers) {
    ops.CopyBlock(layers_[layer]->place.cache, copy.source, copy.target);
  }
}

}  // namespace skep::models
