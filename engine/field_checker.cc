#include "engine/field_checker.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/error.h"
#include "scheduler/types.h"

namespace skep::engine {

void FieldChecker::Fail(Reason reason, absl::string_view field, absl::string_view value,
                        absl::string_view allowed) {
  if (!ok()) return;
  status_ = MakeError(
      reason, absl::StrCat("field '", field, "': ", value, " is not allowed; must be ", allowed),
      {.field = std::string(field),
       .metadata = {{"field", std::string(field)},
                    {"value", std::string(value)},
                    {"allowed", std::string(allowed)}}});
}

void FieldChecker::Limit(absl::string_view field, int64_t value, int64_t limit) {
  if (!ok() || value <= limit) return;
  status_ = MakeError(
      Reason::kLimitExceeded,
      absl::StrCat("field '", field, "': ", value, " exceeds this server's limit of ", limit),
      {.field = std::string(field),
       .metadata = {{"field", std::string(field)},
                    {"value", absl::StrCat(value)},
                    {"limit", absl::StrCat(limit)}}});
}

void FieldChecker::Id(absl::string_view field, size_t index, TokenId id) {
  if (!ok() || (id >= 0 && id < vocab_size_)) return;
  Fail(Reason::kInvalidField, absl::StrCat(field, "[", index, "]"), absl::StrCat(id),
       absl::StrCat("a token id in [0, ", vocab_size_, ")"));
}

std::vector<TokenId> FieldChecker::Ids(absl::string_view field, absl::Span<const TokenId> ids) {
  Limit(field, static_cast<int64_t>(ids.size()), vocab_size_);
  for (size_t i = 0; i < ids.size() && ok(); ++i) Id(field, i, ids[i]);
  if (!ok()) return {};
  std::vector<TokenId> sorted(ids.begin(), ids.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  return sorted;
}

}  // namespace skep::engine
