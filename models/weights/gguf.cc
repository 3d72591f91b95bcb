#include "models/weights/gguf.h"

#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "models/weights/gguf_header.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

constexpr int64_t kMaxParts = 99999;  // five digits in the file names

absl::Status Invalid(std::string_view file, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(Quoted(file), ": ", message));
}

absl::StatusOr<GgufHeader> ReadNamedHeader(absl::Span<const std::byte> bytes,
                                           std::string_view name) {
  absl::StatusOr<GgufHeader> header = ReadGgufHeader(bytes);
  if (!header.ok()) return Invalid(name, header.status().message());
  return header;
}

// An integer of the split.* family; `otherwise` if the key is absent.
absl::StatusOr<int64_t> SplitInt(const GgufValues& values, std::string_view key,
                                 int64_t otherwise) {
  const auto found = values.find(key);
  if (found == values.end()) return otherwise;
  absl::StatusOr<int64_t> value = found->second.AsInt();
  if (value.ok()) return value;
  return absl::InvalidArgumentError(
      absl::StrCat("key ", Quoted(key), " ", value.status().message()));
}

// The value of a key through one of GgufValue's conversions; messages name key and file.
template <typename Result>
absl::StatusOr<Result> Get(const GgufFile& file, std::string_view key,
                           absl::StatusOr<Result> (GgufValue::*convert)() const) {
  const GgufValue* value = file.FindValue(key);
  if (value == nullptr) {
    return absl::NotFoundError(
        absl::StrCat(Quoted(file.path()), ": key ", Quoted(key), " is missing"));
  }
  absl::StatusOr<Result> result = (value->*convert)();
  if (!result.ok()) {
    return Invalid(file.path(), absl::StrCat("key ", Quoted(key), " ", result.status().message()));
  }
  return result;
}

}  // namespace

absl::Status GgufFile::AddTensors(std::vector<TensorInfo> tensors, std::string_view name) {
  for (TensorInfo& tensor : tensors) {
    if (!index_.emplace(tensor.name, tensors_.size()).second) {
      return Invalid(name, absl::StrCat("tensor ", Quoted(tensor.name), " is there twice"));
    }
    tensors_.push_back(std::move(tensor));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<GgufFile>> GgufFile::Parse(absl::Span<const std::byte> bytes,
                                                          std::string_view name) {
  absl::StatusOr<GgufHeader> header = ReadNamedHeader(bytes, name);
  if (!header.ok()) return header.status();
  auto file = absl::WrapUnique(new GgufFile(std::string(name)));
  file->version_ = header->version;
  file->keys_ = std::move(header->keys);
  file->values_ = std::move(header->values);
  if (absl::Status status = file->AddTensors(std::move(header->tensors), name); !status.ok()) {
    return status;
  }
  return file;
}

absl::StatusOr<std::unique_ptr<GgufFile>> GgufFile::Open(const std::string& path) {
  absl::StatusOr<std::unique_ptr<MappedFile>> mapped = MappedFile::Open(path);
  if (!mapped.ok()) return mapped.status();
  absl::StatusOr<std::unique_ptr<GgufFile>> file = Parse((*mapped)->bytes(), path);
  if (!file.ok()) return file.status();
  (*file)->files_.push_back(*std::move(mapped));
  if (absl::Status status = (*file)->AddOtherParts(path); !status.ok()) return status;
  return file;
}

absl::Status GgufFile::AddOtherParts(const std::string& path) {
  absl::StatusOr<int64_t> count = SplitInt(values_, "split.count", /*otherwise=*/1);
  absl::StatusOr<int64_t> number = SplitInt(values_, "split.no", /*otherwise=*/0);
  absl::StatusOr<int64_t> total = SplitInt(values_, "split.tensors.count", /*otherwise=*/-1);
  for (const absl::Status& status : {count.status(), number.status(), total.status()}) {
    if (!status.ok()) return Invalid(path, status.message());
  }
  if (*count == 0 || *count == 1) return absl::OkStatus();
  if (*count < 0 || *count > kMaxParts) {
    return Invalid(path,
                   absl::StrCat("key 'split.count' is ", *count, ", expected 1 to ", kMaxParts));
  }
  if (*number != 0) {
    return Invalid(path, absl::StrCat("is part ", *number + 1, " of ", *count,
                                      " of a split model: open the first part"));
  }
  const std::string ending = absl::StrFormat("-00001-of-%05d.gguf", *count);
  if (!absl::EndsWith(path, ending)) {
    return Invalid(path, absl::StrCat("is the first of ", *count,
                                      " parts, so its name must end in '", ending, "'"));
  }
  const std::string prefix = path.substr(0, path.size() - ending.size());
  for (int64_t i = 1; i < *count; ++i) {
    const std::string part_path = absl::StrFormat("%s-%05d-of-%05d.gguf", prefix, i + 1, *count);
    if (absl::Status status = AddPart(part_path, i, *count); !status.ok()) return status;
  }
  if (*total >= 0 && static_cast<uint64_t>(*total) != tensors_.size()) {
    return Invalid(path, absl::StrCat("key 'split.tensors.count' is ", *total,
                                      ", but the parts have ", tensors_.size(), " tensors"));
  }
  return absl::OkStatus();
}

absl::Status GgufFile::AddPart(const std::string& path, int64_t number, int64_t count) {
  absl::StatusOr<std::unique_ptr<MappedFile>> mapped = MappedFile::Open(path);
  if (!mapped.ok()) return mapped.status();
  absl::StatusOr<GgufHeader> header = ReadNamedHeader((*mapped)->bytes(), path);
  if (!header.ok()) return header.status();
  absl::StatusOr<int64_t> its_number = SplitInt(header->values, "split.no", /*otherwise=*/-1);
  absl::StatusOr<int64_t> its_count = SplitInt(header->values, "split.count", /*otherwise=*/-1);
  if (!its_number.ok() || !its_count.ok() || *its_number != number || *its_count != count) {
    return Invalid(path, absl::StrCat("its keys 'split.no' and 'split.count' do not say part ",
                                      number, " of ", count, " (counted from 0)"));
  }
  files_.push_back(*std::move(mapped));
  return AddTensors(std::move(header->tensors), path);
}

const TensorInfo* GgufFile::Find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

void GgufFile::Release(const TensorInfo& tensor) const {
  if (!files_.empty()) ReleasePages(tensor.data, tensor.bytes);
}

const GgufValue* GgufFile::FindValue(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

absl::StatusOr<int64_t> GgufFile::Int(std::string_view key) const {
  return Get(*this, key, &GgufValue::AsInt);
}

absl::StatusOr<double> GgufFile::Float(std::string_view key) const {
  return Get(*this, key, &GgufValue::AsFloat);
}

absl::StatusOr<bool> GgufFile::Bool(std::string_view key) const {
  return Get(*this, key, &GgufValue::AsBool);
}

absl::StatusOr<std::string_view> GgufFile::String(std::string_view key) const {
  return Get(*this, key, &GgufValue::AsString);
}

absl::StatusOr<std::vector<int64_t>> GgufFile::Ints(std::string_view key) const {
  return Get(*this, key, &GgufValue::AsInts);
}

absl::StatusOr<std::vector<double>> GgufFile::Floats(std::string_view key) const {
  return Get(*this, key, &GgufValue::AsFloats);
}

absl::StatusOr<std::vector<std::string_view>> GgufFile::Strings(std::string_view key) const {
  return Get(*this, key, &GgufValue::AsStrings);
}

}  // namespace skep::models
