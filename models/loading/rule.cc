#include "models/loading/rule.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"

namespace skep::models {
namespace {

// The numbers that stand where `pattern` has "{}", if `name` is an instance of it.
std::optional<std::vector<std::string>> Match(std::string_view pattern, std::string_view name) {
  std::vector<std::string> numbers;
  for (;;) {
    const size_t hole = pattern.find("{}");
    if (hole == std::string_view::npos) break;
    if (name.substr(0, hole) != pattern.substr(0, hole)) return std::nullopt;
    name.remove_prefix(hole);
    pattern.remove_prefix(hole + 2);
    const size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
    if (digits == 0) return std::nullopt;
    numbers.emplace_back(name.substr(0, digits));
    name.remove_prefix(digits);
  }
  if (name != pattern) return std::nullopt;
  return numbers;
}

}  // namespace

std::optional<Instance> Apply(const WeightRule& rule, std::string_view canonical) {
  std::optional<std::vector<std::string>> numbers = Match(rule.canonical, canonical);
  if (!numbers) return std::nullopt;
  Instance instance;
  size_t used = 0;
  std::string_view rest = rule.file;
  for (size_t hole; (hole = rest.find("{}")) != std::string_view::npos; ++used) {
    if (used == numbers->size()) return std::nullopt;
    instance.file.append(rest.substr(0, hole)).append((*numbers)[used]);
    rest.remove_prefix(hole + 2);
  }
  instance.file.append(rest);
  if (used < numbers->size() && !absl::SimpleAtoi(numbers->back(), &instance.slab)) {
    return std::nullopt;
  }
  return instance;
}

}  // namespace skep::models
