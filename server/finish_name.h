// What clients, dashboards and scripts read of how a generation ended.
#ifndef SKEP_SERVER_FINISH_NAME_H_
#define SKEP_SERVER_FINISH_NAME_H_

#include <string_view>

#include "scheduler/types.h"

namespace skep::server {

inline std::string_view FinishName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      return "cancelled";
    case FinishReason::kDeadline:
      return "deadline";
    case FinishReason::kNone:
    case FinishReason::kError:
      break;
  }
  return "error";
}

}  // namespace skep::server

#endif  // SKEP_SERVER_FINISH_NAME_H_
