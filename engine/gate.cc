#include "engine/gate.h"

#include <algorithm>
#include <mutex>

#include "absl/time/time.h"
#include "engine/clock.h"

namespace skep::engine {

bool Gate::Enter() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return false;
  ++inside_;
  return true;
}

void Gate::Leave() {
  std::lock_guard<std::mutex> lock(mutex_);
  --inside_;
  changed_.notify_all();
}

void Gate::Close() {
  std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
}

bool Gate::closed() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return closed_;
}

bool Gate::AwaitEmpty(Clock& clock, absl::Time deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  deadline_ = std::min(deadline_, deadline);
  changed_.notify_all();  // those who wait longer
  while (inside_ > 0 && clock.Now() < deadline_) clock.WaitUntil(lock, changed_, deadline_);
  return inside_ == 0;
}

void Gate::AwaitEmpty() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return inside_ == 0; });
}

}  // namespace skep::engine
