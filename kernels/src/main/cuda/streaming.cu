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
#include "streaming.cuh"

namespace streaming {

using linear::Arguments;

// What one access brings, as it comes: split into numbers at once, they would take twice the registers.
template <typename T, int N> struct Access {
  typedef Pack<unsigned, N * sizeof(T) / sizeof(unsigned)> Bits;
};
template <typename T> struct Access<T, 1> {
  typedef Pack<T, 1> Bits;
};

// x as it is, PANEL inputs at a time.
template <typename T, int N> struct Plain {
  static constexpr bool WHOLE = false;  // a row may be several panels

  const Arguments<T>& a;

  __device__ __forceinline__ void begin(T* panel, int stride) const { fill(0, panel, stride); }

  // The panel from input `first` on.
  __device__ __forceinline__ void fill(int first, T* panel, int stride) const {
    copy_rows<N, InOrder>(a, first, panel, stride);
  }
};

template <typename T> using NormedProduct = NormedArguments<T, const T*>;

// N numbers an access.
template <typename T, int N, bool GATED, typename Rows>
__device__ __forceinline__ void multiply(const Arguments<T>& a, const Rows& rows) {
  typedef Pack<T, N> Piece;
  typedef typename Access<T, N>::Bits Bits;
  constexpr int STEP = WARP * N * DEEP;
  static_assert(PANEL % STEP == 0, "a panel is whole steps");
  T* panel = reinterpret_cast<T*>(shared_memory());
  int stride = Rows::WHOLE ? a.inputs : min(PANEL, a.inputs);
  int lane = threadIdx.x % WARP;
  Pair<GATED> pair(a.end.outputs);
  const T* w[WEIGHTS];
#pragma unroll
  for (int j = 0; j < WEIGHTS; j++) w[j] = a.w + static_cast<int64_t>(pair.row[j]) * a.inputs;

  Bits pieces[WEIGHTS][DEEP];
  auto fetch = [&](int from, int d) {
    int input = from + (d * WARP + lane) * N;
#pragma unroll
    for (int j = 0; j < WEIGHTS; j++) {
      if (pair.there[j] && input < a.inputs) pieces[j][d] = *reinterpret_cast<const Bits*>(w[j] + input);
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
            for (int i = 0; i < N; i++) wide[j][i] = pair.there[j] ? widen(piece.at[i]) : 0.0f;
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

  finish(a.end, a.rows, pair, sums);
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
template <typename T> __device__ void streaming_norm(const NormedProduct<T>& a) {
  multiply<T, VECTOR<T>, false>(a.product, Normed<T, VECTOR<T>, InOrder, const T*>{a});
}
template <typename T> __device__ void streaming_norm_swiglu(const NormedProduct<T>& a) {
  multiply<T, VECTOR<T>, true>(a.product, Normed<T, VECTOR<T>, InOrder, const T*>{a});
}

EXPORT_EACH_TYPE(streaming, Arguments, THREADS)
EXPORT_EACH_TYPE(streaming_scalar, Arguments, THREADS)
EXPORT_EACH_TYPE(streaming_swiglu, Arguments, THREADS)
EXPORT_EACH_TYPE(streaming_swiglu_scalar, Arguments, THREADS)
EXPORT_EACH_TYPE(streaming_norm, NormedProduct, THREADS)
EXPORT_EACH_TYPE(streaming_norm_swiglu, NormedProduct, THREADS)

}  // namespace streaming

// Launch, for 1 to 4 rows:
//   grid     ceil(outputs / 16); swiglu: ceil(outputs / 8)
//   threads  256
//   shared   rows · min(inputs, 4096) · bytes of T; norm: (rows + 1) · inputs · bytes of T + rows · 17 · 4
