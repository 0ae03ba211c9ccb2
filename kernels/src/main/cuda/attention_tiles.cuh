// Tiles of one head in shared memory, as tensor cores read them: rows of 64 or 128 two-byte numbers in chunks of 16
// bytes.
#pragma once

#include "attention_rows.cuh"

namespace attention {

constexpr int CHUNK = 8;  // Numbers in 16 bytes.

// Where a chunk of a row of a tile lies. Chunks change places within each row so that eight rows of a matrix fall into
// different banks.
template <int SIZE> __device__ __forceinline__ int place(int row, int chunk) {
  return (row * (SIZE / CHUNK) + (chunk ^ (row % 8))) * 16;
}

// The first `count` of ROWS rows of one head, on their way; zeros behind them, and no read.
template <typename T, int SIZE, int ROWS, int THREADS>
__device__ __forceinline__ void load_tile(const T* from, int row_columns, int count, unsigned char* tile) {
  constexpr int CHUNKS = SIZE / CHUNK;
  int chunk = threadIdx.x % CHUNKS;
#pragma unroll
  for (int row = threadIdx.x / CHUNKS; row < ROWS; row += THREADS / CHUNKS) {
    bool inside = row < count;
    const T* source = from + (inside ? static_cast<int64_t>(row) * row_columns + chunk * CHUNK : 0);
    copy_async(tile + place<SIZE>(row, chunk), source, inside);
  }
}

// Four neighbouring 8×8 matrices of a tile: rows first and first + 8, chunks `chunk` and the next, in the order of A's
// registers. Transposed, they are two B fragments of values.
template <int SIZE>
__device__ __forceinline__ const unsigned char* square(const unsigned char* tile, int row, int chunk) {
  int lane = threadIdx.x % WARP;
  return tile + place<SIZE>(row + lane % 16, chunk + lane / 16);
}

// The same in the order of two B fragments of keys.
template <int SIZE>
__device__ __forceinline__ const unsigned char* columns(const unsigned char* tile, int row, int chunk) {
  int lane = threadIdx.x % WARP;
  return tile + place<SIZE>(row + lane / 16 * 8 + lane % 8, chunk + lane / 8 % 2);
}

// d[0], d[1] += a · the two B fragments in b.
template <typename T>
__device__ __forceinline__ void multiply_add_pair(float (*d)[4], const unsigned (&a)[4], const unsigned (&b)[4]) {
  const unsigned left[2] = {b[0], b[1]}, right[2] = {b[2], b[3]};
  multiply_add<T>(d[0], a, left);
  multiply_add<T>(d[1], a, right);
}

// d[0], d[1] += weights · the two B fragments of values.
template <typename T>
__device__ __forceinline__ void multiply_add_values(float (*d)[4], const Weights<T>& weights,
                                                    const unsigned (&values)[4]) {
  multiply_add_pair<T>(d, weights.rounded, values);
  if constexpr (TWO_PARTS<T>) multiply_add_pair<T>(d, weights.rest, values);
}

// sums (16, SIZE) += weights (16, KEYS) · the tile (KEYS, SIZE).
template <typename T, int SIZE, int KEYS>
__device__ __forceinline__ void add_values(const float (&scores)[KEYS / 8][4], const unsigned char* tile,
                                           float (&sums)[SIZE / 8][4]) {
#pragma unroll
  for (int k = 0; k < KEYS / 16; k++) {
    Weights<T> weights = weights_of<T>(scores + 2 * k);
#pragma unroll
    for (int n = 0; n < SIZE / 16; n++) {
      unsigned values[4];
      load_matrices_transposed(values, square<SIZE>(tile, 16 * k, 2 * n));
      multiply_add_values(sums + 2 * n, weights, values);
    }
  }
}

}  // namespace attention
