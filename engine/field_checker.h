// Helps validate.cc: remembers the first field that is wrong.
#ifndef SKEP_ENGINE_FIELD_CHECKER_H_
#define SKEP_ENGINE_FIELD_CHECKER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/error.h"
#include "scheduler/types.h"

namespace skep::engine {

// Thread-compatible. After the first error the other checks do nothing.
class FieldChecker final {
 public:
  explicit FieldChecker(int64_t vocab_size) : vocab_size_(vocab_size) {}

  bool ok() const { return status_.ok(); }
  absl::Status status() && { return std::move(status_); }

  // `field` is `value`, and should have been `allowed`.
  void Fail(Reason reason, absl::string_view field, absl::string_view value,
            absl::string_view allowed);

  // Fails unless `good`. Comparisons of floats must be such that NaN makes `good` false.
  template <typename T>
  void Require(bool good, absl::string_view field, T value, absl::string_view allowed) {
    if (!good) Fail(Reason::kInvalidField, field, absl::StrCat(value), allowed);
  }

  // kLimitExceeded unless value <= limit: the value makes sense, but not on this server.
  void Limit(absl::string_view field, int64_t value, int64_t limit);

  // `id` must be an index into the logits.
  void Id(absl::string_view field, size_t index, TokenId id);
  // The same for all of `ids`; returns them sorted and without duplicates.
  std::vector<TokenId> Ids(absl::string_view field, absl::Span<const TokenId> ids);

 private:
  const int64_t vocab_size_;
  absl::Status status_;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_FIELD_CHECKER_H_
