#include "server/arguments.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/view.h"

namespace skep::server {
namespace {

constexpr std::string_view kPrefix = "SKEP_";

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Variables of the build, the tests and the tools, and the client's key.
bool IsToolVariable(std::string_view name) {
  for (std::string_view tool : {"CACHE_DIR", "GOLDEN_DIR", "SOURCE_DIR", "BUILD_DIR", "TORCH_DIR",
                                "PYTHON", "BINARY", "TEST_MODEL", "API_KEY"}) {
    if (name == tool) return true;
  }
  return false;
}

// Kubernetes: <SERVICE>_SERVICE_HOST, <SERVICE>_SERVICE_PORT[_NAME], <SERVICE>_PORT[_N_TCP[_...]].
bool IsServiceLink(std::string_view name) {
  return name.find("SERVICE_HOST") != name.npos || name.find("SERVICE_PORT") != name.npos ||
         name == "PORT" || name.ends_with("_PORT") || name.find("PORT_") != name.npos;
}

absl::Status Add(const std::vector<std::string>& known, const std::vector<std::string>& accepted,
                 const NamesAndValues& from, std::string_view source,
                 std::vector<std::string>& out) {
  for (const auto& [name, value] : from) {
    if (!Contains(known, name)) {
      return absl::InvalidArgumentError(
          absl::StrCat(View(source), ": there is no option '", name, "'; see skep serve --help"));
    }
    if (Contains(accepted, name)) out.push_back(absl::StrCat("--", name, "=", value));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NamesAndValues> ReadConfigText(std::string_view text, std::string_view file) {
  const auto json = nlohmann::ordered_json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false,
                                                  /*ignore_comments=*/true);
  if (!json.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(View(file), ": is not a JSON object"));
  }
  NamesAndValues out;
  for (const auto& [key, value] : json.items()) {
    const std::string name = absl::StrReplaceAll(key, {{"_", "-"}});
    if (value.is_string()) {
      out.emplace_back(name, value.get<std::string>());
    } else if (value.is_number() || value.is_boolean()) {
      out.emplace_back(name, value.dump());
    } else {
      return absl::InvalidArgumentError(absl::StrCat(View(file), ": '", key, "' is ",
                                                     value.type_name(),
                                                     "; give a string, number or boolean"));
    }
  }
  return out;
}

NamesAndValues ReadEnvironment(const char* const* environment) {
  NamesAndValues out;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view entry(*environment);
    const size_t equals = entry.find('=');
    if (!entry.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    const std::string_view name = entry.substr(kPrefix.size(), equals - kPrefix.size());
    if (IsToolVariable(name) || IsServiceLink(name)) continue;
    out.emplace_back(absl::StrReplaceAll(absl::AsciiStrToLower(View(name)), {{"_", "-"}}),
                     std::string(entry.substr(equals + 1)));
  }
  std::sort(out.begin(), out.end());
  return out;
}

absl::StatusOr<std::vector<std::string>> MergeArguments(
    const std::vector<std::string>& known, const std::vector<std::string>& accepted,
    const NamesAndValues& file, const NamesAndValues& environment,
    const std::vector<std::string>& command_line) {
  std::vector<std::string> out;
  if (absl::Status s = Add(known, accepted, file, "configuration file", out); !s.ok()) return s;
  if (absl::Status s = Add(known, accepted, environment, "environment (SKEP_*)", out); !s.ok()) {
    return s;
  }
  out.insert(out.end(), command_line.begin(), command_line.end());
  return out;
}

}  // namespace skep::server
