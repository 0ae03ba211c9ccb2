// What the RMS norm and products that begin with one have in common, so that both come to the same bits.
#pragma once

#include "packs.cuh"

namespace rms {

// Adds the squares of neighbours, one after the other.
template <int N, typename T> __device__ __forceinline__ float add_squares(const Pack<T, N>& x, float squares) {
  for (int i = 0; i < N; i++) squares += widen(x.at[i]) * widen(x.at[i]);
  return squares;
}

// What a row is multiplied with: 1 / √(mean(x²) + epsilon).
__device__ __forceinline__ float scale(float squares, int columns, float epsilon) {
  return 1 / sqrtf(squares / columns + epsilon);
}

// x · scale ∘ w, rounded to T.
template <int N, typename T>
__device__ __forceinline__ Pack<T, N> scaled(Pack<T, N> x, const Pack<T, N>& w, float scale) {
  for (int i = 0; i < N; i++) x.at[i] = narrow<T>(widen(x.at[i]) * scale * widen(w.at[i]));
  return x;
}

}  // namespace rms
