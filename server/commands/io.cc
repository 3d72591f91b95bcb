#include "server/commands/io.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/read_file.h"

namespace skep::server {

int Fail(const absl::Status& status) {
  std::cerr << "skep: " << std::string(status.message()) << std::endl;
  return 1;
}

void PrintNotes(const std::vector<std::string>& notes) {
  for (const std::string& note : notes) std::cerr << "skep: note: " << note << std::endl;
}

std::string ReadStdin() {
  std::ostringstream all;
  all << std::cin.rdbuf();
  return std::move(all).str();
}

absl::StatusOr<nlohmann::ordered_json> ReadJsonFile(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  auto json = nlohmann::ordered_json::parse(*text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' is not JSON"));
  }
  return json;
}

void Print(std::string_view text) { std::cout << text << std::flush; }

void PrintJson(const nlohmann::ordered_json& json) {
  std::cout << json.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false,
                         nlohmann::ordered_json::error_handler_t::replace)
            << std::endl;
}

std::function<void(double)> MakeProgress(const std::string& what) {
  struct State {
    absl::Time start = absl::Now();
    absl::Time shown = absl::InfinitePast();
    bool visible = false;
  };
  const bool terminal = isatty(STDERR_FILENO) != 0;
  auto state = std::make_shared<State>();
  return [state, what, terminal](double share) {
    const absl::Time now = absl::Now();
    const bool done = share >= 1.0;
    if (now - state->start < absl::Seconds(1) && !state->visible) return;
    if (!done && now - state->shown < (terminal ? absl::Milliseconds(100) : absl::Seconds(5))) {
      return;
    }
    if (done && !state->visible) return;
    state->shown = now;
    state->visible = true;
    std::fprintf(stderr, "%s%s %d%%%s", terminal ? "\r" : "", what.c_str(),
                 static_cast<int>(share * 100), terminal && !done ? "" : "\n");
    std::fflush(stderr);
  };
}

}  // namespace skep::server
