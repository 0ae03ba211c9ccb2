// Keys or values of one head in shared memory, and their products with the queries of all heads that share them.
#pragma once

#include "tensor_core.cuh"

namespace key_tile {

constexpr int KEYS = 32;
constexpr int KEY_LANES = 4;
constexpr int THREADS = KEYS * KEY_LANES;

// Heads whose sums are kept in registers at a time, while each key is read once for them.
constexpr int HEADS = 4;

// Channels of a query, with zeros behind them.
template <typename T> __device__ __forceinline__ int padded(int size) {
  return ceil_div(size, VECTOR<T>) * VECTOR<T>;
}

// Bytes from one row to the next: an odd multiple of 64, so that eight lanes that read 64 bytes of each of two
// neighbouring rows meet all banks once.
template <typename T> __device__ __forceinline__ int row_bytes(int size) {
  return ceil_div(size * static_cast<int>(sizeof(T)) + 64, 128) * 128 - 64;
}

// Rows of one head into a tile, with zeros up to a multiple of 16 bytes. They are there after copies_arrived and a
// barrier. `from` is the head's first channel in the first row.
template <typename T>
__device__ __forceinline__ void load(const T* from, int row_columns, int count, int size, unsigned char* tile) {
  int chunks = ceil_div(size, VECTOR<T>), stride = row_bytes<T>(size);
  bool aligned = reinterpret_cast<uintptr_t>(from) % 16 == 0 && row_columns % VECTOR<T> == 0 && size % VECTOR<T> == 0;
  for (int i = threadIdx.x; i < count * chunks; i += THREADS) {
    int row = i / chunks, chunk = i % chunks;
    const T* source = from + static_cast<int64_t>(row) * row_columns + chunk * VECTOR<T>;
    unsigned char* to = tile + row * stride + chunk * 16;
    if (aligned) {
      copy_async(to, source, true);
    } else {
      Pack<T, VECTOR<T>> pack;
#pragma unroll
      for (int e = 0; e < VECTOR<T>; e++) {
        pack.at[e] = chunk * VECTOR<T> + e < size ? source[e] : narrow<T>(0.0f);
      }
      *reinterpret_cast<Pack<T, VECTOR<T>>*>(to) = pack;
    }
  }
  copies_sent();
}

// Queries of a group of heads, (heads, padded), widened. `from` is the first head's first channel.
template <typename T> __device__ __forceinline__ void load_queries(const T* from, int heads, int size, float* queries) {
  int columns = padded<T>(size);
  for (int i = threadIdx.x; i < heads * columns; i += THREADS) {
    int head = i / columns, channel = i % columns;
    queries[i] = channel < size ? widen(from[head * size + channel]) : 0.0f;
  }
}

// products[head · stride + key] = query_head · key for the first `count` keys of a tile. Four lanes share a key.
template <typename T>
__device__ __forceinline__ void multiply(const unsigned char* tile, const float* queries, int heads, int count,
                                         int size, float* products, int stride) {
  int key = threadIdx.x / KEY_LANES, part = threadIdx.x % KEY_LANES;
  int chunks = ceil_div(size, VECTOR<T>), columns = padded<T>(size);
  const unsigned char* row = tile + key * row_bytes<T>(size);
  for (int first = 0; first < heads; first += HEADS) {
    float sums[HEADS] = {};
    // Rows behind `count` are not there.
    for (int chunk = part; chunk < chunks && key < count; chunk += KEY_LANES) {
      Pack<T, VECTOR<T>> k = *reinterpret_cast<const Pack<T, VECTOR<T>>*>(row + chunk * 16);
#pragma unroll
      for (int h = 0; h < HEADS; h++) {
        if (first + h >= heads) break;
        Pack<float, VECTOR<T>> q =
            *reinterpret_cast<const Pack<float, VECTOR<T>>*>(queries + (first + h) * columns + chunk * VECTOR<T>);
#pragma unroll
        for (int e = 0; e < VECTOR<T>; e++) sums[h] = fmaf(q.at[e], widen(k.at[e]), sums[h]);
      }
    }
#pragma unroll
    for (int h = 0; h < HEADS; h++) {
      for (int step = 1; step < KEY_LANES; step *= 2) sums[h] += __shfl_xor_sync(ALL_LANES, sums[h], step);
      if (part == 0 && key < count && first + h < heads) products[(first + h) * stride + key] = sums[h];
    }
  }
}

}  // namespace key_tile
