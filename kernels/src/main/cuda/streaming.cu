// The products of matmul.cu for one to four rows of x, where reading w is all the work.
//
// x (rows, inputs), w (outputs, inputs), out (rows, outputs), row-major. A warp multiplies two neighbouring rows of w,
// or a gate row and its up row, with all rows of x, which wait in shared memory, PANEL inputs at a time. Its next
// weights are sent for as soon as their registers are free, the first ones before x is there. Lanes are summed in a
// fixed order.
//
// streaming and streaming_swiglu read 16 bytes at a time: a row of x and w is a multiple of that, and both begin at
// one. streaming_scalar and streaming_swiglu_scalar take any shape and address.
#include "linear.cuh"

namespace streaming {

using linear::Arguments;

constexpr int THREADS = 256;
constexpr int MOST_ROWS = 4;
constexpr int WEIGHTS = 2;   // rows of w a warp
constexpr int DEEP = 4;      // accesses a lane has on their way in each
constexpr int PANEL = 4096;  // inputs of x in shared memory

// What one access brings, as it comes: split into numbers at once, they would take twice the registers.
template <typename T, int N> struct Access {
  typedef Pack<unsigned, N * sizeof(T) / sizeof(unsigned)> Bits;
};
template <typename T> struct Access<T, 1> {
  typedef Pack<T, 1> Bits;
};

// N numbers an access.
template <typename T, int N, bool GATED> __device__ __forceinline__ void multiply(const Arguments<T>& a) {
  typedef Pack<T, N> Piece;
  typedef typename Access<T, N>::Bits Bits;
  constexpr int STEP = WARP * N * DEEP;
  static_assert(PANEL % STEP == 0, "a panel is whole steps");
  T* panel = reinterpret_cast<T*>(shared_memory());
  int stride = min(PANEL, a.inputs);
  int lane = threadIdx.x % WARP, pair = blockIdx.x * (THREADS / WARP) + threadIdx.x / WARP;
  int output = GATED ? pair : WEIGHTS * pair;
  const T* w[WEIGHTS];
  bool there[WEIGHTS];
#pragma unroll
  for (int j = 0; j < WEIGHTS; j++) {
    there[j] = output + (GATED ? 0 : j) < a.end.outputs;
    w[j] = a.w + static_cast<int64_t>(output + (GATED ? j * a.end.outputs : j)) * a.inputs;
  }

  Bits pieces[WEIGHTS][DEEP];
  auto fetch = [&](int from, int d) {
    int input = from + (d * WARP + lane) * N;
#pragma unroll
    for (int j = 0; j < WEIGHTS; j++) {
      if (there[j] && input < a.inputs) pieces[j][d] = *reinterpret_cast<const Bits*>(w[j] + input);
    }
  };

  float sums[WEIGHTS][MOST_ROWS] = {};
#pragma unroll
  for (int d = 0; d < DEEP; d++) fetch(0, d);
  for (int first = 0; first < a.inputs; first += PANEL) {
    int end = min(first + PANEL, a.inputs), width = (end - first) / N;
    __syncthreads();
    for (int i = threadIdx.x; i < a.rows * width; i += THREADS) {
      int row = i / width, at = i % width * N;
      *reinterpret_cast<Piece*>(panel + row * stride + at) =
          *reinterpret_cast<const Piece*>(a.x + static_cast<int64_t>(row) * a.inputs + first + at);
    }
    __syncthreads();
#pragma unroll 1
    for (int from = first; from < end; from += STEP) {
#pragma unroll
      for (int d = 0; d < DEEP; d++) {
        int input = from + (d * WARP + lane) * N;
        if (input < end) {
          float wide[WEIGHTS][N];
#pragma unroll
          for (int j = 0; j < WEIGHTS; j++) {
            Piece piece;
            memcpy(&piece, &pieces[j][d], sizeof piece);
#pragma unroll
            for (int i = 0; i < N; i++) wide[j][i] = there[j] ? widen(piece.at[i]) : 0.0f;
          }
#pragma unroll
          for (int r = 0; r < MOST_ROWS; r++) {
            if (r >= a.rows) break;
            Piece x = *reinterpret_cast<const Piece*>(panel + r * stride + input - first);
#pragma unroll
            for (int j = 0; j < WEIGHTS; j++) {
#pragma unroll
              for (int i = 0; i < N; i++) sums[j][r] += widen(x.at[i]) * wide[j][i];
            }
          }
        }
        fetch(from + STEP, d);
      }
    }
  }

  if (!there[0]) return;
#pragma unroll
  for (int r = 0; r < MOST_ROWS; r++) {
    if (r >= a.rows) return;
    float both[WEIGHTS] = {warp_sum(sums[0][r]), warp_sum(sums[1][r])};
    if (lane != r) continue;
    if (GATED) {
      float gated[1] = {linear::silu_times(both[0], both[1])};
      linear::finish<1>(a.end, r, output, gated);
    } else {
      linear::finish<WEIGHTS>(a.end, r, output, both);
    }
  }
}

template <typename T> __device__ void streaming(const Arguments<T>& a) { multiply<T, VECTOR<T>, false>(a); }
template <typename T> __device__ void streaming_scalar(const Arguments<T>& a) { multiply<T, 1, false>(a); }
template <typename T> __device__ void streaming_swiglu(const Arguments<T>& a) { multiply<T, VECTOR<T>, true>(a); }
template <typename T> __device__ void streaming_swiglu_scalar(const Arguments<T>& a) { multiply<T, 1, true>(a); }

EXPORT_EACH_TYPE(streaming, Arguments, THREADS)
EXPORT_EACH_TYPE(streaming_scalar, Arguments, THREADS)
EXPORT_EACH_TYPE(streaming_swiglu, Arguments, THREADS)
EXPORT_EACH_TYPE(streaming_swiglu_scalar, Arguments, THREADS)

}  // namespace streaming

// Launch, for 1 to 4 rows:
//   grid     ceil(outputs / 16); swiglu: ceil(outputs / 8)
//   threads  256
//   shared   rows · min(inputs, 4096) · bytes of T
