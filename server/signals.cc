#include "server/signals.h"

#include <pthread.h>
#include <signal.h>

#include <cstdlib>

namespace skep::server {
namespace {

// The one that stops in spite of everything, should ending be stuck.
constexpr int kGiveUpAfter = 3;

sigset_t Watched() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

SignalWatcher::SignalWatcher() {
  const sigset_t signals = Watched();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  thread_ = std::thread([this] { Watch(); });
}

SignalWatcher::~SignalWatcher() {
  stopped_ = true;
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
}

void SignalWatcher::StopExiting() {
  absl::MutexLock lock(&mutex_);
  exit_at_once_ = false;
}

bool SignalWatcher::WaitFor(int count, absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  const auto reached = [this, count]()
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return count_ >= count; };
  return mutex_.AwaitWithDeadline(absl::Condition(&reached), deadline);
}

void SignalWatcher::Watch() {
  const sigset_t signals = Watched();
  while (true) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (stopped_) return;
    absl::MutexLock lock(&mutex_);
    ++count_;
    if (exit_at_once_) std::_Exit(0);
    if (count_ >= kGiveUpAfter) std::_Exit(1);
  }
}

}  // namespace skep::server
