#include "models/weights/iq_grids.h"

namespace skep::models {
namespace {

#include "models/weights/iq_grids_packed.inc"

template <size_t kEntries, size_t kCodes>
constexpr auto Unpack(const uint16_t (&packed)[kEntries],
                      const std::array<int8_t, kCodes>& values) {
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

}  // namespace

constinit const IqGrid<256, 8> kIq2XxsGrid = Unpack(kIq2XxsPacked, kIq2Magnitudes);
constinit const IqGrid<512, 8> kIq2XsGrid = Unpack(kIq2XsPacked, kIq2Magnitudes);
constinit const IqGrid<1024, 8> kIq2SGrid = Unpack(kIq2SPacked, kIq2Magnitudes);
constinit const IqGrid<256, 4> kIq3XxsGrid = Unpack(kIq3XxsPacked, kIq3XxsMagnitudes);
constinit const IqGrid<512, 4> kIq3SGrid = Unpack(kIq3SPacked, kIq3SMagnitudes);
constinit const IqGrid<2048, 8> kIq1SGrid = Unpack(kIq1SPacked, kIq1Digits);

}  // namespace skep::models
