// Rows that threads share: a row belongs to one warp, or to a whole block where it is long. All loads of a row are on
// their way before the first is waited for, and what they bring stays in registers between the passes over it: there is
// no way through shared memory, and no barrier but those of sums.
#pragma once

#include "packs.cuh"

namespace shared_rows {

// Vectors a thread keeps. CudaNorms gives a row as many threads; where it can't, the rest is loaded in each pass.
constexpr int KEPT = 4;

// Two sums of a block's warps, twice: a sum may begin while others still read the one before.
constexpr int SUMS = 2 * WARP;
constexpr int SCRATCH_BYTES = 2 * SUMS * sizeof(float);

// Which columns of a row are a thread's: vectors that are `step` apart.
struct Share {
  int first, step, columns;

  // Calls each(k, column) for one vector after the other; k is below KEPT for those that are kept.
  template <typename Each> __device__ __forceinline__ void each(Each each) const {
#pragma unroll
    for (int k = 0; k < KEPT; k++) {
      if (first + k * step < columns) each(k, first + k * step);
    }
#pragma unroll 1
    for (int c = first + KEPT * step; c < columns; c += step) each(KEPT, c);
  }
};

template <int N> __device__ __forceinline__ Share share_of(int columns, int threads) {
  return {static_cast<int>(threadIdx.x) % threads * N, threads * N, columns};
}

// This thread's row, among a block's; there are more than one where each has a warp alone.
__device__ __forceinline__ int row_of(int threads) {
  return static_cast<int>(blockIdx.x) * (static_cast<int>(blockDim.x) / threads) +
         static_cast<int>(threadIdx.x) / threads;
}

// A thread's share of some row: the first KEPT vectors in registers.
template <int N, typename T> struct Vectors {
  const T* row;
  Pack<T, N> kept[KEPT];

  __device__ __forceinline__ Vectors(const T* row, const Share& share) : row(row) {
#pragma unroll
    for (int k = 0; k < KEPT; k++) {
      if (share.first + k * share.step < share.columns) kept[k] = packs::load<N>(row + share.first + k * share.step);
    }
  }

  __device__ __forceinline__ Pack<T, N> at(int k, int column) const {
    return k < KEPT ? kept[k] : packs::load<N>(row + column);
  }

  // The same for kernels of several passes: the compiler would keep numbers of two bytes as one pass has widened them, in
  // twice the registers, for the next, and fewer blocks would fit on a multiprocessor.
  __device__ __forceinline__ Pack<T, N> as_loaded(int k, int column) const {
    Pack<T, N> here = at(k, column);
#ifdef __CUDACC__
    if constexpr (sizeof here == 16) {
      unsigned bits[4];
      memcpy(bits, &here, sizeof here);
      asm volatile("" : "+r"(bits[0]), "+r"(bits[1]), "+r"(bits[2]), "+r"(bits[3]));
      memcpy(&here, bits, sizeof here);
    }
#endif
    return here;
  }
};

__device__ __forceinline__ float* scratch() { return reinterpret_cast<float*>(shared_memory()); }

// Sums some numbers of each thread over a row, all with one barrier and in the order of block_sum.
template <int COUNT> __device__ __forceinline__ void add_up(float (&x)[COUNT], int threads, float* scratch) {
  static_assert(COUNT * WARP <= SUMS, "there is room for their warps' sums");
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, warps = threads / WARP;
#pragma unroll
  for (int i = 0; i < COUNT; i++) x[i] = warp_sum(x[i]);
  if (warps == 1) return;
  if (lane == 0) {
#pragma unroll
    for (int i = 0; i < COUNT; i++) scratch[i * WARP + warp] = x[i];
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < COUNT; i++) x[i] = warp_sum(lane < warps ? scratch[i * WARP + lane] : 0.0f);
}

__device__ __forceinline__ float row_sum(float x, int threads, float* scratch) {
  return threads == WARP ? warp_sum(x) : block_sum(x, scratch);
}

// The largest number of a row.
__device__ __forceinline__ float row_max(float x, int threads, float* scratch) {
  return threads == WARP ? warp_max(x) : block_max(x, scratch);
}

}  // namespace shared_rows
