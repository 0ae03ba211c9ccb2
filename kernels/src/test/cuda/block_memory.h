// A block's shared memory, between guards that show writes beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "fiber.h"

namespace emulation {

class BlockMemory {
 public:
  // For launches with that many bytes.
  void resize(size_t wanted) {
#ifdef EMULATION_ASAN
    ASAN_UNPOISON_MEMORY_REGION(whole.data(), whole.size());
#endif
    if (whole.size() < wanted + 2 * GUARD_BYTES + PERIOD) whole.resize(wanted + 2 * GUARD_BYTES + PERIOD);
    first = whole.data() + GUARD_BYTES;
    first += (PERIOD + ALIGNMENT - reinterpret_cast<uintptr_t>(first) % PERIOD) % PERIOD;
    bytes = wanted;
    for (size_t i = 0; i < GUARD_BYTES; i++) first[bytes + i] = (first - GUARD_BYTES)[i] = guard_at(i);
#ifdef EMULATION_ASAN
    ASAN_POISON_MEMORY_REGION(first - GUARD_BYTES, GUARD_BYTES);
    ASAN_POISON_MEMORY_REGION(first + bytes, GUARD_BYTES);
#endif
  }

  unsigned char* begin() { return first; }

  // Makes it NaN, as what is in it before a block has written says nothing.
  void forget() { memset(first, 0xff, bytes); }

  bool holds(const void* address, size_t wanted) const {
    size_t at = static_cast<size_t>(static_cast<const unsigned char*>(address) - first);
    return at < bytes && wanted <= bytes - at;
  }

  // What was written beside it; empty if nothing. With sanitizers the access itself is caught.
  std::string damage() const {
#ifndef EMULATION_ASAN
    for (size_t i = 0; i < GUARD_BYTES; i++) {
      if (first[bytes + i] != guard_at(i)) {
        return "a write behind the block's shared memory, " + std::to_string(i) + " bytes after its end";
      }
      if ((first - GUARD_BYTES)[i] != guard_at(i)) return "a write before the block's shared memory";
    }
#endif
    return "";
  }

 private:
  static constexpr size_t GUARD_BYTES = 256;
  // The same place in each period, as blocks of a cluster have it, and the least aligned that a kernel may count on.
  static constexpr size_t ALIGNMENT = 128;
  static constexpr size_t PERIOD = 1024;

  // NaN for every type, so that what is read there by mistake shows as well.
  static unsigned char guard_at(size_t i) { return i % 2 == 0 ? 0xa5 : 0xff; }

  std::vector<unsigned char> whole;
  unsigned char* first = nullptr;
  size_t bytes = 0;
};

}  // namespace emulation
