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

// Where a box begins, the innermost dimension first.
struct BoxPlace {
  int at[TensorMap::MOST_DIMENSIONS];
};

// A box on its way.
struct BoxCopy {
  unsigned char* to;
  TensorMap map;
  BoxPlace place;
  CountBarrier* barrier;

  size_t numbers() const { return size_t{map.box[0]} * map.box[1] * map.box[2] * map.box[3]; }
  size_t bytes() const { return numbers() * map.element_bytes; }

  // Chunks of 16 bytes change places by the address they go to.
  void arrive() const {
    for (size_t i = 0; i < numbers(); i++) {
      uintptr_t to_here = reinterpret_cast<uintptr_t>(to) + i * map.element_bytes;
      to_here ^= (to_here >> 7 & 7) << 4;
      uint64_t from = map.address;
      bool inside = true;
      size_t rest = i;
      for (unsigned d = 0; d < TensorMap::MOST_DIMENSIONS; d++) {
        int64_t at = place.at[d] + static_cast<int64_t>(rest % map.box[d]);
        rest /= map.box[d];
        inside = inside && at >= 0 && static_cast<uint64_t>(at) < map.sizes[d];
        from += static_cast<uint64_t>(at) * (d == 0 ? map.element_bytes : map.strides[d - 1]);
      }
      if (inside) {
        memcpy(reinterpret_cast<void*>(to_here), reinterpret_cast<const void*>(from), map.element_bytes);
      } else {
        memset(reinterpret_cast<void*>(to_here), 0, map.element_bytes);
      }
    }
  }
};

}  // namespace emulation
