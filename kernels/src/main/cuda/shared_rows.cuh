// Rows that threads share: a row belongs to one warp, or to a whole block where it is long. Its threads keep their
// numbers in shared memory between the passes over them; nobody else reads these, so the passes need no barrier for it.
#pragma once

#include "device.cuh"

namespace shared_rows {

// Sums of a block's warps, three times: a sum may begin while others still read the one before.
constexpr int SUMS = WARP;
constexpr int SCRATCH_BYTES = 3 * SUMS * sizeof(float);

// A thread's part of its row.
template <typename T> struct Row {
  int64_t begin;   // of the row, in numbers
  int thread;      // among those that share the row
  T* kept;         // room for the row
  float* scratch;  // SUMS floats, for each sum
};

template <typename T> __device__ Row<T> row_of(int index, int columns, int threads) {
  unsigned char* shared = shared_memory();
  T* kept = reinterpret_cast<T*>(shared + SCRATCH_BYTES) + static_cast<int>(threadIdx.x) / threads * columns;
  return {static_cast<int64_t>(index) * columns, static_cast<int>(threadIdx.x) % threads, kept,
          reinterpret_cast<float*>(shared)};
}

__device__ __forceinline__ float row_sum(float x, int threads, float* scratch) {
  return threads == WARP ? warp_sum(x) : block_sum(x, scratch);
}

// The largest number of a row.
__device__ __forceinline__ float row_max(float x, int threads, float* scratch) {
  return threads == WARP ? warp_max(x) : block_max(x, scratch);
}

}  // namespace shared_rows
