// What the emulated driver puts into a CUtensorMap: the matrix that the copy engine fetches boxes from.
#pragma once

#include <cstdint>

namespace emulation {

struct alignas(64) TensorMap {
  uint64_t address;
  uint64_t columns, rows;
  uint64_t row_bytes;
  uint32_t box_columns, box_rows;
  uint32_t element_bytes;
  uint32_t made;  // MADE, or it was not encoded
  uint64_t unused[10];

  static constexpr uint32_t MADE = 0x7ab0e5;
};
static_assert(sizeof(TensorMap) == 128, "a CUtensorMap");

}  // namespace emulation
