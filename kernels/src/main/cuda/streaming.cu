// The products of matmul.cu for one to four rows of x, where reading w is all the work.
//
// x (rows, inputs), w (outputs, inputs), out (rows, outputs), row-major. A warp multiplies two neighbouring rows of w,
// or a gate row and its up row, with all rows of x, which wait in shared memory, PANEL inputs at a time. Its next
// weights are sent for as soon as their registers are free, the first ones before x is there. Lanes are summed in a
// fixed order.
//
// streaming_norm and streaming_norm_swiglu multiply the RMS norm of x: each block normalises its rows for itself, while
// its first weights are on their way, to the bits that rms_norm comes to.
//
// All of these read 16 bytes at a time: a row of x and w is a multiple of that, and all vectors begin at one.
// streaming_scalar and streaming_swiglu_scalar take any shape and address.
#include "linear.cuh"
#include "rms.cuh"
#include "tensor_core.cuh"

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

template <typename T> struct NormedArguments {
  Arguments<T> product;  // of the norm of x
  const T* norm;         // (inputs)
  int threads;           // among which rms_norm shares a row, and in whose order squares are summed
  float epsilon;
};

// x as it is, PANEL inputs at a time.
template <typename T, int N> struct Plain {
  static constexpr bool WHOLE = false;  // a row may be several panels

  const Arguments<T>& a;

  __device__ __forceinline__ void begin(T* panel, int stride) const { fill(0, panel, stride); }

  // The panel from input `first` on.
  __device__ __forceinline__ void fill(int first, T* panel, int stride) const {
    int width = min(PANEL, a.inputs - first) / N;
    for (int i = threadIdx.x; i < a.rows * width; i += THREADS) {
      int row = i / width, at = i % width * N;
      packs::store(panel + row * stride + at, packs::load<N>(a.x + static_cast<int64_t>(row) * a.inputs + first + at));
    }
  }
};

// The norm of x, whole rows in one panel.
template <typename T, int N> struct Normed {
  static constexpr bool WHOLE = true;
  static constexpr int MOST_WARPS = 16;  // among which rms_norm shares a row, at most

  const NormedArguments<T>& a;

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
          packs::store(panel + row * stride + at, piece);
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
        T* x = panel + row * stride + at;
        packs::store(x, rms::scaled(packs::load<N>(x), packs::load<N>(gains + at), scales[row]));
      }
    }
  }
};

// N numbers an access.
template <typename T, int N, bool GATED, typename Rows>
__device__ __forceinline__ void multiply(const Arguments<T>& a, const Rows& rows) {
  typedef Pack<T, N> Piece;
  typedef typename Access<T, N>::Bits Bits;
  constexpr int STEP = WARP * N * DEEP;
  static_assert(PANEL % STEP == 0, "a panel is whole steps");
  T* panel = reinterpret_cast<T*>(shared_memory());
  int stride = Rows::WHOLE ? a.inputs : min(PANEL, a.inputs);
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
  rows.begin(panel, stride);
  for (int first = 0; first < a.inputs; first += stride) {
    int end = min(first + stride, a.inputs);
    if constexpr (!Rows::WHOLE) {
      if (first > 0) {
        __syncthreads();
        rows.fill(first, panel, stride);
      }
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

template <typename T> __device__ void streaming(const Arguments<T>& a) {
  multiply<T, VECTOR<T>, false>(a, Plain<T, VECTOR<T>>{a});
}
template <typename T> __device__ void streaming_scalar(const Arguments<T>& a) {
  multiply<T, 1, false>(a, Plain<T, 1>{a});
}
template <typename T> __device__ void streaming_swiglu(const Arguments<T>& a) {
  multiply<T, VECTOR<T>, true>(a, Plain<T, VECTOR<T>>{a});
}
template <typename T> __device__ void streaming_swiglu_scalar(const Arguments<T>& a) {
  multiply<T, 1, true>(a, Plain<T, 1>{a});
}
template <typename T> __device__ void streaming_norm(const NormedArguments<T>& a) {
  multiply<T, VECTOR<T>, false>(a.product, Normed<T, VECTOR<T>>{a});
}
template <typename T> __device__ void streaming_norm_swiglu(const NormedArguments<T>& a) {
  multiply<T, VECTOR<T>, true>(a.product, Normed<T, VECTOR<T>>{a});
}

EXPORT_EACH_TYPE(streaming, Arguments, THREADS)
EXPORT_EACH_TYPE(streaming_scalar, Arguments, THREADS)
EXPORT_EACH_TYPE(streaming_swiglu, Arguments, THREADS)
EXPORT_EACH_TYPE(streaming_swiglu_scalar, Arguments, THREADS)
EXPORT_EACH_TYPE(streaming_norm, NormedArguments, THREADS)
EXPORT_EACH_TYPE(streaming_norm_swiglu, NormedArguments, THREADS)

}  // namespace streaming

// Launch, for 1 to 4 rows:
//   grid     ceil(outputs / 16); swiglu: ceil(outputs / 8)
//   threads  256
//   shared   rows · min(inputs, 4096) · bytes of T; norm: (rows + 1) · inputs · bytes of T + rows · 17 · 4
