// The products of matmul.cu by weights in blocks. Numbers wait in registers while the stage before is multiplied, and
// are then written into shared memory: scale · (q - zero) in float32, rounded to T. So each block of threads widens the
// rows of w that it needs, and nowhere is a second copy of w; widen_matrix.cu makes one, for other products.
//
// x (rows, inputs), out (rows, outputs), row-major; w (outputs, inputs) as blocks.cuh has it. inputs is a multiple of 8,
// and x begins at a multiple of 16 bytes.
#include "blocks.cuh"
#include "matmul.cuh"

namespace matmul_blocks {

using matmul::CHUNKS;
using matmul::DEPTH;
using matmul::GROUP;
using matmul::Large;
using matmul::Small;

template <typename T, typename F> using Arguments = linear::Arguments<T, blocks::Matrix<F>>;

// A thread's share of a stage: one access of every STEP-th row.
template <typename T, typename F, typename Shape, bool GATED> struct Widened {
  static constexpr int N = blocks::ACCESS<F>, ACROSS = DEPTH / N, STEP = Shape::THREADS / ACROSS;
  static constexpr int EACH = Shape::WEIGHTS / STEP, APART = linear::output_of<GATED, GROUP>(STEP);
  static_assert(STEP % (2 * GROUP) == 0, "a thread widens gate rows only, or up rows only");

  blocks::Matrix<F> w;  // from the first of its rows on
  int inputs;
  unsigned inside;  // a bit a row
  int first;        // input of the access that was sent for last
  blocks::Access pieces[EACH];
  typename F::Scale scales[EACH];
  unsigned zeros[EACH];

  __device__ __forceinline__ Widened(const Arguments<T, F>& a, matmul::Place tile) : inputs(a.inputs), inside(0) {
    int n = threadIdx.x / ACROSS, output = tile.column + linear::output_of<GATED, GROUP>(n);
#pragma unroll
    for (int i = 0; i < EACH; i++) inside |= (output + i * APART < a.end.outputs ? 1u : 0u) << i;
    w = a.w.from(output + (linear::is_up<GATED, GROUP>(n) ? a.end.outputs : 0), inputs);
  }

  // Nothing, with a scale of 0, where there are no numbers.
  __device__ __forceinline__ void send(int k, T*) {
    int row_blocks = blocks::per_row(inputs), row_zeros = ceil_div(row_blocks, 8);
    first = k * DEPTH + static_cast<int>(threadIdx.x) % ACROSS * N;
    int block = first / blocks::SIZE;
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      if (block < row_blocks && (inside >> i & 1) != 0) {
        pieces[i] = w.numbers[i * APART * row_blocks * (blocks::SIZE / N) + first / N];
        scales[i] = w.scales[F::ROW_SCALES ? i * APART : i * APART * row_blocks + block];
        zeros[i] = blocks::zeros_of<F>(w.zeros + i * APART * row_zeros, block);
      } else {
        pieces[i] = {};
        scales[i] = narrow<typename F::Scale>(0.0f);
        zeros[i] = 0;
      }
    }
  }

  __device__ __forceinline__ void arrive(T* tile) const {
    int n = threadIdx.x / ACROSS, chunk = threadIdx.x % ACROSS * (N / 8);
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      float origin = blocks::origin<F>(zeros[i], first / blocks::SIZE);
#pragma unroll
      for (int c = 0; c < N / 8; c++) {
        // What fills a row's last block up may be too large for T, and must not meet the zeros of x.
        float scale = first + 8 * c < inputs ? blocks::factor(scales[i]) : 0.0f;
        float wide[8];
        blocks::eight<F>(pieces[i], c, origin, scale, wide);
        Pack<unsigned, 4> narrowed;
#pragma unroll
        for (int j = 0; j < 4; j++) narrowed.at[j] = pack_two<T>(wide[2 * j], wide[2 * j + 1]);
        *reinterpret_cast<Pack<unsigned, 4>*>(matmul::place(tile, n + i * STEP, chunk + c)) = narrowed;
      }
    }
  }
};

template <typename T, typename F, typename Shape, bool GATED>
__device__ __forceinline__ void widened(const Arguments<T, F>& a) {
  matmul::multiply<T, Shape, GATED, Widened<T, F, Shape, GATED>>(a);
}

#define MULTIPLY(name, F)                                                                       \
  template <typename T> using Arguments_##name = Arguments<T, F>;                               \
  template <typename T> __device__ void matmul_##name##_128x256(const Arguments_##name<T>& a) { \
    widened<T, F, Large, false>(a);                                                             \
  }                                                                                             \
  template <typename T> __device__ void matmul_##name##_64x128(const Arguments_##name<T>& a) {  \
    widened<T, F, Small, false>(a);                                                             \
  }                                                                                             \
  template <typename T> __device__ void swiglu_##name##_128x256(const Arguments_##name<T>& a) { \
    widened<T, F, Large, true>(a);                                                              \
  }                                                                                             \
  template <typename T> __device__ void swiglu_##name##_64x128(const Arguments_##name<T>& a) {  \
    widened<T, F, Small, true>(a);                                                              \
  }                                                                                             \
  EXPORT_SHORT_TYPES(matmul_##name##_128x256, Arguments_##name, Large::THREADS)                 \
  EXPORT_SHORT_TYPES(matmul_##name##_64x128, Arguments_##name, Small::THREADS)                  \
  EXPORT_SHORT_TYPES(swiglu_##name##_128x256, Arguments_##name, Large::THREADS)                 \
  EXPORT_SHORT_TYPES(swiglu_##name##_64x128, Arguments_##name, Small::THREADS)

MULTIPLY(int8, blocks::Int8)
MULTIPLY(int4, blocks::Int4)
MULTIPLY(fp8, blocks::Fp8)

}  // namespace matmul_blocks

// Launch: as matmul.cu.
