#include "engine/admission.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "engine/error.h"

namespace skep::engine {
namespace {

TEST(AdmissionTest, CountsRequestsAndBytes) {
  Admission admission({.requests = 2, .bytes = 100});
  {
    absl::StatusOr<AdmissionTicket> first = admission.Take("a", 60);
    ASSERT_TRUE(first.ok());
    const auto too_large = admission.Take("b", 41);
    EXPECT_EQ(ReasonOf(too_large.status()), Reason::kQueueFull);
    EXPECT_TRUE(DetailsOf(too_large.status()).retry_after.has_value());
    absl::StatusOr<AdmissionTicket> second = admission.Take("b", 40);
    ASSERT_TRUE(second.ok());
    EXPECT_EQ(ReasonOf(admission.Take("c", 0).status()), Reason::kQueueFull);
    EXPECT_EQ(admission.requests(), 2);
    EXPECT_EQ(admission.bytes(), 100);
  }
  EXPECT_EQ(admission.requests(), 0);
  EXPECT_EQ(admission.bytes(), 0);
}

TEST(AdmissionTest, LimitsATenant) {
  Admission admission({.requests = 10, .bytes = 100, .tenant_requests = 1, .tenant_bytes = 50});
  const auto own = admission.Take("a", 10);
  EXPECT_FALSE(admission.Take("a", 10).ok());
  EXPECT_FALSE(admission.Take("b", 51).ok());
  EXPECT_TRUE(admission.Take("b", 50).ok());
}

TEST(AdmissionTest, ResizesAndReleasesOnce) {
  Admission admission({.requests = 10, .bytes = 100});
  absl::StatusOr<AdmissionTicket> ticket = admission.Take("a", 10);
  ticket->Resize(40);
  EXPECT_EQ(admission.bytes(), 40);
  AdmissionTicket moved = *std::move(ticket);
  moved.Release();
  moved.Release();
  EXPECT_EQ(admission.requests(), 0);
  EXPECT_EQ(admission.bytes(), 0);
}

TEST(AdmissionTest, HugeBytesDoNotOverflow) {
  Admission admission({.requests = 10, .bytes = 100});
  const auto held = admission.Take("a", 100);
  EXPECT_FALSE(admission.Take("a", std::numeric_limits<int64_t>::max()).ok());
}

TEST(AdmissionTest, TicketsMayOutliveIt) {
  std::optional<AdmissionTicket> ticket;
  {
    Admission admission({.requests = 1, .bytes = 1});
    ticket = *admission.Take("a", 1);
  }
  ticket.reset();
}

TEST(AdmissionTest, ManyThreads) {
  Admission admission({.requests = 5, .bytes = 50});
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        const auto ticket = admission.Take("t", 10);
        EXPECT_LE(admission.requests(), 5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admission.requests(), 0);
}

}  // namespace
}  // namespace skep::engine
