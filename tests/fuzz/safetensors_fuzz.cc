// SafeTensors files: the tensors of one that loads cover its data, without a gap.
#include "models/weights/safetensors.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/tensor_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using skep::fuzz::Require;
  const absl::Span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto tensors = skep::models::ParseSafetensors(bytes, "fuzz.safetensors");
  if (!tensors.ok()) {
    Require(tensors.status().code() == absl::StatusCode::kInvalidArgument &&
                !tensors.status().message().empty(),
            "a file that is refused is an invalid argument");
    return 0;
  }
  skep::fuzz::CheckTensors(*tensors, bytes);
  uint64_t covered = 0;
  for (const skep::models::TensorInfo& tensor : *tensors) covered += tensor.bytes;
  uint64_t header = 0;
  for (int i = 7; i >= 0; --i) header = header << 8 | data[i];
  Require(covered + header + 8 == size, "every byte of the data belongs to a tensor");
  return 0;
}
