// What layers remember of the tokens they have seen: the tensors of all cache groups.
#ifndef SKEP_MODELS_STATE_STATE_STORE_H_
#define SKEP_MODELS_STATE_STATE_STORE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "models/ops/ops.h"
#include "scheduler/plan.h"
#include "scheduler/types.h"

namespace skep::models {

// What one layer keeps.
struct LayerState {
  StateKind kind = StateKind::kFullAttention;
  int64_t window = 0;  // kSlidingWindow
  AttentionShape shape;
};

// Where a layer's state lives: its group's index, and its own cache in there.
struct StatePlace {
  int32_t group = 0;
  LayerCache cache;
};

// Layers declare their state while the model is built; Allocate then divides a budget of memory
// among the groups. Layers of the same kind and window share a group.
class StateStore final {
 public:
  // The pointer stays valid for the store's life; its tensors exist after Allocate.
  StatePlace* Declare(const LayerState& state);

  struct Sizing {
    int32_t block_size = 32;
    int64_t memory_bytes = 0;
    int64_t context_length = 0;
    int32_t max_sequences = 1;
    int32_t max_batch_tokens = 1;
  };
  // Fails if the budget does not hold one block of every group, naming what would hold one sequence
  // of the full context.
  absl::Status Allocate(Ops& ops, const Sizing& sizing);

  const CacheLayout& layout() const { return layout_; }
  int64_t bytes() const { return bytes_; }

  void Copy(Ops& ops, const BlockCopy& copy);

 private:
  struct Group {
    LayerState state;  // kind and window; the shape is each layer's own
    std::vector<size_t> layers;
  };
  struct Layer {
    LayerState state;
    StatePlace place;
  };
  // Blocks of a group with which `tokens` tokens of context can be held in all.
  int64_t BlocksFor(const Group& group, int64_t tokens, const Sizing& sizing) const;
  // As double: configurations can ask for more bytes than an int64 counts.
  double BytesFor(int64_t tokens, const Sizing& sizing) const;

  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<Group> groups_;
  CacheLayout layout_;
  int64_t bytes_ = 0;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_STATE_STATE_STORE_H_
