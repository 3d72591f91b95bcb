// Every way in which Skep refuses or ends a request: one reason, one canonical code, one wording of
// the details. Front ends map reasons to their protocol from this table and nowhere else.
#ifndef SKEP_ENGINE_ERROR_H_
#define SKEP_ENGINE_ERROR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace skep::engine {

enum class Reason {
  kInvalidField,     // a field's value: NaN, out of range, bad id, malformed       INVALID_ARGUMENT
  kPromptTooLong,    // prompt + max_tokens does not fit the context, or a step     INVALID_ARGUMENT
  kLimitExceeded,    // n, stop strings, logprobs ... over this server's cap        INVALID_ARGUMENT
  kTemplateFailed,   // the chat template refused the messages                      INVALID_ARGUMENT
  kNoChatTemplate,   // chat messages, but the model has no template             FAILED_PRECONDITION
  kNeverFits,        // needs more cache than this server has in all             FAILED_PRECONDITION
  kDoesNotGenerate,  // the model is an encoder: it only embeds                  FAILED_PRECONDITION
  kUnknownModel,     // the request names another model                                    NOT_FOUND
  kQueueFull,        // requests or prompt tokens over the admission limit        RESOURCE_EXHAUSTED
  kUnauthenticated,  // no API key, or one that is not known                      UNAUTHENTICATED
  kStalledReader,    // the client stopped reading                                RESOURCE_EXHAUSTED
  kDraining,         // shutting down                                                    UNAVAILABLE
  kNotReady,         // loading, or the engine stopped advancing                         UNAVAILABLE
  kDeadlineExceeded,  //                                                           DEADLINE_EXCEEDED
  kCancelled,      //                                                                      CANCELLED
  kUnsupported,    // architecture, quantisation or feature not implemented            UNIMPLEMENTED
  kInvalidLogits,  // the model's output was NaN                                            INTERNAL
  kInternal,       //                                                                       INTERNAL
};

// UPPER_SNAKE name for google.rpc.ErrorInfo.reason, for example "INVALID_FIELD".
std::string_view ReasonName(Reason reason);
absl::StatusCode CanonicalCode(Reason reason);
bool IsRetryable(Reason reason);

struct ErrorDetails {
  std::string field;  // request field in dotted form, for BadRequest.field_violations
  std::vector<std::pair<std::string, std::string>> metadata;  // every dynamic value of the message
  std::optional<absl::Duration> retry_after;
};

// A status with the reason's canonical code; reason and details travel as payloads. Where the
// reason is retryable, `retry_after` is set, to a second unless `details` knows better.
absl::Status MakeError(Reason reason, absl::string_view message, ErrorDetails details = {});

// kInternal when `status` was not made by MakeError.
Reason ReasonOf(const absl::Status& status);
ErrorDetails DetailsOf(const absl::Status& status);

}  // namespace skep::engine

#endif  // SKEP_ENGINE_ERROR_H_
