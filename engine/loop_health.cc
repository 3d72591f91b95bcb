#include "engine/loop_health.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/error.h"

namespace skep::engine {

void LoopHealth::Working(absl::Time now) {
  std::lock_guard<std::mutex> lock(mutex_);
  working_since_ = std::min(working_since_, now);
}

void LoopHealth::Advanced(absl::Time now) {
  std::lock_guard<std::mutex> lock(mutex_);
  working_since_ = now;
}

void LoopHealth::Idle() {
  std::lock_guard<std::mutex> lock(mutex_);
  working_since_ = absl::InfiniteFuture();
}

void LoopHealth::Broke(absl::Status why) {
  std::lock_guard<std::mutex> lock(mutex_);
  broken_ = std::move(why);
}

void LoopHealth::SelfTestPassed() {
  std::lock_guard<std::mutex> lock(mutex_);
  tested_ = true;
  broken_ = absl::OkStatus();
}

absl::Status LoopHealth::Usable() const {
  std::lock_guard<std::mutex> lock(mutex_);
  if (broken_.ok()) return absl::OkStatus();
  return MakeError(Reason::kNotReady,
                   absl::StrCat("the model runner fails every step: ", broken_.message()));
}

absl::Status LoopHealth::Check(absl::Time now, absl::Duration stuck_after) const {
  if (absl::Status status = Usable(); !status.ok()) return status;
  std::lock_guard<std::mutex> lock(mutex_);
  if (!tested_) return MakeError(Reason::kNotReady, "the self-test has not passed yet");
  if (now - working_since_ > stuck_after) {
    const std::string since = absl::FormatDuration(now - working_since_);
    return MakeError(Reason::kNotReady,
                     absl::StrCat("the engine has work, but finished no step for ", since),
                     {.metadata = {{"since", since}}});
  }
  return absl::OkStatus();
}

}  // namespace skep::engine
