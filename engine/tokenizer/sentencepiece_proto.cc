#include "engine/tokenizer/sentencepiece_proto.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {
namespace {

// Field numbers of ModelProto and its parts.
constexpr uint32_t kPieces = 1, kTrainerSpec = 2, kNormalizerSpec = 3, kDenormalizerSpec = 5;
constexpr uint32_t kPieceText = 1, kPieceScore = 2, kPieceType = 3;
constexpr uint32_t kModelType = 3, kWhitespaceAsSuffix = 24, kByteFallback = 35, kUnkId = 40,
                   kBosId = 41, kEosId = 42, kPadId = 43;
constexpr uint32_t kCharsmap = 2, kDummyPrefix = 3, kRemoveExtraWhitespaces = 4,
                   kEscapeWhitespaces = 5;

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// ---- Writing ----

void AppendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void AppendNumber(uint32_t field, int64_t value, std::string& out) {
  AppendVarint(uint64_t{field} << 3 | kVarint, out);
  AppendVarint(static_cast<uint64_t>(value), out);
}

void AppendBytes(uint32_t field, std::string_view bytes, std::string& out) {
  AppendVarint(uint64_t{field} << 3 | kBytes, out);
  AppendVarint(bytes.size(), out);
  out.append(bytes);
}

void AppendFloat(uint32_t field, float value, std::string& out) {
  AppendVarint(uint64_t{field} << 3 | kFixed32, out);
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(bits >> 8 * i));
}

// ---- Reading ----

struct Field {
  uint32_t number = 0;
  WireType type = kVarint;
  uint64_t value = 0;      // of kVarint
  std::string_view bytes;  // of kBytes
  std::string_view whole;  // with its tag
};

class FieldReader final {
 public:
  explicit FieldReader(std::string_view message) : rest_(message) {}

  // nullopt at the end, or where the message is broken: see ok().
  std::optional<Field> Next() {
    if (rest_.empty() || !ok_) return std::nullopt;
    const std::string_view start = rest_;
    Field field;
    uint64_t tag = 0;
    ok_ = ReadVarint(tag);
    field.number = static_cast<uint32_t>(tag >> 3);
    field.type = static_cast<WireType>(tag & 7);
    if (ok_) ok_ = ReadValue(field);
    if (!ok_) return std::nullopt;
    field.whole = start.substr(0, start.size() - rest_.size());
    return field;
  }
  bool ok() const { return ok_; }

 private:
  bool ReadVarint(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const uint8_t byte = static_cast<uint8_t>(rest_[0]);
      rest_.remove_prefix(1);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  bool ReadValue(Field& field) {
    uint64_t length = 0;
    switch (field.type) {
      case kVarint:
        return ReadVarint(field.value);
      case kBytes:
        if (!ReadVarint(length)) return false;
        break;
      case kFixed64:
        length = 8;
        break;
      case kFixed32:
        length = 4;
        break;
      default:
        return false;
    }
    if (length > rest_.size()) return false;
    field.bytes = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return true;
  }

  std::string_view rest_;
  bool ok_ = true;
};

absl::Status NotAModel() {
  return absl::InvalidArgumentError("tokenizer.model is not a protocol buffer (truncated?)");
}

// The last field of this number, as protocol buffers have it.
std::string_view FindBytes(std::string_view message, uint32_t number) {
  std::string_view found;
  FieldReader reader(message);
  while (const auto field = reader.Next()) {
    if (field->number == number && field->type == kBytes) found = field->bytes;
  }
  return found;
}

SentencePieceEntry ReadPiece(std::string_view message) {
  SentencePieceEntry piece;
  FieldReader reader(message);
  while (const auto field = reader.Next()) {
    if (field->number == kPieceText && field->type == kBytes) piece.text = field->bytes;
    if (field->number == kPieceScore && field->type == kFixed32) {
      uint32_t bits = 0;
      for (int i = 3; i >= 0; --i) bits = bits << 8 | static_cast<uint8_t>(field->bytes[i]);
      std::memcpy(&piece.score, &bits, sizeof(bits));
    }
    if (field->number == kPieceType && field->type == kVarint) {
      piece.type = static_cast<SentencePieceType>(field->value);
    }
  }
  return piece;
}

void ReadTrainerSpec(std::string_view message, SentencePieceSource& source) {
  FieldReader reader(message);
  while (const auto field = reader.Next()) {
    if (field->type != kVarint) continue;
    const auto value = static_cast<int32_t>(field->value);
    if (field->number == kModelType) source.algorithm = static_cast<SentencePieceAlgorithm>(value);
    if (field->number == kWhitespaceAsSuffix) source.treat_whitespace_as_suffix = value != 0;
    if (field->number == kByteFallback) source.byte_fallback = value != 0;
    if (field->number == kUnkId) source.unk_id = value;
    if (field->number == kBosId) source.bos_id = value;
    if (field->number == kEosId) source.eos_id = value;
    if (field->number == kPadId) source.pad_id = value;
  }
}

void ReadNormalizerSpec(std::string_view message, SentencePieceSource& source) {
  FieldReader reader(message);
  while (const auto field = reader.Next()) {
    if (field->number == kCharsmap && field->type == kBytes) {
      source.precompiled_charsmap = field->bytes;
    }
    if (field->type != kVarint) continue;
    const bool value = field->value != 0;
    if (field->number == kDummyPrefix) source.add_dummy_prefix = value;
    if (field->number == kRemoveExtraWhitespaces) source.remove_extra_whitespaces = value;
    if (field->number == kEscapeWhitespaces) source.escape_whitespaces = value;
  }
}

// ---- The double array ----

// Units of the library darts-clone: bits 0 to 7 and 31 are the label (or a value), bit 8 says that
// a value follows, bits 9 to 30 are the offset of the children.
class DoubleArray final {
 public:
  explicit DoubleArray(std::string_view bytes) : bytes_(bytes) {}

  size_t size() const { return bytes_.size() / 4; }
  uint32_t Unit(size_t i) const {
    uint32_t unit = 0;
    for (int b = 3; b >= 0; --b) unit = unit << 8 | static_cast<uint8_t>(bytes_[4 * i + b]);
    return unit;
  }
  // Whether every search stays inside and finds at most `max_found` keys, and every value lies
  // below `values`.
  bool IsSafe(size_t values, int max_found) const {
    struct Visit {
      size_t node, children, next_label;
    };
    constexpr uint8_t kUnseen = 255, kOpen = 254;
    std::vector<uint8_t> found(size(), kUnseen);  // the most keys that end below a node
    std::vector<Visit> path;
    const auto enter = [&](size_t node) {
      const uint32_t unit = Unit(node);
      const size_t children = node ^ static_cast<size_t>((unit >> 10) << ((unit & (1u << 9)) >> 6));
      // A child differs from this in its lowest eight bits only.
      if ((children | 0xFF) >= size()) return false;
      if (HasValue(node) && (Unit(children) & 0x7FFFFFFF) >= values) return false;
      found[node] = kOpen;
      path.push_back({node, children, 1});
      return true;
    };
    std::vector<uint8_t> below(1, 0);  // for each node of the path: the most found so far
    if (!enter(0)) return false;
    while (!path.empty()) {
      Visit& visit = path.back();
      size_t entered = 0;
      for (; visit.next_label < 256 && entered == 0; ++visit.next_label) {
        const size_t child = visit.children ^ visit.next_label;
        if ((Unit(child) & 0x800000FF) != visit.next_label) continue;
        if (found[child] == kOpen) return false;  // a cycle
        if (found[child] == kUnseen) {
          entered = child;
        } else {
          below.back() = std::max(below.back(), found[child]);
        }
      }
      if (entered != 0) {
        if (!enter(entered)) return false;
        below.push_back(0);
        continue;
      }
      const size_t node = visit.node;
      const int total = below.back() + (HasValue(node) ? 1 : 0);
      if (total > max_found) return false;
      found[node] = static_cast<uint8_t>(total);
      path.pop_back();
      below.pop_back();
      if (!below.empty()) below.back() = std::max(below.back(), found[node]);
    }
    return true;
  }

 private:
  bool HasValue(size_t node) const { return (Unit(node) >> 8 & 1) != 0; }

  std::string_view bytes_;
};

}  // namespace

std::string WriteSentencePieceModel(const SentencePieceSource& source) {
  std::string model, part;
  bool has_bytes = false;
  for (const SentencePieceEntry& piece : source.pieces) {
    part.clear();
    AppendBytes(kPieceText, piece.text, part);
    AppendFloat(kPieceScore, piece.score, part);
    AppendNumber(kPieceType, static_cast<int64_t>(piece.type), part);
    AppendBytes(kPieces, part, model);
    has_bytes |= piece.type == SentencePieceType::kByte;
  }
  part.clear();
  AppendNumber(kModelType, static_cast<int64_t>(source.algorithm), part);
  AppendNumber(kWhitespaceAsSuffix, source.treat_whitespace_as_suffix ? 1 : 0, part);
  AppendNumber(kByteFallback, has_bytes ? 1 : 0, part);
  AppendNumber(kUnkId, source.unk_id, part);
  AppendNumber(kBosId, source.bos_id, part);
  AppendNumber(kEosId, source.eos_id, part);
  AppendNumber(kPadId, source.pad_id, part);
  AppendBytes(kTrainerSpec, part, model);
  part.clear();
  if (!source.precompiled_charsmap.empty()) {
    AppendBytes(kCharsmap, source.precompiled_charsmap, part);
  }
  AppendNumber(kDummyPrefix, source.add_dummy_prefix ? 1 : 0, part);
  AppendNumber(kRemoveExtraWhitespaces, source.remove_extra_whitespaces ? 1 : 0, part);
  AppendNumber(kEscapeWhitespaces, source.escape_whitespaces ? 1 : 0, part);
  AppendBytes(kNormalizerSpec, part, model);
  return model;
}

absl::StatusOr<SentencePieceSource> ReadSentencePieceSource(std::string_view model) {
  SentencePieceSource source;
  source.bos_id = 1;  // what an absent field means, of these and of the flags
  source.eos_id = 2;
  FieldReader reader(model);
  while (const auto field = reader.Next()) {
    if (field->type != kBytes) continue;
    if (field->number == kPieces) source.pieces.push_back(ReadPiece(field->bytes));
    if (field->number == kTrainerSpec) ReadTrainerSpec(field->bytes, source);
    if (field->number == kNormalizerSpec) ReadNormalizerSpec(field->bytes, source);
    if (field->number == kDenormalizerSpec) {
      source.has_denormalizer |= !FindBytes(field->bytes, kCharsmap).empty();
    }
  }
  if (!reader.ok()) return NotAModel();
  return source;
}

absl::StatusOr<std::string> MakeControlPieces(std::string_view model,
                                              absl::Span<const std::string> texts) {
  std::string result;
  result.reserve(model.size());
  FieldReader reader(model);
  while (const auto field = reader.Next()) {
    const bool is_piece = field->number == kPieces && field->type == kBytes;
    if (is_piece &&
        std::binary_search(texts.begin(), texts.end(), FindBytes(field->bytes, kPieceText))) {
      std::string piece(field->bytes);
      AppendNumber(kPieceType, static_cast<int64_t>(SentencePieceType::kControl), piece);
      AppendBytes(kPieces, piece, result);  // the last of two types counts
    } else {
      result.append(field->whole);
    }
  }
  if (!reader.ok()) return NotAModel();
  return result;
}

absl::Status CheckSentencePieceModel(std::string_view model) {
  FieldReader reader(model);
  while (const auto field = reader.Next()) {
    if (field->type != kBytes ||
        (field->number != kNormalizerSpec && field->number != kDenormalizerSpec))
      continue;
    const std::string_view charsmap = FindBytes(field->bytes, kCharsmap);
    if (charsmap.empty()) continue;
    const auto broken = [](std::string_view what) {
      return absl::InvalidArgumentError(Concat("tokenizer.model: its precompiled charsmap ", what));
    };
    if (charsmap.size() < 4) return broken("is cut off");
    const size_t trie_size = DoubleArray(charsmap.substr(0, 4)).Unit(0);
    if (trie_size >= charsmap.size() - 4) return broken("is cut off");
    if (trie_size == 0 || trie_size % 1024 != 0) {
      return broken(Concat("has a trie of ", trie_size, " bytes, wanted a multiple of 1024"));
    }
    const DoubleArray trie(charsmap.substr(4, trie_size));
    constexpr int kMaxFound = 32;  // the library has room for
    if (!trie.IsSafe(charsmap.size() - 4 - trie_size, kMaxFound)) {
      return broken("has links that lead out of it, or in circles");
    }
  }
  return reader.ok() ? absl::OkStatus() : NotAModel();
}

}  // namespace skep::engine::tokenizer
