#include "engine/error.h"

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace skep::engine {
namespace {

using Json = nlohmann::json;

// How long a client does well to wait, where nothing better is known: about a request's turn.
constexpr absl::Duration kRetryAfter = absl::Seconds(1);

struct Row {
  Reason reason;
  absl::string_view name;
  absl::StatusCode code;
  bool retryable;  // the same request may succeed soon, here or on another replica
};

constexpr Row kTable[] = {
    {Reason::kInvalidField, "INVALID_FIELD", absl::StatusCode::kInvalidArgument, false},
    {Reason::kPromptTooLong, "PROMPT_TOO_LONG", absl::StatusCode::kInvalidArgument, false},
    {Reason::kLimitExceeded, "LIMIT_EXCEEDED", absl::StatusCode::kInvalidArgument, false},
    {Reason::kTemplateFailed, "TEMPLATE_FAILED", absl::StatusCode::kInvalidArgument, false},
    {Reason::kNoChatTemplate, "NO_CHAT_TEMPLATE", absl::StatusCode::kFailedPrecondition, false},
    {Reason::kNeverFits, "NEVER_FITS", absl::StatusCode::kFailedPrecondition, false},
    {Reason::kDoesNotGenerate, "DOES_NOT_GENERATE", absl::StatusCode::kFailedPrecondition, false},
    {Reason::kUnknownModel, "UNKNOWN_MODEL", absl::StatusCode::kNotFound, false},
    {Reason::kQueueFull, "QUEUE_FULL", absl::StatusCode::kResourceExhausted, true},
    {Reason::kUnauthenticated, "UNAUTHENTICATED", absl::StatusCode::kUnauthenticated, false},
    {Reason::kStalledReader, "STALLED_READER", absl::StatusCode::kResourceExhausted, false},
    {Reason::kDraining, "DRAINING", absl::StatusCode::kUnavailable, true},
    {Reason::kNotReady, "NOT_READY", absl::StatusCode::kUnavailable, true},
    {Reason::kDeadlineExceeded, "DEADLINE_EXCEEDED", absl::StatusCode::kDeadlineExceeded, false},
    {Reason::kCancelled, "CANCELLED", absl::StatusCode::kCancelled, false},
    {Reason::kUnsupported, "UNSUPPORTED", absl::StatusCode::kUnimplemented, false},
    {Reason::kInvalidLogits, "INVALID_LOGITS", absl::StatusCode::kInternal, false},
    {Reason::kInternal, "INTERNAL", absl::StatusCode::kInternal, false},
};

constexpr absl::string_view kReasonUrl = "type.skep.dev/skep.engine.Reason";
constexpr absl::string_view kDetailsUrl = "type.skep.dev/skep.engine.ErrorDetails";

const Row& RowOf(Reason reason) {
  for (const Row& row : kTable) {
    if (row.reason == reason) return row;
  }
  return kTable[std::size(kTable) - 1];
}

// The payload: {"field": string, "metadata": [[key, value], ...], "retry_after_ms": integer}.
std::string Encode(const ErrorDetails& details) {
  Json json = Json::object();
  if (!details.field.empty()) json["field"] = details.field;
  for (const auto& [key, value] : details.metadata) {
    json["metadata"].push_back(Json::array({key, value}));
  }
  if (details.retry_after.has_value()) {
    json["retry_after_ms"] = absl::ToInt64Milliseconds(*details.retry_after);
  }
  return json.dump(/*indent=*/-1, /*indent_char=*/' ', /*ensure_ascii=*/false,
                   Json::error_handler_t::replace);
}

// What is malformed is left out: a status may have come from anywhere.
ErrorDetails Decode(const std::string& payload) {
  ErrorDetails details;
  const Json json = Json::parse(payload, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return details;
  if (const auto it = json.find("field"); it != json.end() && it->is_string()) {
    details.field = it->get<std::string>();
  }
  if (const auto it = json.find("metadata"); it != json.end() && it->is_array()) {
    for (const Json& pair : *it) {
      if (!pair.is_array() || pair.size() != 2) continue;
      if (!pair[0].is_string() || !pair[1].is_string()) continue;
      details.metadata.emplace_back(pair[0].get<std::string>(), pair[1].get<std::string>());
    }
  }
  if (const auto it = json.find("retry_after_ms"); it != json.end() && it->is_number_integer()) {
    details.retry_after = absl::Milliseconds(it->get<int64_t>());
  }
  return details;
}

}  // namespace

std::string_view ReasonName(Reason reason) {
  const absl::string_view name = RowOf(reason).name;
  return std::string_view(name.data(), name.size());
}
absl::StatusCode CanonicalCode(Reason reason) { return RowOf(reason).code; }
bool IsRetryable(Reason reason) { return RowOf(reason).retryable; }

absl::Status MakeError(Reason reason, absl::string_view message, ErrorDetails details) {
  if (IsRetryable(reason) && !details.retry_after.has_value()) details.retry_after = kRetryAfter;
  absl::Status status(CanonicalCode(reason), message);
  status.SetPayload(kReasonUrl, absl::Cord(RowOf(reason).name));
  if (!details.field.empty() || !details.metadata.empty() || details.retry_after.has_value()) {
    status.SetPayload(kDetailsUrl, absl::Cord(Encode(details)));
  }
  return status;
}

Reason ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonUrl);
  if (!payload.has_value()) return Reason::kInternal;
  for (const Row& row : kTable) {
    if (*payload == row.name) return row.reason;
  }
  return Reason::kInternal;
}

ErrorDetails DetailsOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kDetailsUrl);
  return payload.has_value() ? Decode(std::string(*payload)) : ErrorDetails{};
}

}  // namespace skep::engine
