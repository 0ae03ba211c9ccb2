// What the tensor cores' attention kernels do with rows of queries whose scores are in registers. A lane has two rows,
// 0 and 1 here, eight apart, and shares each with the three others of its quad; scores[n] are keys 8n to 8n + 7, in the
// form of C in tensor_core.cuh.
#pragma once

#include "attention.cuh"
#include "tensor_core.cuh"

namespace attention {

// Rounded to bfloat16, weights would be off by up to 2⁻⁸, more than all else together; so what rounding leaves is
// multiplied with the values as well, but for the kernel of compute capability 9.0, which rounds as its peers do. float16 is exact enough, if weights are lifted to 2¹⁵ and less, so that those
// down to 2⁻²⁹ are normal numbers.
template <typename T> constexpr bool TWO_PARTS = true;
template <> constexpr bool TWO_PARTS<float16> = false;
template <typename T> constexpr float LIFT = 0.0f;
template <> constexpr float LIFT<float16> = 15.0f;

// Weights of 16 keys as the left side of a product, rounded to T; from scores of two times eight keys.
template <typename T>
__device__ __forceinline__ void round_weights(const float (*scores)[4], unsigned (&rounded)[4]) {
#pragma unroll
  for (int i = 0; i < 4; i++) rounded[i] = pack_two<T>(scores[i / 2][i % 2 * 2], scores[i / 2][i % 2 * 2 + 1]);
}

// The same with what rounding them left.
template <typename T> struct Weights {
  unsigned rounded[4], rest[4];
};

template <typename T> __device__ __forceinline__ Weights<T> weights_of(const float (*scores)[4]) {
  Weights<T> w;
  round_weights<T>(scores, w.rounded);
  if constexpr (TWO_PARTS<T>) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float* two = scores[i / 2] + i % 2 * 2;
      w.rest[i] = pack_two<T>(two[0] - __uint_as_float(w.rounded[i] << 16),
                              two[1] - __uint_as_float(w.rounded[i] & 0xffff0000u));
    }
  }
  return w;
}

// Keys that a row doesn't see get no weight; the first of these scores is that of `key`.
template <int N> __device__ __forceinline__ void hide(float (&scores)[N][4], int key, const int (&sees)[2]) {
  int lane = threadIdx.x % WARP;
#pragma unroll
  for (int n = 0; n < N; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (key + 8 * n + 2 * (lane % 4) + i % 2 >= sees[i / 2]) scores[n][i] = -INFINITY;
    }
  }
}

// Scores of row r become weights. Returns what has to be multiplied with what was summed under a lower level.
template <typename T, int N>
__device__ __forceinline__ float soften(float (&scores)[N][4], int r, float scale, float& highest, float& total) {
  float product = -INFINITY;
#pragma unroll
  for (int n = 0; n < N; n++) product = fmaxf(product, fmaxf(scores[n][2 * r], scores[n][2 * r + 1]));
  product = fmaxf(product, __shfl_xor_sync(ALL_LANES, product, 1));
  product = fmaxf(product, __shfl_xor_sync(ALL_LANES, product, 2));
  float higher = fmaxf(highest, level(product, scale) - LIFT<T>);
  float rescale = correction(highest, higher);
  highest = higher;
  float here = 0;
#pragma unroll
  for (int n = 0; n < N; n++) {
#pragma unroll
    for (int i = 2 * r; i < 2 * r + 2; i++) {
      scores[n][i] = weight(scores[n][i], scale, higher);
      here += scores[n][i];
    }
  }
  total = total * rescale + here;
  return rescale;
}

template <int N> __device__ __forceinline__ void scale_row(float (&sums)[N][4], int r, float by) {
#pragma unroll
  for (int n = 0; n < N; n++) {
    sums[n][2 * r] *= by;
    sums[n][2 * r + 1] *= by;
  }
}

// Stores a lane's part of two rows of one head, (rows, columns); `row` is the first. Of sums those behind the head's
// SIZE channels are left out.
template <int SIZE, typename T, int N>
__device__ __forceinline__ void store_rows(T* out, int rows, int columns, int row, int head, const float (&total)[2],
                                           const float (&sums)[N][4]) {
  int lane = threadIdx.x % WARP;
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float all = total[r];
    all += __shfl_xor_sync(ALL_LANES, all, 1);
    all += __shfl_xor_sync(ALL_LANES, all, 2);
    if (row + 8 * r >= rows) continue;
    float inverse = 1.0f / all;
    T* to = out + static_cast<int64_t>(row + 8 * r) * columns + head * SIZE + 2 * (lane % 4);
#pragma unroll
    for (int n = 0; n < SIZE / 8; n++) {
      *reinterpret_cast<unsigned*>(to + 8 * n) = pack_two<T>(sums[n][2 * r] * inverse, sums[n][2 * r + 1] * inverse);
    }
  }
}

}  // namespace attention
