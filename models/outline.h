// What a model is like, before it is loaded. No tensor in this header.
#ifndef SKEP_MODELS_OUTLINE_H_
#define SKEP_MODELS_OUTLINE_H_

#include <cstdint>
#include <string>

namespace skep::models {

struct ModelFiles;

struct ModelOutline {
  // Values of all tensors. Codes of a quantised matrix count as the values that they stand for, and
  // their scales and zero points not at all.
  int64_t parameters = 0;
  // Of the matrices, most bytes first: types ("Q4_K+Q6_K"), and the scheme of those that are
  // quantised as Hugging Face's checkpoints are ("gptq 4-bit+BF16").
  std::string quantization;
  // Of a 16-bit cache, in all layers, as long as no window is full; 0: unknown.
  int64_t cache_bytes_per_token = 0;
};

// From the configuration and the headers of tensors alone, for models that are not supported too.
ModelOutline OutlineModel(const ModelFiles& files);

}  // namespace skep::models

#endif  // SKEP_MODELS_OUTLINE_H_
