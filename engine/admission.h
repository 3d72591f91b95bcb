// Who may queue: counts the requests that have not started and the bytes their prompts hold, for
// each tenant and in all, before any work is spent on them.
#ifndef SKEP_ENGINE_ADMISSION_H_
#define SKEP_ENGINE_ADMISSION_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace skep::engine {

// One request's place in the queue, given back on destruction. Thread-compatible; it may outlive
// its Admission.
class AdmissionTicket;

// Thread-safe.
class Admission final {
 public:
  struct Limits {
    int64_t requests = 0;
    int64_t bytes = 0;
    int64_t tenant_requests = 0;  // 0: only the limit over all tenants
    int64_t tenant_bytes = 0;     // the same
  };

  explicit Admission(Limits limits);

  // kQueueFull if one more request, or its `bytes`, exceeds a limit.
  absl::StatusOr<AdmissionTicket> Take(const std::string& tenant, int64_t bytes);

  int64_t requests() const;
  int64_t bytes() const;

 private:
  friend class AdmissionTicket;
  class Ledger;
  std::shared_ptr<Ledger> ledger_;
};

class AdmissionTicket final {
 public:
  AdmissionTicket() = default;  // holds nothing
  AdmissionTicket(AdmissionTicket&& other) noexcept;
  AdmissionTicket& operator=(AdmissionTicket&& other) noexcept;
  ~AdmissionTicket() { Release(); }

  // Makes the estimate exact, now that the prompt is tokenised. Never fails: it is admitted.
  void Resize(int64_t bytes);
  // Gives the place back; the request started, or will never. Idempotent.
  void Release();

 private:
  friend class Admission;
  AdmissionTicket(std::shared_ptr<Admission::Ledger> ledger, std::string tenant, int64_t bytes);

  std::shared_ptr<Admission::Ledger> ledger_;
  std::string tenant_;
  int64_t bytes_ = 0;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_ADMISSION_H_
