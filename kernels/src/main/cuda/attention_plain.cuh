// Tiles of one head in float32 in shared memory, and their products: a block has 16 rows of its own, four a warp, and
// meets 32 others at a time, one a lane.
#pragma once

#include "attention.cuh"

namespace attention::plain {

constexpr int THREADS = 128;
constexpr int WARP_ROWS = 4;
constexpr int ROWS = THREADS / WARP * WARP_ROWS;
constexpr int KEYS = WARP;

// Rows of one head into shared memory, each one float longer than it is: lanes that read a row each meet no conflict.
template <typename T>
__device__ void load_tile(const T* from, int row_columns, int first, int count, int size, float* tile) {
  for (int i = threadIdx.x; i < count * size; i += THREADS) {
    int row = i / size, channel = i % size;
    tile[row * (size + 1) + channel] = widen(from[static_cast<int64_t>(first + row) * row_columns + channel]);
  }
}

// products[r] = row r of the warp's own · the lane's row of the tile. Sizes are even; two sums are half as long as one,
// and round less.
__device__ __forceinline__ void multiply(const float* own, const float* tile, int size, float (&products)[WARP_ROWS]) {
  int stride = size + 1;
  const float* mine = tile + static_cast<int>(threadIdx.x) % WARP * stride;
  float even[WARP_ROWS] = {}, odd[WARP_ROWS] = {};
  for (int c = 0; c < size; c += 2) {
    float x0 = mine[c], x1 = mine[c + 1];
#pragma unroll
    for (int r = 0; r < WARP_ROWS; r++) {
      even[r] = fmaf(own[r * stride + c], x0, even[r]);
      odd[r] = fmaf(own[r * stride + c + 1], x1, odd[r]);
    }
  }
#pragma unroll
  for (int r = 0; r < WARP_ROWS; r++) products[r] = even[r] + odd[r];
}

}  // namespace attention::plain
