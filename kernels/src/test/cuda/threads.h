// Barriers, warp-wide operations, atomics and shared memory, as CUDA names them.
#pragma once

#include "emulation.h"

inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulation::barrier(file, line);
}
inline void __threadfence() { emulation::perhaps_yield(); }

inline void __syncwarp(unsigned mask = 0xffffffffu) {
  emulation::together(mask, nullptr, nullptr, [](const void* const*, void* const*, unsigned, const void*) {}, nullptr);
}

namespace emulation {

// Every lane gives a T and takes that of the lane it names. From a lane that takes no part comes nothing of use.
template <typename T> T shuffle(unsigned mask, T x, int source) {
  struct Both { T value; int source; } both{x, source};
  T result;
  together(mask, &both, &result, [](const void* const* in, void* const* out, unsigned mask, const void*) {
    for (unsigned left = mask; left != 0; left &= left - 1) {
      int lane = __builtin_ctz(left);
      int other = static_cast<const Both*>(in[lane])->source;
      if ((mask >> other & 1) != 0) {
        memcpy(out[lane], &static_cast<const Both*>(in[other])->value, sizeof(T));
      } else {
        memset(out[lane], 0xff, sizeof(T));
      }
    }
  }, nullptr);
  return result;
}

// Every lane takes a word with a bit for each lane whose predicate holds.
inline void vote(const void* const* in, void* const* out, unsigned mask, const void*) {
  unsigned votes = 0;
  for (int lane = 0; lane < LANES; lane++) {
    if ((mask >> lane & 1) != 0 && *static_cast<const int*>(in[lane]) != 0) votes |= 1u << lane;
  }
  for (int lane = 0; lane < LANES; lane++) {
    if ((mask >> lane & 1) != 0) *static_cast<unsigned*>(out[lane]) = votes;
  }
}

inline int lane() { return static_cast<int>(scene.thread->lane); }

}  // namespace emulation

// Beyond the ends of its `width` lanes, a lane takes its own.
template <typename T> T __shfl_xor_sync(unsigned mask, T x, int bits, int width = 32) {
  int own = emulation::lane(), other = own ^ bits;
  return emulation::shuffle(mask, x, other / width > own / width ? own : other);
}
template <typename T> T __shfl_down_sync(unsigned mask, T x, unsigned by, int width = 32) {
  int own = emulation::lane(), other = own + static_cast<int>(by);
  return emulation::shuffle(mask, x, other / width == own / width ? other : own);
}
template <typename T> T __shfl_up_sync(unsigned mask, T x, unsigned by, int width = 32) {
  int own = emulation::lane(), other = own - static_cast<int>(by);
  return emulation::shuffle(mask, x, other >= own / width * width ? other : own);
}
template <typename T> T __shfl_sync(unsigned mask, T x, int source, int width = 32) {
  return emulation::shuffle(mask, x, emulation::lane() / width * width + (source & (width - 1)));
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  unsigned result;
  emulation::together(mask, &predicate, &result, emulation::vote, nullptr);
  return result;
}
namespace emulation {

// Every lane takes what all lanes' numbers come to together.
template <unsigned (*combine)(unsigned, unsigned)> unsigned reduce(unsigned mask, unsigned x) {
  unsigned result;
  together(mask, &x, &result, [](const void* const* in, void* const* out, unsigned mask, const void*) {
    unsigned all = *static_cast<const unsigned*>(in[__builtin_ctz(mask)]);
    for (unsigned left = mask; left != 0; left &= left - 1) {
      all = combine(all, *static_cast<const unsigned*>(in[__builtin_ctz(left)]));
    }
    for (unsigned left = mask; left != 0; left &= left - 1) *static_cast<unsigned*>(out[__builtin_ctz(left)]) = all;
  }, nullptr);
  return result;
}

inline unsigned higher(unsigned a, unsigned b) { return max(a, b); }
inline unsigned lower(unsigned a, unsigned b) { return min(a, b); }

}  // namespace emulation

inline unsigned __reduce_max_sync(unsigned mask, unsigned x) { return emulation::reduce<emulation::higher>(mask, x); }
inline unsigned __reduce_min_sync(unsigned mask, unsigned x) { return emulation::reduce<emulation::lower>(mask, x); }
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) == mask; }

template <typename T> T atomicAdd(T* at, T x) {
  emulation::perhaps_yield();
  T before = *at;
  *at = before + x;
  return before;
}
template <typename T> T atomicMax(T* at, T x) {
  emulation::perhaps_yield();
  T before = *at;
  *at = max(before, x);
  return before;
}
template <typename T> T atomicOr(T* at, T x) {
  emulation::perhaps_yield();
  T before = *at;
  *at = before | x;
  return before;
}

inline unsigned char* shared_memory() { return emulation::shared_memory(); }
