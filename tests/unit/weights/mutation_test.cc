// Files cut short at every byte, and with thousands of random edits: they load or they do not, but
// whatever loads can be read to its end. Meant for address and undefined-behaviour sanitizers; the
// buffers are exactly as long as the file, so that a read past the end is seen.

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>

#include "models/weights/config_view.h"
#include "models/weights/dequantize.h"
#include "models/weights/safetensors.h"
#include "tests/unit/weights/gguf_builder.h"

namespace skep::models {
namespace {

constexpr int kEdits = 4000;

// A copy in a heap block of its exact size.
struct Exact {
  explicit Exact(std::string_view text) : data(new std::byte[text.size()]), size(text.size()) {
    std::memcpy(data.get(), text.data(), size);
  }
  absl::Span<const std::byte> span() const { return {data.get(), size}; }

  std::unique_ptr<std::byte[]> data;
  size_t size;
};

// Decodes each tensor, so that all of its bytes are read.
void ReadAll(absl::Span<const TensorInfo> tensors) {
  for (const TensorInfo& tensor : tensors) {
    const int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
    const absl::StatusOr<int64_t> elements = ElementsOf(tensor.shape);
    ASSERT_TRUE(elements.ok());
    ASSERT_EQ(*BytesFor(tensor.type, tensor.shape), tensor.bytes);
    if (*elements == 0) continue;
    std::vector<float> row(static_cast<size_t>(columns));
    const uint64_t row_bytes = *RowBytes(tensor.type, columns);
    for (uint64_t offset = 0; offset < tensor.bytes; offset += row_bytes) {
      ASSERT_TRUE(DequantizeRow(tensor.type, tensor.data + offset, columns, row.data()).ok());
    }
  }
}

void ReadAll(const GgufValue& value) {
  (void)value.AsInt();
  (void)value.AsFloat();
  (void)value.AsBool();
  (void)value.AsString();
  (void)value.AsInts();
  (void)value.AsFloats();
  (void)value.AsStrings();
  if (!value.is_array()) return;
  const absl::StatusOr<std::vector<GgufValue>> elements = value.AsElements();
  ASSERT_TRUE(elements.ok()) << elements.status();
  for (const GgufValue& element : *elements) ReadAll(element);
}

void ReadAll(const ConfigView& config) {
  (void)config.RequiredInt("hidden_size");
  (void)config.RequiredInt("num_attention_heads");
  (void)config.RequiredFloat("rms_norm_eps");
  (void)config.Ints("num_key_value_heads");
  (void)config.EosTokenIds();
  (void)config.LayerTypes(/*num_layers=*/12, /*default_pattern=*/6);
  (void)config.Rope("full_attention");
  (void)config.Rope("sliding_attention", {.sliding_theta = 10000.0});
  (void)config.Generation().FloatOr("temperature", 1.0);
}

// True if it loaded.
bool TryGguf(std::string_view bytes) {
  const Exact copy(bytes);
  const auto file = GgufFile::Parse(copy.span(), "test");
  if (!file.ok()) {
    EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(file.status().message().empty());
    return false;
  }
  ReadAll((*file)->tensors());
  for (std::string_view key : (*file)->keys()) ReadAll(*(*file)->FindValue(key));
  if (const auto config = ConfigView::FromGguf(**file); config.ok()) ReadAll(*config);
  return true;
}

bool TrySafetensors(std::string_view bytes) {
  const Exact copy(bytes);
  const auto tensors = ParseSafetensors(copy.span(), "test");
  if (tensors.ok()) ReadAll(*tensors);
  return tensors.ok();
}

bool TryConfig(std::string_view text) {
  const auto config = ConfigView::FromJson(text, /*generation=*/"", "config.json");
  if (config.ok()) ReadAll(*config);
  return config.ok();
}

std::string SmallGguf() {
  GgufBuilder builder;
  builder.String("general.architecture", "llama").U32("llama.embedding_length", 64);
  builder.U32("llama.block_count", 2).U32("llama.attention.head_count", 4);
  builder.F32("llama.attention.layer_norm_rms_epsilon", 1e-5f)
      .U32("llama.rope.dimension_count", 16);
  builder.F32("llama.rope.freq_base", 1e4f).String("llama.rope.scaling.type", "yarn");
  builder.F32("llama.rope.scaling.factor", 4.0f).U32("llama.context_length", 2048);
  builder.U32("llama.rope.scaling.original_context_length", 512);
  builder.Array("tokenizer.ggml.tokens", 8, 3, GgufString("a") + GgufString("") + GgufString("b"));
  builder.Array("llama.attention.head_count_kv", 4, 2, Bytes<uint32_t>(2) + Bytes<uint32_t>(2));
  builder.Array("nested", 9, 1, Bytes<uint32_t>(0) + Bytes<uint64_t>(2) + "xy");
  builder.U32("tokenizer.ggml.eos_token_id", 2).U32("general.alignment", 32);
  uint64_t offset = 0;
  for (const TypeTraits& traits : AllTypes()) {
    if (static_cast<uint32_t>(traits.type) >= 1000) break;
    builder.Tensor(std::string(traits.name), {static_cast<uint64_t>(traits.block_elements), 2},
                   static_cast<uint32_t>(traits.type), offset);
    offset += static_cast<uint64_t>(2 * traits.block_bytes + 31) / 32 * 32;
  }
  return builder.Data(offset).Build();
}

std::string SmallSafetensors() {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("b":{"dtype":"F8_E4M3","shape":[5],"data_offsets":[24,29]},)"
      R"("c":{"dtype":"BF16","shape":[],"data_offsets":[29,31]}})";
  return Bytes<uint64_t>(header.size()) + header + std::string(31, 'd');
}

constexpr char kConfig[] =
    R"({"architectures":["LlamaForCausalLM"],"hidden_size":64,"num_attention_heads":4,)"
    R"("rms_norm_eps":1e-05,"eos_token_id":[1,2],"max_position_embeddings":2048,)"
    R"("rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,)"
    R"("high_freq_factor":4.0,"original_max_position_embeddings":8192},"rope_theta":500000.0,)"
    R"("text_config":{"model_type":"llama","layer_types":["full_attention"]}})";

// One to three edits of the kinds that hurt: bytes, extreme integers, cuts, copies.
std::string Edited(const std::string& original, std::mt19937_64& random) {
  static constexpr uint64_t kNumbers[] = {0,
                                          1,
                                          0x7F,
                                          0xFF,
                                          0xFFFF,
                                          uint64_t{1} << 31,
                                          (uint64_t{1} << 31) - 1,
                                          uint64_t{1} << 32,
                                          (uint64_t{1} << 32) - 1,
                                          uint64_t{1} << 62,
                                          (uint64_t{1} << 63) - 1,
                                          uint64_t{1} << 63,
                                          ~uint64_t{0}};
  std::string bytes = original;
  const auto below = [&random](size_t limit) { return static_cast<size_t>(random() % limit); };
  for (size_t edits = 1 + below(3); edits > 0 && bytes.size() > 16; --edits) {
    const size_t at = below(bytes.size() - 8);
    switch (below(6)) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 2:
        bytes.replace(at, 8, Bytes(kNumbers[below(std::size(kNumbers))]));
        break;
      case 3:
        bytes.replace(at, 4, Bytes(static_cast<uint32_t>(kNumbers[below(std::size(kNumbers))])));
        break;
      case 4:
        bytes.erase(at, 1 + below(8));
        break;
      default:
        bytes.insert(at, bytes.substr(below(bytes.size() - 8), 1 + below(64)));
        break;
    }
  }
  return bytes;
}

// The tries that loaded, of `kEdits`.
int LoadedAfterEdits(const std::string& original, bool (*attempt)(std::string_view)) {
  std::mt19937_64 random(12345);
  int loaded = 0;
  for (int i = 0; i < kEdits; ++i) loaded += attempt(Edited(original, random)) ? 1 : 0;
  return loaded;
}

TEST(MutationTest, OriginalsLoad) {
  EXPECT_TRUE(TryGguf(SmallGguf()));
  EXPECT_TRUE(TrySafetensors(SmallSafetensors()));
  EXPECT_TRUE(TryConfig(kConfig));
}

TEST(MutationTest, GgufCutAtEveryByte) {
  const std::string file = SmallGguf();
  for (size_t size = 0; size < file.size(); ++size) {
    // The last tensor ends before the padding after it.
    const bool loaded = TryGguf(std::string_view(file).substr(0, size));
    EXPECT_EQ(loaded, size >= file.size() - 28) << size;
  }
}

TEST(MutationTest, SafetensorsCutAtEveryByte) {
  const std::string file = SmallSafetensors();
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(TrySafetensors(std::string_view(file).substr(0, size))) << size;
  }
}

TEST(MutationTest, ConfigCutAtEveryByte) {
  const std::string_view text = kConfig;
  for (size_t size = 0; size < text.size(); ++size) EXPECT_FALSE(TryConfig(text.substr(0, size)));
}

// Most edits break a file, some hit data or a harmless value: both kinds must occur.
TEST(MutationTest, GgufEdited) {
  const int loaded = LoadedAfterEdits(SmallGguf(), TryGguf);
  EXPECT_GT(loaded, kEdits / 100);
  EXPECT_LT(loaded, kEdits);
}

TEST(MutationTest, SafetensorsEdited) {
  const int loaded = LoadedAfterEdits(SmallSafetensors(), TrySafetensors);
  EXPECT_GT(loaded, kEdits / 100);
  EXPECT_LT(loaded, kEdits);
}

TEST(MutationTest, ConfigEdited) {
  const int loaded = LoadedAfterEdits(kConfig, TryConfig);
  EXPECT_GT(loaded, kEdits / 100);
  EXPECT_LT(loaded, kEdits);
}

}  // namespace
}  // namespace skep::models
