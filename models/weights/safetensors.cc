#include "models/weights/safetensors.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "models/weights/json_file.h"
#include "models/weights/model_files.h"
#include "models/weights/text.h"

namespace skep::models {
namespace {

namespace fs = std::filesystem;

constexpr char kSingleName[] = "model.safetensors";
constexpr char kIndexName[] = "model.safetensors.index.json";

bool IsInside(const fs::path& file, const fs::path& folder) {
  const fs::path relative = file.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != ".." && relative != ".";
}

// Hugging Face's cache links snapshots/<revision>/name to blobs/<hash>.
bool IsHubBlob(const fs::path& file, const fs::path& folder) {
  return folder.parent_path().filename() == "snapshots" &&
         file.parent_path() == folder.parent_path().parent_path() / "blobs";
}

// The index's weight_map: tensor name -> file name.
absl::StatusOr<absl::flat_hash_map<std::string, std::string>> ReadIndex(const std::string& path) {
  absl::StatusOr<std::string> text = ReadSmallFile(path, kMaxJsonFileBytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<nlohmann::json> json = ParseJsonObject(*text, path);
  if (!json.ok()) return json.status();
  const auto map = json->find("weight_map");
  if (map == json->end() || !map->is_object() || map->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(path), ": 'weight_map' must be an object that names tensors"));
  }
  absl::flat_hash_map<std::string, std::string> home;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string()) {
      return absl::InvalidArgumentError(
          absl::StrCat(Quoted(path), ": the file of ", Quoted(tensor), " must be a string"));
    }
    auto name = file.get<std::string>();
    if (absl::Status status = CheckShardName(name); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(Quoted(path), ": ", status.message()));
    }
    home.emplace(tensor, std::move(name));
  }
  return home;
}

}  // namespace

absl::Status CheckShardName(std::string_view name) {
  const bool clean = name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos &&
                     name != "." && name != "..";
  constexpr std::string_view kEnding = ".safetensors";
  if (clean && name.size() > kEnding.size() && name.ends_with(kEnding)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "file name ", Quoted(name), " must be a plain name that ends in '.safetensors'"));
}

absl::StatusOr<std::string> ResolveInFolder(const std::string& folder, const std::string& name) {
  std::error_code error;
  const fs::path base = fs::canonical(folder, error);
  if (error) return absl::NotFoundError(absl::StrCat("folder ", Quoted(folder), " does not exist"));
  const fs::path file = fs::canonical(base / name, error);
  if (error) {
    return absl::NotFoundError(absl::StrCat(Quoted(name), " does not exist in ", Quoted(folder)));
  }
  if (!IsInside(file, base) && !IsHubBlob(file, base)) {
    return absl::PermissionDeniedError(absl::StrCat(Quoted(name), " in ", Quoted(folder),
                                                    " is a link that leads out of the folder"));
  }
  return file.string();
}

absl::StatusOr<std::unique_ptr<SafetensorsFiles>> SafetensorsFiles::Open(const std::string& path) {
  auto files = absl::WrapUnique(new SafetensorsFiles(path));
  std::error_code error;
  absl::Status status;
  if (!fs::is_directory(path, error)) {
    status = files->AddFile(path, /*shard=*/"", /*home=*/{});
  } else if (fs::exists(fs::path(path) / kIndexName, error)) {
    status = files->AddShards(path);
  } else {
    absl::StatusOr<std::string> single = ResolveInFolder(path, kSingleName);
    if (absl::IsNotFound(single.status())) {
      return absl::NotFoundError(
          absl::StrCat(Quoted(path), " has neither ", kSingleName, " nor ", kIndexName));
    }
    if (!single.ok()) return single.status();
    status = files->AddFile(*single, /*shard=*/"", /*home=*/{});
  }
  if (!status.ok()) return status;
  return files;
}

absl::Status SafetensorsFiles::AddShards(const std::string& folder) {
  absl::StatusOr<std::string> index = ResolveInFolder(folder, kIndexName);
  if (!index.ok()) return index.status();
  absl::StatusOr<absl::flat_hash_map<std::string, std::string>> home = ReadIndex(*index);
  if (!home.ok()) return home.status();
  absl::btree_set<std::string> shards;
  for (const auto& [tensor, shard] : *home) shards.insert(shard);
  for (const std::string& shard : shards) {
    absl::StatusOr<std::string> path = ResolveInFolder(folder, shard);
    if (!path.ok()) return path.status();
    if (absl::Status status = AddFile(*path, shard, *home); !status.ok()) return status;
  }
  for (const auto& [tensor, shard] : *home) {
    if (Find(tensor) == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(Quoted(folder), ": tensor ", Quoted(tensor),
                                                     " is not in ", Quoted(shard),
                                                     ", where the index places it"));
    }
  }
  return absl::OkStatus();
}

absl::Status SafetensorsFiles::AddFile(const std::string& path, const std::string& shard,
                                       const absl::flat_hash_map<std::string, std::string>& home) {
  absl::StatusOr<std::unique_ptr<MappedFile>> mapped = MappedFile::Open(path);
  if (!mapped.ok()) return mapped.status();
  absl::StatusOr<std::vector<TensorInfo>> tensors = ParseSafetensors((*mapped)->bytes(), path);
  if (!tensors.ok()) return tensors.status();
  for (TensorInfo& tensor : *tensors) {
    const auto placed = home.find(tensor.name);
    if (placed != home.end() && placed->second != shard) continue;
    if (!index_.emplace(tensor.name, tensors_.size()).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(Quoted(path), ": tensor ", Quoted(tensor.name), " is in another file too"));
    }
    tensors_.push_back(std::move(tensor));
  }
  files_.push_back(*std::move(mapped));
  return absl::OkStatus();
}

const TensorInfo* SafetensorsFiles::Find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

void SafetensorsFiles::Release(const TensorInfo& tensor) const {
  ReleasePages(tensor.data, tensor.bytes);
}

}  // namespace skep::models
