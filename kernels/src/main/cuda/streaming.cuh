// What kernels share that multiply one to four rows of x: a warp has two neighbouring rows of w, or a gate row and its
// up row, and all rows of x wait in shared memory, PANEL inputs at a time or whole.
#pragma once

#include "linear.cuh"
#include "rms.cuh"
#include "tensor_core.cuh"

namespace streaming {

constexpr int THREADS = 256;
constexpr int MOST_ROWS = 4;
constexpr int WEIGHTS = 2;   // rows of w a warp
constexpr int DEEP = 4;      // accesses a lane has on their way in each
constexpr int PANEL = 4096;  // inputs of x in shared memory

template <typename T, typename W> struct NormedArguments {
  linear::Arguments<T, W> product;  // of the norm of x
  const T* norm;                    // (inputs)
  int threads;                      // among which rms_norm shares a row, and in whose order squares are summed
  float epsilon;
};

// Where a panel has an input: in order.
struct InOrder {
  static __device__ __forceinline__ int place(int input) { return input; }
};

// Brings inputs of x from `first` on into a panel, N an access.
template <int N, typename Order, typename T, typename W>
__device__ __forceinline__ void copy_rows(const linear::Arguments<T, W>& a, int first, T* panel, int stride) {
  int width = min(PANEL, a.inputs - first) / N;
  for (int i = threadIdx.x; i < a.rows * width; i += THREADS) {
    int row = i / width, at = i % width * N;
    packs::store(panel + row * stride + Order::place(at),
                 packs::load<N>(a.x + static_cast<int64_t>(row) * a.inputs + first + at));
  }
}

// The norm of x, whole rows in one panel.
template <typename T, int N, typename Order, typename W> struct Normed {
  static constexpr bool WHOLE = true;
  static constexpr int MOST_WARPS = 16;  // among which rms_norm shares a row, at most

  const NormedArguments<T, W>& a;

  __device__ __forceinline__ void begin(T* panel, int stride) const {
    int rows = a.product.rows, inputs = a.product.inputs, warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    T* gains = panel + rows * stride;                             // (inputs)
    float* sums = reinterpret_cast<float*>(gains + inputs);       // (rows, MOST_WARPS)
    float* scales = sums + rows * MOST_WARPS;                     // (rows)
    for (int at = threadIdx.x * N; at < inputs; at += THREADS * N) copy_async(gains + at, a.norm + at, true);
    copies_sent();

    for (int row = 0; row < rows; row++) {
      const T* x = a.product.x + static_cast<int64_t>(row) * inputs;
      // A thread stands for each of those that rms_norm has at its place and every THREADS behind it.
      for (int thread = threadIdx.x; thread < a.threads; thread += THREADS) {
        float squares = 0;
        for (int at = thread * N; at < inputs; at += a.threads * N) {
          Pack<T, N> piece = packs::load<N>(x + at);
          packs::store(panel + row * stride + Order::place(at), piece);
          squares = rms::add_squares(piece, squares);
        }
        squares = warp_sum(squares);
        if (lane == 0) sums[row * MOST_WARPS + thread / WARP] = squares;
      }
    }
    copies_arrived<0>();
    __syncthreads();
    if (warp < rows) {
      float squares = warp_sum(lane < a.threads / WARP ? sums[warp * MOST_WARPS + lane] : 0.0f);
      if (lane == 0) scales[warp] = rms::scale(squares, inputs, a.epsilon);
    }
    __syncthreads();
    for (int at = threadIdx.x * N; at < inputs; at += THREADS * N) {
      for (int row = 0; row < rows; row++) {
        T* x = panel + row * stride + Order::place(at);
        packs::store(x, rms::scaled(packs::load<N>(x), packs::load<N>(gains + at), scales[row]));
      }
    }
  }
};

// Which rows of w a warp multiplies.
template <bool GATED> struct Pair {
  int output;  // the first, or the only, of its outputs
  bool there[WEIGHTS];
  int row[WEIGHTS];  // of w

  __device__ __forceinline__ explicit Pair(int outputs) {
    int pair = blockIdx.x * (THREADS / WARP) + threadIdx.x / WARP;
    output = GATED ? pair : WEIGHTS * pair;
#pragma unroll
    for (int j = 0; j < WEIGHTS; j++) {
      there[j] = output + (GATED ? 0 : j) < outputs;
      row[j] = output + (GATED ? j * outputs : j);
    }
  }
};

// Adds up what the lanes of a warp hold, in a fixed order, and stores what becomes of it.
template <bool GATED, typename T>
__device__ __forceinline__ void finish(const linear::Epilogue<T>& end, int rows, const Pair<GATED>& pair,
                                       const float (&sums)[WEIGHTS][MOST_ROWS]) {
  if (!pair.there[0]) return;
  int lane = threadIdx.x % WARP;
#pragma unroll
  for (int r = 0; r < MOST_ROWS; r++) {
    if (r >= rows) return;
    float both[WEIGHTS] = {warp_sum(sums[0][r]), warp_sum(sums[1][r])};
    if (lane != r) continue;
    if (GATED) {
      float gated[1] = {linear::silu_times(both[0], both[1])};
      linear::finish<1>(end, r, pair.output, gated);
    } else {
      linear::finish<WEIGHTS>(end, r, pair.output, both);
    }
  }
}

}  // namespace streaming
