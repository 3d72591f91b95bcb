// Early returns for absl::Status; private to engine/tokenizer.
#ifndef SKEP_ENGINE_TOKENIZER_STATUS_MACROS_H_
#define SKEP_ENGINE_TOKENIZER_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"

// Returns from the function if `expression`, an absl::Status, is an error.
#define SKEP_RETURN_IF_ERROR(expression)                                    \
  do {                                                                      \
    if (absl::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)

// Assigns the value of `expression`, an absl::StatusOr, or returns its error.
#define SKEP_ASSIGN(target, expression)                          \
  do {                                                           \
    auto status_or_ = (expression);                              \
    if (!status_or_.ok()) return std::move(status_or_).status(); \
    (target) = *std::move(status_or_);                           \
  } while (false)

#endif  // SKEP_ENGINE_TOKENIZER_STATUS_MACROS_H_
