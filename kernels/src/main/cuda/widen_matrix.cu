// A matrix in blocks as one of T, for products that know no blocks: out = scale · (q - zero) in float32, rounded to T,
// the numbers that matmul_blocks.cu multiplies by.
//
// w (rows, columns) as blocks.cuh has it, out (rows, columns) row-major. columns is a multiple of 8, and out begins at a
// multiple of 16 bytes.
#include "blocks.cuh"
#include "tensor_core.cuh"

namespace widen_matrix {

constexpr int THREADS = 128;

template <typename T, typename F> struct Arguments {
  blocks::Matrix<F> w;  // (rows, columns)
  T* out;               // (rows, columns)
  int columns;
};

template <typename T, typename F> __device__ __forceinline__ void widen_row(const Arguments<T, F>& a) {
  constexpr int N = blocks::ACCESS<F>;
  int64_t row = blockIdx.x;
  blocks::Matrix<F> w = a.w.from(row, a.columns);
  T* out = a.out + row * a.columns;
  for (int first = threadIdx.x * N; first < a.columns; first += THREADS * N) {
    int block = first / blocks::SIZE;
    blocks::Access access = w.numbers[first / N];
    float factor = blocks::factor(w.scales[F::ROW_SCALES ? 0 : block]);
    float origin = blocks::origin<F>(blocks::zeros_of<F>(w.zeros, block), block);
#pragma unroll
    for (int n = 0; n < N / 8; n++) {
      // What fills a row's last block up has no place in out.
      if (first + 8 * n >= a.columns) break;
      float wide[8];
      blocks::eight<F>(access, n, origin, factor, wide);
      Pack<unsigned, 4> narrowed;
#pragma unroll
      for (int i = 0; i < 4; i++) narrowed.at[i] = pack_two<T>(wide[2 * i], wide[2 * i + 1]);
      *reinterpret_cast<Pack<unsigned, 4>*>(out + first + 8 * n) = narrowed;
    }
  }
}

#define WIDEN_MATRIX(name, F)                                                               \
  template <typename T> using Arguments_##name = Arguments<T, F>;                           \
  template <typename T> __device__ void widen_matrix_##name(const Arguments_##name<T>& a) { \
    widen_row<T, F>(a);                                                                     \
  }                                                                                         \
  EXPORT_SHORT_TYPES(widen_matrix_##name, Arguments_##name, THREADS)

WIDEN_MATRIX(int8, blocks::Int8)
WIDEN_MATRIX(int4, blocks::Int4)
WIDEN_MATRIX(fp8, blocks::Fp8)

}  // namespace widen_matrix

// Launch: a block of 128 threads a row.
