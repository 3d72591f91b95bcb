#include "models/weights/iq_grids.h"

namespace skep::models {
namespace {

#include "models/weights/iq_grids_packed.inc"

template <size_t kEntries, size_t kCodes>
constexpr auto Unpack(const uint16_t (&packed)[kEntries], const int8_t (&values)[kCodes]) {
  constexpr int kBits = kCodes == 8 ? 3 : 2;
  constexpr size_t kValues = kCodes == 8 ? 4 : 8;
  IqGrid<kEntries, kValues> grid{};
  for (size_t entry = 0; entry < kEntries; ++entry) {
    for (size_t i = 0; i < kValues; ++i) {
      grid[entry][i] = values[(packed[entry] >> (kBits * i)) & ((1 << kBits) - 1)];
    }
  }
  return grid;
}

constexpr int8_t kIq2Values[] = {8, 25, 43};
constexpr int8_t kIq3XxsValues[] = {4, 12, 20, 28, 36, 44, 52, 62};
constexpr int8_t kIq3SValues[] = {1, 3, 5, 7, 9, 11, 13, 15};
constexpr int8_t kIq1Values[] = {-1, 0, 1};

}  // namespace

constinit const IqGrid<256, 8> kIq2XxsGrid = Unpack(kIq2XxsPacked, kIq2Values);
constinit const IqGrid<512, 8> kIq2XsGrid = Unpack(kIq2XsPacked, kIq2Values);
constinit const IqGrid<1024, 8> kIq2SGrid = Unpack(kIq2SPacked, kIq2Values);
constinit const IqGrid<256, 4> kIq3XxsGrid = Unpack(kIq3XxsPacked, kIq3XxsValues);
constinit const IqGrid<512, 4> kIq3SGrid = Unpack(kIq3SPacked, kIq3SValues);
constinit const IqGrid<2048, 8> kIq1SGrid = Unpack(kIq1SPacked, kIq1Values);

}  // namespace skep::models
