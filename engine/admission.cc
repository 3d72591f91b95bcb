#include "engine/admission.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/error.h"

namespace skep::engine {
namespace {

struct Held {
  int64_t requests = 0;
  int64_t bytes = 0;
};

absl::Status QueueFull(absl::string_view what, int64_t held, int64_t wanted, int64_t limit) {
  return MakeError(Reason::kQueueFull,
                   absl::StrCat("the queue is full: ", what, " ", held, " + ", wanted,
                                " exceed the limit of ", limit),
                   {.metadata = {{"resource", std::string(what)},
                                 {"held", absl::StrCat(held)},
                                 {"requested", absl::StrCat(wanted)},
                                 {"limit", absl::StrCat(limit)}}});
}

// `bytes` may be anything up to the size of a message, `held` anything up to the limit.
bool Exceeds(int64_t held, int64_t wanted, int64_t limit) { return wanted > limit - held; }

}  // namespace

class Admission::Ledger {
 public:
  explicit Ledger(Limits limits) : limits_(limits) {}

  absl::Status Take(const std::string& tenant, int64_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto it = tenants_.find(tenant);
    const Held own = it == tenants_.end() ? Held{} : it->second;
    if (Exceeds(total_.requests, 1, limits_.requests)) {
      return QueueFull("requests", total_.requests, 1, limits_.requests);
    }
    if (Exceeds(total_.bytes, bytes, limits_.bytes)) {
      return QueueFull("prompt bytes", total_.bytes, bytes, limits_.bytes);
    }
    if (limits_.tenant_requests > 0 && Exceeds(own.requests, 1, limits_.tenant_requests)) {
      return QueueFull("requests of this tenant", own.requests, 1, limits_.tenant_requests);
    }
    if (limits_.tenant_bytes > 0 && Exceeds(own.bytes, bytes, limits_.tenant_bytes)) {
      return QueueFull("prompt bytes of this tenant", own.bytes, bytes, limits_.tenant_bytes);
    }
    AddLocked(tenant, 1, bytes);
    return absl::OkStatus();
  }

  void Add(const std::string& tenant, int64_t requests, int64_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    AddLocked(tenant, requests, bytes);
  }

  Held total() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return total_;
  }

 private:
  void AddLocked(const std::string& tenant, int64_t requests, int64_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    total_.requests += requests;
    total_.bytes += bytes;
    Held& own = tenants_[tenant];
    own.requests += requests;
    own.bytes += bytes;
    if (own.requests == 0) tenants_.erase(tenant);
  }

  const Limits limits_;
  mutable std::mutex mutex_;
  Held total_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Held> tenants_ ABSL_GUARDED_BY(mutex_);
};

Admission::Admission(Limits limits) : ledger_(std::make_shared<Ledger>(limits)) {}

absl::StatusOr<AdmissionTicket> Admission::Take(const std::string& tenant, int64_t bytes) {
  if (absl::Status status = ledger_->Take(tenant, bytes); !status.ok()) return status;
  return AdmissionTicket(ledger_, tenant, bytes);
}

int64_t Admission::requests() const { return ledger_->total().requests; }
int64_t Admission::bytes() const { return ledger_->total().bytes; }

AdmissionTicket::AdmissionTicket(std::shared_ptr<Admission::Ledger> ledger, std::string tenant,
                                 int64_t bytes)
    : ledger_(std::move(ledger)), tenant_(std::move(tenant)), bytes_(bytes) {}

AdmissionTicket::AdmissionTicket(AdmissionTicket&& other) noexcept
    : ledger_(std::move(other.ledger_)), tenant_(std::move(other.tenant_)), bytes_(other.bytes_) {}

AdmissionTicket& AdmissionTicket::operator=(AdmissionTicket&& other) noexcept {
  if (this != &other) {
    Release();
    ledger_ = std::move(other.ledger_);
    tenant_ = std::move(other.tenant_);
    bytes_ = other.bytes_;
  }
  return *this;
}

void AdmissionTicket::Resize(int64_t bytes) {
  if (ledger_ == nullptr) return;
  ledger_->Add(tenant_, /*requests=*/0, bytes - bytes_);
  bytes_ = bytes;
}

void AdmissionTicket::Release() {
  if (ledger_ == nullptr) return;
  ledger_->Add(tenant_, /*requests=*/-1, -bytes_);
  ledger_.reset();
}

}  // namespace skep::engine
