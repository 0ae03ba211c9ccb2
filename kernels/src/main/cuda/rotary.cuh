// Rotary position embedding: entries of its tables, and channels turned by them. Halves of a head are turned against
// each other: channels (c, c + size/2) by the angle of (position, c).
#pragma once

#include "packs.cuh"

// Tables of cosines and sines, and which row of them is whose.
struct RotaryTable {
  const float* cos;      // (rows, size / 2)
  const float* sin;      // (rows, size / 2)
  const int* positions;  // one a row of queries
  int rows;
};

namespace rotary {

// Entries of a table for N neighbouring pairs; NaN where the position is outside of it.
template <int N>
__device__ __forceinline__ Pack<float, N> entries(const float* table, int rows, int half, int position, int pair) {
  if (position < 0 || position >= rows) return packs::filled<float, N>(NAN);
  return packs::load<N>(table + static_cast<int64_t>(position) * half + pair);
}

// A channel turned, where `other` is the one it is turned against, for the lower half its negative. Rounded by name, so
// that every kernel that turns it comes to the same bits.
__device__ __forceinline__ float turned(float x, float other, float cos, float sin) {
  return __fadd_rn(__fmul_rn(x, cos), __fmul_rn(other, sin));
}

// One channel of a head, turned.
template <typename T>
__device__ __forceinline__ T turned(const T* head, int channel, int size, const RotaryTable& table, int position) {
  int half = size / 2;
  bool low = channel < half;
  int pair = low ? channel : channel - half;
  float x = widen(head[channel]), other = widen(head[low ? channel + half : pair]);
  float cos = entries<1>(table.cos, table.rows, half, position, pair).at[0];
  float sin = entries<1>(table.sin, table.rows, half, position, pair).at[0];
  return narrow<T>(turned(x, low ? -other : other, cos, sin));
}

}  // namespace rotary
