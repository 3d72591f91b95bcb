#include "models/layers/workspace.h"

#include <algorithm>
#include <utility>

namespace skep::models {

at::Tensor* Workspace::Buffer(std::string_view role, int64_t columns) {
  BufferRequest& request = buffers_[std::string(role)];
  request.columns = std::max(request.columns, columns);
  return &request.tensor;
}

Activation* Workspace::Values(std::string_view role, int64_t columns,
                              std::initializer_list<const PreparedMatrix*> consumers) {
  ValuesRequest& request = values_[std::string(role)];
  request.columns = std::max(request.columns, columns);
  for (const PreparedMatrix* consumer : consumers) {
    if (consumer != nullptr) request.consumers.push_back(consumer);
  }
  return &request.activation;
}

void Workspace::AddRotation(std::string_view name, const Rope& rope,
                            std::function<float(int64_t)> query_scale, bool two_axes) {
  rotations_.insert_or_assign(std::string(name),
                              RotationRequest{rope, std::move(query_scale), two_axes, {}});
}

RopeTable* Workspace::Rotation(std::string_view name) {
  return &rotations_[std::string(name)].table;
}

void Workspace::Allocate(Ops& ops, int64_t max_tokens) {
  for (auto& [role, request] : buffers_) {
    request.tensor = ops.MakeRows(max_tokens, request.columns);
    bytes_ += request.tensor.nbytes();
  }
  for (auto& [role, request] : values_) {
    request.activation = ops.MakeActivation(max_tokens, request.columns, request.consumers);
    for (const at::Tensor& tensor : {request.activation.values, request.activation.quantized}) {
      if (tensor.defined()) bytes_ += tensor.nbytes();
    }
  }
  for (auto& [name, request] : rotations_) {
    request.table.rotary_dim = request.rope.rotary_dim() * (request.two_axes ? 2 : 1);
    request.table.cosine = ops.MakeBuffer(max_tokens, request.table.rotary_dim / 2);
    request.table.sine = ops.MakeBuffer(max_tokens, request.table.rotary_dim / 2);
    if (request.query_scale) request.table.query_scale = ops.MakeBuffer(max_tokens, 1);
  }
}

void Workspace::BeginStep(std::span<const int32_t> positions,
                          std::span<const int32_t> block_positions) {
  for (auto& [name, request] : rotations_) {
    const int64_t pairs = request.rope.rotary_dim() / 2, stride = request.table.rotary_dim / 2;
    float* cosine = request.table.cosine.data_ptr<float>();
    float* sine = request.table.sine.data_ptr<float>();
    request.rope.Fill(positions, stride, cosine, sine);
    if (request.two_axes) {
      request.rope.Fill(block_positions, stride, cosine + pairs, sine + pairs);
    }
    if (!request.query_scale) continue;
    float* scale = request.table.query_scale.data_ptr<float>();
    for (int32_t position : positions) *scale++ = request.query_scale(position);
  }
}

}  // namespace skep::models
