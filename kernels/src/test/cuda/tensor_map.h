// What the emulated driver puts into a CUtensorMap: the numbers that the copy engine fetches boxes from, in up to four
// dimensions, the innermost first.
#pragma once

#include <cstdint>

namespace emulation {

struct alignas(64) TensorMap {
  uint64_t address;
  uint64_t sizes[4];    // 1 in dimensions that aren't there
  uint64_t strides[3];  // bytes from one to the next in all but the first
  uint32_t box[4];
  uint32_t element_bytes;
  uint32_t made;  // MADE, or it was not encoded
  uint32_t rank;
  uint32_t unused[9];

  static constexpr uint32_t MADE = 0x7ab0e5;
  static constexpr unsigned MOST_DIMENSIONS = 4;
};
static_assert(sizeof(TensorMap) == 128, "a CUtensorMap");

}  // namespace emulation
