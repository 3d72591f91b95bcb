// GGUF files: what loads can be read to its end, and every tensor lies in the file.
#include <algorithm>
#include <cmath>
#include <vector>

#include "models/weights/config_view.h"
#include "models/weights/dequantize.h"
#include "models/weights/gguf.h"
#include "tests/fuzz/config_checks.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/tensor_checks.h"

namespace skep::fuzz {
namespace {

using models::GgufFile;
using models::GgufValue;
using models::GgufValueType;

// Exactly one conversion, or two for numbers, suits a value.
void CheckValue(const GgufValue& value) {
  const bool is_text = value.type() == GgufValueType::kString;
  Require(value.AsString().ok() == is_text, "strings and nothing else are strings");
  Require(value.AsBool().ok() == (value.type() == GgufValueType::kBool), "so for booleans");
  if (!value.is_array()) {
    const bool is_number = !is_text && value.type() != GgufValueType::kBool;
    Require(value.AsFloat().ok() == is_number, "every number is a float");
    Require(is_number || !value.AsInt().ok(), "only numbers are integers");
    Require(!value.AsElements().ok() && !value.AsInts().ok() && !value.AsStrings().ok(),
            "only arrays have elements");
    return;
  }
  const auto ints = value.AsInts();
  const auto floats = value.AsFloats();
  const auto strings = value.AsStrings();
  Require(!ints.ok() || ints->size() == value.size(), "an array has all of its integers");
  Require(!floats.ok() || floats->size() == value.size(), "an array has all of its numbers");
  Require(!strings.ok() || strings->size() == value.size(), "an array has all of its strings");
  Require(strings.ok() == (value.element_type() == GgufValueType::kString),
          "arrays of strings can be read as such");
  constexpr uint64_t kMaxElements = 1 << 16;  // each becomes an object of 48 bytes
  if (value.size() > kMaxElements) return;
  const auto elements = value.AsElements();
  Require(elements.ok() && elements->size() == value.size(), "an array has all of its elements");
  for (const GgufValue& element : *elements) CheckValue(element);
}

}  // namespace
}  // namespace skep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace skep;  // NOLINT(google-build-using-namespace): a C function has no namespace
  const absl::Span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto file = models::GgufFile::Parse(bytes, "fuzz.gguf");
  if (!file.ok()) {
    fuzz::Require(file.status().code() == absl::StatusCode::kInvalidArgument &&
                      !file.status().message().empty(),
                  "a file that is refused is an invalid argument");
    return 0;
  }
  for (std::string_view key : (*file)->keys()) {
    const models::GgufValue* value = (*file)->FindValue(key);
    fuzz::Require(value != nullptr, "every key has a value");
    fuzz::CheckValue(*value);
  }
  fuzz::CheckTensors(**file, bytes);
  if (const auto config = models::ConfigView::FromGguf(**file); config.ok()) {
    fuzz::CheckConfig(*config);
  }
  return 0;
}
