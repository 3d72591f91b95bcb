// Tensors of a test, in place of a file's.
#ifndef SKEP_TESTS_UNIT_MODELS_MEMORY_SOURCE_H_
#define SKEP_TESTS_UNIT_MODELS_MEMORY_SOURCE_H_

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "models/weights/weight_source.h"

namespace skep::models {

class MemorySource final : public WeightSource {
 public:
  template <typename T>
  void Add(std::string name, TensorType type, std::vector<int64_t> shape,
           const std::vector<T>& values) {
    std::vector<std::byte>& bytes = memory_.emplace_back(values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    EXPECT_EQ(bytes.size(), *BytesFor(type, shape)) << name;
    tensors_.push_back({std::move(name), type, std::move(shape), bytes.data(), bytes.size()});
  }

  void Clear() {
    tensors_.clear();
    memory_.clear();
  }

  absl::Span<const TensorInfo> tensors() const override { return tensors_; }
  const TensorInfo* Find(std::string_view name) const override {
    for (const TensorInfo& tensor : tensors_) {
      if (tensor.name == name) return &tensor;
    }
    return nullptr;
  }
  std::string format() const override { return "safetensors"; }
  std::string path() const override { return "memory"; }
  void Release(const TensorInfo& /*tensor*/) const override {}

 private:
  std::deque<std::vector<std::byte>> memory_;
  std::vector<TensorInfo> tensors_;
};

}  // namespace skep::models

#endif  // SKEP_TESTS_UNIT_MODELS_MEMORY_SOURCE_H_
