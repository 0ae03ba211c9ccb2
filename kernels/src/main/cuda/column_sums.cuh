// Sums down the columns of a matrix, as gradients of biases and of norms' weights are.
//
// A block has 32 columns, and each of its 8 warps every 8th row; the warps' sums are added in their order. So the order
// of a sum follows from the number of rows alone.
#pragma once

#include "device.cuh"

namespace column_sums {

constexpr int WARPS = 8;
constexpr int THREADS = WARPS * WARP;
// Of `add`, in floats.
constexpr int SCRATCH = THREADS;

// The column of this thread; it may lie outside.
__device__ __forceinline__ int column() { return blockIdx.x * WARP + threadIdx.x % WARP; }

// out[column] += the warps' sums, unless out is null; every thread of the block calls it. `scratch` holds SCRATCH
// floats that nobody else uses.
__device__ __forceinline__ void add(float sum, float* scratch, float* out, int columns) {
  if (out == nullptr) return;
  scratch[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x >= WARP || column() >= columns) return;
  float all = 0;
  for (int warp = 0; warp < WARPS; warp++) all += scratch[warp * WARP + threadIdx.x];
  out[column()] += all;
}

}  // namespace column_sums
