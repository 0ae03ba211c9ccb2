// What the attention kernels share: their arguments, which keys a row sees, and the running softmax.
#pragma once

#include "device.cuh"

// out = softmax(q · keysᵀ / √size) · values, head by head. Query head h is columns h·size to (h+1)·size and reads
// key/value head h / (heads / kv_heads).
template <typename T> struct Attention {
  const T* q;           // (rows, q_columns), of which the first heads·size columns are read
  const T* keys;        // (key_count, kv_columns), of which the first kv_heads·size columns are read
  const T* values;      // the same
  const int* last_key;  // (rows): the last key each row sees; null where `causal` says it
  T* out;               // (rows, heads·size)
  int rows;
  int q_columns;
  int kv_columns;
  int key_count;
  int heads;
  int kv_heads;
  int size;
  int causal;   // 1: the rows are the last of the sequence that the keys belong to; 0: each row sees every key
  float scale;  // log2(e) / √size, since exponentials are powers of two here
};

namespace attention {

// How many keys, counted from the first, a row sees. A last key outside of them can only be a bug: such a row sees
// none, and its output is NaN.
template <typename T> __device__ __forceinline__ int visible(const Attention<T>& a, int row) {
  int last = a.key_count - 1;
  if (a.last_key != nullptr) {
    last = a.last_key[row];
  } else if (a.causal != 0) {
    last = a.key_count - a.rows + row;
  }
  return last >= 0 && last < a.key_count ? last + 1 : 0;
}

__device__ __forceinline__ int warp_most(int x) {
  for (int step = WARP / 2; step > 0; step /= 2) x = max(x, __shfl_xor_sync(ALL_LANES, x, step));
  return x;
}

__device__ __forceinline__ int warp_least(int x) {
  for (int step = WARP / 2; step > 0; step /= 2) x = min(x, __shfl_xor_sync(ALL_LANES, x, step));
  return x;
}

// The most keys that one of `count` rows sees; every lane of a warp gets it.
template <typename T> __device__ __forceinline__ int most_visible(const Attention<T>& a, int first_row, int count) {
  int most = 0;
  for (int row = first_row + static_cast<int>(threadIdx.x) % WARP; row < min(first_row + count, a.rows); row += WARP) {
    most = max(most, visible(a, row));
  }
  return warp_most(most);
}

// Softmax in powers of two: the weight of a key is 2^(product·scale - level), where level is the highest product·scale.
// It is rounded once, never inside a fused multiply-add, so that it cancels exactly between numerator and denominator.
__device__ __forceinline__ float level(float highest_product, float scale) { return __fmul_rn(highest_product, scale); }

// 2^x in one instruction; exp2f takes three more for results below 2^-126, which come to zero here.
__device__ __forceinline__ float power_of_two(float x) {
#ifdef __CUDACC__
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
#else
  return x < -126.0f ? 0.0f : exp2f(x);
#endif
}

__device__ __forceinline__ float weight(float product, float scale, float level) {
  return power_of_two(fmaf(product, scale, level == -INFINITY ? 0.0f : -level));
}

// What sums under an old level are multiplied with when the level rises.
__device__ __forceinline__ float correction(float old_level, float new_level) {
  return old_level == new_level ? 1.0f : power_of_two(old_level - new_level);
}

}  // namespace attention
