// What the kernels of a linear layer share: their arguments, and what becomes of a sum before it is stored.
#pragma once

#include "device.cuh"

namespace linear {

// In the order of Activation.java.
enum class Activation : int { NONE, ADD, GELU, QUICK_GELU };

template <typename T> struct Epilogue {
  const T* bias;  // (outputs), or null
  T* out;         // (rows, outputs), or null where wide is not
  float* wide;    // (rows, outputs) for results that are not rounded to T, or null
  int outputs;
  Activation activation;
};

// W is how the matrix is stored: number by number, or in blocks.
template <typename T, typename W = const T*> struct Arguments {
  const T* x;  // (rows, inputs)
  W w;         // (outputs, inputs); for a gated product gate stacked on up, (2·outputs, inputs)
  int rows;
  int inputs;
  Epilogue<T> end;
};

// A gated product multiplies with gate and up rows in turn, GROUP of each, so that both sums of an output meet in one
// thread. These say which output the n-th row of such a tile belongs to, counted from the tile's first, and whether it
// is an up row; in other products every row is an output of its own.
template <bool GATED, int GROUP> constexpr __host__ __device__ int output_of(int n) {
  return GATED ? n / (2 * GROUP) * GROUP + n % GROUP : n;
}

template <bool GATED, int GROUP> constexpr __host__ __device__ bool is_up(int n) {
  return GATED && n / GROUP % 2 == 1;
}

// x·σ(scale·x); a large negative x gives -0, since e^-x may well be infinite.
__device__ __forceinline__ float sigmoid_weighted(float x, float scale) { return x / (1.0f + expf(-scale * x)); }

__device__ __forceinline__ float silu_times(float gate, float up) { return sigmoid_weighted(gate, 1.0f) * up; }

__device__ __forceinline__ float activate(Activation activation, float x) {
  if (activation == Activation::GELU) return 0.5f * x * (1.0f + erff(x * 0.70710678f));
  if (activation == Activation::QUICK_GELU) return sigmoid_weighted(x, 1.702f);
  return x;
}

template <int BYTES> __device__ __forceinline__ bool aligned(const void* address) {
  return reinterpret_cast<uintptr_t>(address) % BYTES == 0;
}

// Neighbours, zeros from `count` on; 16 bytes an access where all N are inside and the address allows it.
template <int N, typename T> __device__ __forceinline__ void load_run(const T* from, int count, float (&x)[N]) {
  constexpr int WIDTH = N < VECTOR<T> ? N : VECTOR<T>;
  if (count >= N && aligned<sizeof(T) * WIDTH>(from)) {
#pragma unroll
    for (int i = 0; i < N; i += WIDTH) {
      Pack<T, WIDTH> pack = *reinterpret_cast<const Pack<T, WIDTH>*>(from + i);
#pragma unroll
      for (int j = 0; j < WIDTH; j++) x[i + j] = widen(pack.at[j]);
    }
  } else {
#pragma unroll
    for (int i = 0; i < N; i++) x[i] = i < count ? widen(from[i]) : 0.0f;
  }
}

template <int N, typename T> __device__ __forceinline__ void store_run(const float (&x)[N], int count, T* to) {
  constexpr int WIDTH = N < VECTOR<T> ? N : VECTOR<T>;
  if (count >= N && aligned<sizeof(T) * WIDTH>(to)) {
#pragma unroll
    for (int i = 0; i < N; i += WIDTH) {
      Pack<T, WIDTH> pack;
#pragma unroll
      for (int j = 0; j < WIDTH; j++) pack.at[j] = narrow<T>(x[i + j]);
      *reinterpret_cast<Pack<T, WIDTH>*>(to + i) = pack;
    }
  } else {
#pragma unroll
    for (int i = 0; i < N; i++) {
      if (i < count) to[i] = narrow<T>(x[i]);
    }
  }
}

template <int N, typename T>
__device__ __forceinline__ void store_sums(const float (&sums)[N], bool add, int count, T* to) {
  float results[N];
  if (add) {
    load_run<N>(to, count, results);
#pragma unroll
    for (int i = 0; i < N; i++) results[i] += sums[i];
    store_run<N>(results, count, to);
  } else {
    store_run<N>(sums, count, to);
  }
}

// Stores N neighbouring outputs of a row; those behind the last column are left out.
template <int N, typename T>
__device__ __forceinline__ void finish(const Epilogue<T>& end, int row, int column, float (&sums)[N]) {
  int count = end.outputs - column;
  if (end.bias != nullptr) {
    float bias[N];
    load_run<N>(end.bias + column, count, bias);
#pragma unroll
    for (int i = 0; i < N; i++) sums[i] += bias[i];
  }
#pragma unroll
  for (int i = 0; i < N; i++) sums[i] = activate(end.activation, sums[i]);
  int64_t at = static_cast<int64_t>(row) * end.outputs + column;
  bool add = end.activation == Activation::ADD;
  if (end.wide != nullptr) {
    store_sums<N>(sums, add, count, end.wide + at);
  } else {
    store_sums<N>(sums, add, count, end.out + at);
  }
}

}  // namespace linear
