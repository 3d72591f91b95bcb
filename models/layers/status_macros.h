// Passing an error on: what absl will offer in a later release.
#ifndef SKEP_MODELS_LAYERS_STATUS_MACROS_H_
#define SKEP_MODELS_LAYERS_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns the status of `expression` from the function unless it is OK.
#define SKEP_RETURN_IF_ERROR(expression)                      \
  do {                                                        \
    if (absl::Status status_ = (expression); !status_.ok()) { \
      return status_;                                         \
    }                                                         \
  } while (false)

// Assigns the value of a StatusOr, or returns its status from the function. `target` may be a
// declaration, which cannot stand in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define SKEP_CONCATENATE_(a, b) a##b
#define SKEP_CONCATENATE(a, b) SKEP_CONCATENATE_(a, b)
#define SKEP_ASSIGN_OR_RETURN(target, expression) \
  SKEP_ASSIGN_OR_RETURN_(SKEP_CONCATENATE(status_or_, __LINE__), target, expression)
#define SKEP_ASSIGN_OR_RETURN_(result, target, expression) \
  auto result = (expression);                              \
  if (!result.ok()) return result.status();                \
  target = *std::move(result)
// NOLINTEND(bugprone-macro-parentheses)

#endif  // SKEP_MODELS_LAYERS_STATUS_MACROS_H_
