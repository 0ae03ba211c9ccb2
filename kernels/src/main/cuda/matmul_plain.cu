// out = activation(x · wᵀ + bias), and gated: out = silu(x · gateᵀ) ∘ (x · upᵀ), without tensor cores: every product
// and every sum in float32. The path of float32, and of shapes and addresses that matmul.cu doesn't take. With x or w
// lying the other way, also the products that a linear layer's gradients are.
//
//   matmul_plain, swiglu_plain  x (rows, inputs), w (outputs, inputs)
//   matmul_plain_x_w            x (rows, inputs), w (inputs, outputs): out = activation(x · w + bias)
//   matmul_plain_xt_w           x (inputs, rows), w (inputs, outputs): out = activation(xᵀ · w + bias)
//   matmul_int8_plain, …        w (outputs, inputs) in blocks, each number rounded to T as in matmul_blocks.cu
//
// All are row-major, and out is (rows, outputs). A block multiplies 64 rows with 64 outputs, 16 inputs at a time, which
// lie in shared memory such that a thread reads its four rows, and its four outputs, in one access.
#include "blocks.cuh"
#include "linear.cuh"

namespace matmul_plain {

using linear::Arguments;

// Which matrix of the product is transposed.
enum class Transposed { W, NONE, X };

constexpr int TILE = 64;  // rows of x, and of w
constexpr int DEPTH = 16;
constexpr int EACH = 4;  // rows of x, and of w, a thread
constexpr int STRIDE = TILE + 4;
constexpr int THREADS = (TILE / EACH) * (TILE / EACH);

// Numbers of 64 rows or outputs, n, and 16 inputs into shared memory, zeros where there are none. Threads that are
// neighbours read neighbours: along the inputs, or along n.
template <bool ALONG_INPUTS, typename Read> __device__ __forceinline__ void load_tile(float* tile, const Read& read) {
  if (ALONG_INPUTS) {
    int depth = threadIdx.x % DEPTH;
    for (int n = threadIdx.x / DEPTH; n < TILE; n += THREADS / DEPTH) tile[depth * STRIDE + n] = read(n, depth);
  } else {
    int n = threadIdx.x % TILE;
    for (int depth = threadIdx.x / TILE; depth < DEPTH; depth += THREADS / TILE) {
      tile[depth * STRIDE + n] = read(n, depth);
    }
  }
}

// What a row of w, or of its transpose, has for an input.
template <Transposed TRANSPOSED, typename T>
__device__ __forceinline__ float weight(const Arguments<T>& a, int row, int input) {
  return widen(TRANSPOSED == Transposed::W ? a.w[static_cast<int64_t>(row) * a.inputs + input]
                                           : a.w[static_cast<int64_t>(input) * a.end.outputs + row]);
}

template <Transposed TRANSPOSED, typename T, typename F>
__device__ __forceinline__ float weight(const Arguments<T, blocks::Matrix<F>>& a, int row, int input) {
  static_assert(TRANSPOSED == Transposed::W, "blocks lie along the inputs");
  return widen(narrow<T>(blocks::value(a.w.from(row, a.inputs), input)));
}

template <typename T, bool GATED, Transposed TRANSPOSED, typename W>
__device__ __forceinline__ void multiply(const Arguments<T, W>& a) {
  constexpr int GROUP = EACH / 2;
  constexpr int COLUMNS = GATED ? TILE / 2 : TILE;
  float* xs = reinterpret_cast<float*>(shared_memory());
  float* ws = xs + DEPTH * STRIDE;
  int first_row = blockIdx.x * TILE, first_column = blockIdx.y * COLUMNS;
  int across = threadIdx.x % (TILE / EACH) * EACH, down = threadIdx.x / (TILE / EACH) * EACH;
  float sums[EACH][EACH] = {};
  for (int from = 0; from < a.inputs; from += DEPTH) {
    load_tile<TRANSPOSED != Transposed::X>(xs, [&](int n, int depth) {
      int row = first_row + n, input = from + depth;
      if (row >= a.rows || input >= a.inputs) return 0.0f;
      return widen(TRANSPOSED == Transposed::X ? a.x[static_cast<int64_t>(input) * a.rows + row]
                                               : a.x[static_cast<int64_t>(row) * a.inputs + input]);
    });
    load_tile<TRANSPOSED == Transposed::W>(ws, [&](int n, int depth) {
      int output = first_column + linear::output_of<GATED, GROUP>(n), input = from + depth;
      if (output >= a.end.outputs || input >= a.inputs) return 0.0f;
      return weight<TRANSPOSED>(a, output + (linear::is_up<GATED, GROUP>(n) ? a.end.outputs : 0), input);
    });
    __syncthreads();
#pragma unroll
    for (int k = 0; k < DEPTH; k++) {
      Pack<float, EACH> x = *reinterpret_cast<const Pack<float, EACH>*>(xs + k * STRIDE + down);
      Pack<float, EACH> w = *reinterpret_cast<const Pack<float, EACH>*>(ws + k * STRIDE + across);
#pragma unroll
      for (int i = 0; i < EACH; i++) {
#pragma unroll
        for (int j = 0; j < EACH; j++) sums[i][j] += x.at[i] * w.at[j];
      }
    }
    __syncthreads();
  }
  int column = first_column + (GATED ? across / 2 : across);
  if (column >= a.end.outputs) return;
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    int row = first_row + down + i;
    if (row >= a.rows) return;
    if (GATED) {
      float gated[GROUP];
#pragma unroll
      for (int j = 0; j < GROUP; j++) gated[j] = linear::silu_times(sums[i][j], sums[i][GROUP + j]);
      linear::finish<GROUP>(a.end, row, column, gated);
    } else {
      linear::finish<EACH>(a.end, row, column, sums[i]);
    }
  }
}

template <typename T> __device__ void matmul_plain(const Arguments<T>& a) { multiply<T, false, Transposed::W>(a); }
template <typename T> __device__ void swiglu_plain(const Arguments<T>& a) { multiply<T, true, Transposed::W>(a); }
template <typename T> __device__ void matmul_plain_x_w(const Arguments<T>& a) {
  multiply<T, false, Transposed::NONE>(a);
}
template <typename T> __device__ void matmul_plain_xt_w(const Arguments<T>& a) {
  multiply<T, false, Transposed::X>(a);
}

EXPORT_EACH_TYPE(matmul_plain, Arguments, THREADS)
EXPORT_EACH_TYPE(swiglu_plain, Arguments, THREADS)
EXPORT_EACH_TYPE(matmul_plain_x_w, Arguments, THREADS)
EXPORT_EACH_TYPE(matmul_plain_xt_w, Arguments, THREADS)

#define MULTIPLY_PLAIN(name, F)                                                               \
  template <typename T> using Arguments_##name = Arguments<T, blocks::Matrix<F>>;             \
  template <typename T> __device__ void matmul_##name##_plain(const Arguments_##name<T>& a) { \
    multiply<T, false, Transposed::W>(a);                                                     \
  }                                                                                           \
  template <typename T> __device__ void swiglu_##name##_plain(const Arguments_##name<T>& a) { \
    multiply<T, true, Transposed::W>(a);                                                      \
  }                                                                                           \
  EXPORT_EACH_TYPE(matmul_##name##_plain, Arguments_##name, THREADS)                          \
  EXPORT_EACH_TYPE(swiglu_##name##_plain, Arguments_##name, THREADS)

MULTIPLY_PLAIN(int8, blocks::Int8)
MULTIPLY_PLAIN(int4, blocks::Int4)
MULTIPLY_PLAIN(fp8, blocks::Fp8)

}  // namespace matmul_plain

// Launch:
//   grid     (ceil(rows / 64), ceil(outputs / 64)); swiglu: (…, ceil(outputs / 32))
//   threads  256
//   shared   2 · 16 · 68 · 4 = 8704 bytes
