#include "engine/inbox.h"

#include <mutex>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "engine/clock.h"

namespace skep::engine {

void Inbox::Post(Command command) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return;
    commands_.push_back(std::move(command));
  }
  changed_.notify_one();
}

void Inbox::Close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }
  changed_.notify_one();
}

bool Inbox::closed() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return closed_;
}

void Inbox::Take(std::vector<Command>& commands) {
  commands.clear();
  std::lock_guard<std::mutex> lock(mutex_);
  commands.swap(commands_);
}

void Inbox::WaitUntil(Clock& clock, absl::Time deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  while (commands_.empty() && !closed_ && clock.Now() < deadline) {
    clock.WaitUntil(lock, changed_, deadline);
  }
}

}  // namespace skep::engine
