// What the emulated driver puts into a CUtensorMap: the matrices that the copy engine fetches boxes
// from.
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
  uint64_t matrices, matrix_bytes;
  uint32_t rank;  // 2, or 3 where there may be several matrices
  uint32_t unused[15];

  static constexpr uint32_t MADE = 0x7ab0e5;
};
static_assert(sizeof(TensorMap) == 128, "a CUtensorMap");

}  // namespace emulation
