// Rows without their lengths: each times the power of two that brings its length into [128, 256). So nothing is rounded,
// but in float16 what is below 2⁻³² of a length, and the product of two rows neither overflows nor vanishes. A row
// without a direction, being zero or not finite, becomes NaN, as then does every product with it.
#include "packs.cuh"

template <typename T> struct ScaleRows {
  const T* x;      // (rows, columns)
  T* out;          // (rows, padded), with zeros behind the columns
  float* inverse;  // (rows): 1 / the length of a row of out, NaN where there is none; or null
  int rows, columns, padded;
};

namespace scaling {

constexpr int THREADS = 128;
constexpr int LENGTH = 7;  // the power of two below lengths

template <int N, typename T> __device__ __forceinline__ double squares(const T* x, int columns) {
  double sum = 0;
#pragma unroll 4
  for (int c = threadIdx.x % WARP * N; c < columns; c += WARP * N) {
    Pack<T, N> piece = packs::load<N>(x + c);
#pragma unroll
    for (int i = 0; i < N; i++) {
      double value = widen(piece.at[i]);
      sum += value * value;
    }
  }
  return warp_sum(sum);
}

template <int N, typename T> __device__ __forceinline__ void store(const T* x, int columns, double scale, T* out) {
#pragma unroll 4
  for (int c = threadIdx.x % WARP * N; c < columns; c += WARP * N) {
    Pack<T, N> piece = packs::load<N>(x + c);
#pragma unroll
    for (int i = 0; i < N; i++) piece.at[i] = narrow<T>(static_cast<float>(widen(piece.at[i]) * scale));
    packs::store(out + c, piece);
  }
}

}  // namespace scaling

// A warp a row.
template <typename T> __device__ void scale_rows(const ScaleRows<T>& a) {
  constexpr int N = VECTOR<T>;
  int row = blockIdx.x * (scaling::THREADS / WARP) + threadIdx.x / WARP, lane = threadIdx.x % WARP;
  if (row >= a.rows) return;
  const T* x = a.x + static_cast<int64_t>(row) * a.columns;
  T* out = a.out + static_cast<int64_t>(row) * a.padded;
  bool packed = packs::fit<N>(a.x, a.columns) && packs::fit<N>(a.out, a.padded);
  double squares = packed ? scaling::squares<N>(x, a.columns) : scaling::squares<1>(x, a.columns);
  bool directed = squares > 0 && squares < INFINITY;
  double length = sqrt(squares);
  double scale = directed ? ldexp(1.0, scaling::LENGTH - ilogb(length)) : NAN;
  if (packed) {
    scaling::store<N>(x, a.columns, scale, out);
  } else {
    scaling::store<1>(x, a.columns, scale, out);
  }
  for (int c = a.columns + lane; c < a.padded; c += WARP) out[c] = narrow<T>(0.0f);
  if (lane == 0 && a.inverse != nullptr) a.inverse[row] = static_cast<float>(1 / (length * scale));
}

EXPORT_EACH_TYPE(scale_rows, ScaleRows, scaling::THREADS)

// Launch: grid ⌈rows / 4⌉, 128 threads, no shared memory.
