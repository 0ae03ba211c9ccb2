// What the copy engine does, and the barriers in shared memory that count arrivals and bytes.
#pragma once

#include <cstdint>
#include <cstring>

#include "tensor_map.h"

namespace emulation {

// The 64 bits of a barrier.
struct CountBarrier {
  uint32_t arrivals : 12;  // still expected in this phase
  uint32_t all_arrivals : 12;
  uint32_t parity : 1;
  uint32_t made : 7;
  int32_t bytes;  // still expected in this phase

  static constexpr uint32_t MADE = 0x5a;  // not what shared memory holds at the beginning

  bool complete() const { return arrivals == 0 && bytes == 0; }

  void next_phase() {
    arrivals = all_arrivals;
    parity ^= 1;
  }
};
static_assert(sizeof(CountBarrier) == 8, "an mbarrier");

// A box on its way.
struct BoxCopy {
  unsigned char* to;
  TensorMap map;
  int column, row, matrix;
  CountBarrier* barrier;

  size_t bytes() const { return size_t{map.box_rows} * map.box_columns * map.element_bytes; }

  // Chunks of 16 bytes change places by the address they go to.
  void arrive() const {
    size_t row_bytes = size_t{map.box_columns} * map.element_bytes;
    for (uint32_t r = 0; r < map.box_rows; r++) {
      for (uint32_t c = 0; c < map.box_columns; c++) {
        uintptr_t at = reinterpret_cast<uintptr_t>(to) + r * row_bytes + c * map.element_bytes;
        at ^= (at >> 7 & 7) << 4;
        int64_t x = int64_t{column} + c, y = int64_t{row} + r;
        bool inside = x >= 0 && y >= 0 && static_cast<uint64_t>(x) < map.columns && static_cast<uint64_t>(y) < map.rows &&
                      matrix >= 0 && static_cast<uint64_t>(matrix) < map.matrices;
        if (inside) {
          uint64_t from = map.address + static_cast<uint64_t>(matrix) * map.matrix_bytes +
                          static_cast<uint64_t>(y) * map.row_bytes + static_cast<uint64_t>(x) * map.element_bytes;
          memcpy(reinterpret_cast<void*>(at), reinterpret_cast<const void*>(from), map.element_bytes);
        } else {
          memset(reinterpret_cast<void*>(at), 0, map.element_bytes);
        }
      }
    }
  }
};

}  // namespace emulation
