// Rows of a matrix in blocks as T: out[i] = w[rows[i]], an embedding, or without row numbers out[i] += w[i]. A row number
// outside w gives a row of NaN.
#include "blocks.cuh"

namespace widen_rows {

constexpr int THREADS = 256;

template <typename T, typename F> struct Arguments {
  blocks::Matrix<F> w;  // (w_rows, columns)
  const int* rows;         // (rows), or null
  T* out;                  // (rows, columns)
  int w_rows, columns;
};

template <typename T, typename F> __device__ __forceinline__ void widen_row(const Arguments<T, F>& a) {
  int row = a.rows == nullptr ? static_cast<int>(blockIdx.x) : a.rows[blockIdx.x];
  bool inside = row >= 0 && row < a.w_rows;
  blocks::Matrix<F> w = a.w.from(inside ? row : 0, a.columns);
  T* out = a.out + static_cast<int64_t>(blockIdx.x) * a.columns;
  for (int c = threadIdx.x; c < a.columns; c += THREADS) {
    float value = inside ? blocks::value(w, c) : NAN;
    out[c] = narrow<T>(a.rows == nullptr ? widen(out[c]) + value : value);
  }
}

#define WIDEN(name, F)                                                                    \
  template <typename T> using Arguments_##name = Arguments<T, F>;                         \
  template <typename T> __device__ void widen_rows_##name(const Arguments_##name<T>& a) { \
    widen_row<T, F>(a);                                                                   \
  }                                                                                       \
  EXPORT_EACH_TYPE(widen_rows_##name, Arguments_##name, THREADS)

WIDEN(int8, blocks::Int8)
WIDEN(int4, blocks::Int4)
WIDEN(fp8, blocks::Fp8)

}  // namespace widen_rows

// Launch: a block of 256 threads a row.
