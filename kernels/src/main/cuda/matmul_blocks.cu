// The products of matmul.cu by weights in blocks. Numbers wait in registers while the stage before is multiplied, and
// are then written into shared memory as T: scale · (q - zero), which float32 has exactly, rounded once. So each block
// of threads widens the rows of w that it needs, and nowhere is a second copy of w.
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

template <typename T, int BITS> using Arguments = linear::Arguments<T, blocks::Matrix<BITS>>;

// A thread's share of a stage: one access of every STEP-th row.
template <typename T, int BITS, typename Shape, bool GATED> struct Widened {
  static constexpr int N = blocks::ACCESS<BITS>, ACROSS = DEPTH / N, STEP = Shape::THREADS / ACROSS;
  static constexpr int EACH = Shape::WEIGHTS / STEP, APART = linear::output_of<GATED, GROUP>(STEP);
  static_assert(STEP % (2 * GROUP) == 0, "a thread widens gate rows only, or up rows only");

  blocks::Matrix<BITS> w;  // from the first of its rows on
  int inputs;
  unsigned inside;  // a bit a row
  int first;        // input of the access that was sent for last
  blocks::Access pieces[EACH];
  float16 scales[EACH];
  unsigned zeros[EACH];

  __device__ __forceinline__ Widened(const Arguments<T, BITS>& a, matmul::Place tile) : inputs(a.inputs), inside(0) {
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
        scales[i] = w.scales[i * APART * row_blocks + block];
        zeros[i] = blocks::zeros_of<BITS>(w.zeros + i * APART * row_zeros, block);
      } else {
        pieces[i] = {};
        scales[i] = narrow<float16>(0.0f);
        zeros[i] = 0;
      }
    }
  }

  __device__ __forceinline__ void arrive(T* tile) const {
    int n = threadIdx.x / ACROSS, chunk = threadIdx.x % ACROSS * (N / 8);
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      float origin = blocks::origin<BITS>(zeros[i], first / blocks::SIZE);
#pragma unroll
      for (int c = 0; c < N / 8; c++) {
        // What fills a row's last block up may be too large for T, and must not meet the zeros of x.
        float scale = first + 8 * c < inputs ? widen(scales[i]) : 0.0f;
        float wide[8];
        blocks::raise_four<BITS>(pieces[i], 2 * c, wide);
        blocks::raise_four<BITS>(pieces[i], 2 * c + 1, wide + 4);
        Pack<unsigned, 4> narrowed;
#pragma unroll
        for (int j = 0; j < 4; j++) {
          narrowed.at[j] = pack_two<T>((wide[2 * j] - origin) * scale, (wide[2 * j + 1] - origin) * scale);
        }
        *reinterpret_cast<Pack<unsigned, 4>*>(matmul::place(tile, n + i * STEP, chunk + c)) = narrowed;
      }
    }
  }
};

template <typename T, int BITS, typename Shape, bool GATED>
__device__ __forceinline__ void widened(const Arguments<T, BITS>& a) {
  matmul::multiply<T, Shape, GATED, Widened<T, BITS, Shape, GATED>>(a);
}

#define MULTIPLY(BITS)                                                                            \
  template <typename T> using Arguments##BITS = Arguments<T, BITS>;                               \
  template <typename T> __device__ void matmul_int##BITS##_128x256(const Arguments##BITS<T>& a) { \
    widened<T, BITS, Large, false>(a);                                                            \
  }                                                                                               \
  template <typename T> __device__ void matmul_int##BITS##_64x128(const Arguments##BITS<T>& a) {  \
    widened<T, BITS, Small, false>(a);                                                            \
  }                                                                                               \
  template <typename T> __device__ void swiglu_int##BITS##_128x256(const Arguments##BITS<T>& a) { \
    widened<T, BITS, Large, true>(a);                                                             \
  }                                                                                               \
  template <typename T> __device__ void swiglu_int##BITS##_64x128(const Arguments##BITS<T>& a) {  \
    widened<T, BITS, Small, true>(a);                                                             \
  }                                                                                               \
  EXPORT_SHORT_TYPES(matmul_int##BITS##_128x256, Arguments##BITS, Large::THREADS)                 \
  EXPORT_SHORT_TYPES(matmul_int##BITS##_64x128, Arguments##BITS, Small::THREADS)                  \
  EXPORT_SHORT_TYPES(swiglu_int##BITS##_128x256, Arguments##BITS, Large::THREADS)                 \
  EXPORT_SHORT_TYPES(swiglu_int##BITS##_64x128, Arguments##BITS, Small::THREADS)

MULTIPLY(8)
MULTIPLY(4)

}  // namespace matmul_blocks

// Launch: as matmul.cu.
