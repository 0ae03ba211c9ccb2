// out = activation(x · wᵀ + bias), and gated: out = silu(x · gateᵀ) ∘ (x · upᵀ), without tensor cores: every product
// and every sum in float32. The path of float32, and of shapes and addresses that matmul.cu doesn't take.
//
// x (rows, inputs), w (outputs, inputs), out (rows, outputs), row-major. A block multiplies 64 rows of x with 64 rows
// of w, 16 inputs at a time, turned in shared memory so that a thread reads its four rows of each in one access.
#include "linear.cuh"

namespace matmul_plain {

using linear::Arguments;

constexpr int TILE = 64;  // rows of x, and of w
constexpr int DEPTH = 16;
constexpr int EACH = 4;  // rows of x, and of w, a thread
constexpr int STRIDE = TILE + 4;
constexpr int THREADS = (TILE / EACH) * (TILE / EACH);

template <typename T, bool GATED> __device__ __forceinline__ void multiply(const Arguments<T>& a) {
  constexpr int GROUP = EACH / 2;
  constexpr int COLUMNS = GATED ? TILE / 2 : TILE;
  float* xs = reinterpret_cast<float*>(shared_memory());
  float* ws = xs + DEPTH * STRIDE;
  int first_row = blockIdx.x * TILE, first_column = blockIdx.y * COLUMNS;
  int across = threadIdx.x % (TILE / EACH) * EACH, down = threadIdx.x / (TILE / EACH) * EACH;
  float sums[EACH][EACH] = {};
  for (int from = 0; from < a.inputs; from += DEPTH) {
    int depth = threadIdx.x % DEPTH, input = from + depth;
    for (int n = threadIdx.x / DEPTH; n < TILE; n += THREADS / DEPTH) {
      int row = first_row + n;
      bool inside = row < a.rows && input < a.inputs;
      xs[depth * STRIDE + n] = inside ? widen(a.x[static_cast<int64_t>(row) * a.inputs + input]) : 0.0f;
      int output = first_column + linear::output_of<GATED, GROUP>(n);
      int weight = output + (linear::is_up<GATED, GROUP>(n) ? a.end.outputs : 0);
      inside = output < a.end.outputs && input < a.inputs;
      ws[depth * STRIDE + n] = inside ? widen(a.w[static_cast<int64_t>(weight) * a.inputs + input]) : 0.0f;
    }
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

template <typename T> __device__ void matmul_plain(const Arguments<T>& a) { multiply<T, false>(a); }
template <typename T> __device__ void swiglu_plain(const Arguments<T>& a) { multiply<T, true>(a); }

EXPORT_EACH_TYPE(matmul_plain, Arguments, THREADS)
EXPORT_EACH_TYPE(swiglu_plain, Arguments, THREADS)

}  // namespace matmul_plain

// Launch:
//   grid     (ceil(rows / 64), ceil(outputs / 64)); swiglu: (…, ceil(outputs / 32))
//   threads  256
//   shared   2 · 16 · 68 · 4 = 8704 bytes
