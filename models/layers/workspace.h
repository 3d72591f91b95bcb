// The buffers that layers pass values through, shared by all layers and reused every step.
#ifndef SKEP_MODELS_LAYERS_WORKSPACE_H_
#define SKEP_MODELS_LAYERS_WORKSPACE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/layers/rope.h"
#include "models/ops/ops.h"

namespace skep::models {

// Layers ask for buffers by role while a model is built ("attention input") and keep the pointers;
// Allocate gives them memory, once every consumer is known. Same role, same buffer.
class Workspace final {
 public:
  // A buffer of float32 [max_tokens, columns].
  at::Tensor* Buffer(std::string_view role, int64_t columns);
  // As Buffer, with the quantised form that `consumers` read. Null consumers are passed over.
  Activation* Values(std::string_view role, int64_t columns,
                     std::initializer_list<const PreparedMatrix*> consumers);
  // Rotations of this name are by `rope`; `query_scale`, if any, gives what queries at a position
  // are multiplied by afterwards. With two axes, half of the pairs turn by the position and the
  // other half, as many, by the block position.
  void AddRotation(std::string_view name, const Rope& rope,
                   std::function<float(int64_t)> query_scale, bool two_axes = false);
  // The table of cos and sin of a rotation that was added, filled by BeginStep.
  RopeTable* Rotation(std::string_view name);

  void Allocate(Ops& ops, int64_t max_tokens);
  // `block_positions`: of rotations with two axes.
  void BeginStep(std::span<const int32_t> positions, std::span<const int32_t> block_positions = {});
  int64_t bytes() const { return bytes_; }

 private:
  struct BufferRequest {
    int64_t columns = 0;
    at::Tensor tensor;
  };
  struct ValuesRequest {
    int64_t columns = 0;
    std::vector<const PreparedMatrix*> consumers;
    Activation activation;
  };
  struct RotationRequest {
    Rope rope;
    std::function<float(int64_t)> query_scale;
    bool two_axes = false;
    RopeTable table;
  };
  std::map<std::string, BufferRequest, std::less<>> buffers_;  // nodes never move
  std::map<std::string, ValuesRequest, std::less<>> values_;
  std::map<std::string, RotationRequest, std::less<>> rotations_;
  int64_t bytes_ = 0;
};

}  // namespace skep::models

#endif  // SKEP_MODELS_LAYERS_WORKSPACE_H_
