// How relevant rows are to a text: the cosine of each with the text's mean, scaled to [0, 1].
//
//   relevance_text     the sum of the text's rows, which has the direction of their mean
//   relevance_cosines  each row's cosine with it, but for the text's own length, which the scaling undoes
//   relevance_scale    the lowest becomes 0 and the highest 1; all are 1 where they are equal
//
// Sums are float64: reading rows takes longer. A row without a direction, being zero or not finite, gets NaN.
#include "packs.cuh"

template <typename T> struct RelevanceText {
  const T* text;  // (rows, columns)
  double* sums;   // (columns)
  int rows, columns;
};

template <typename T> struct RelevanceCosines {
  const T* x;          // (rows, columns)
  const double* text;  // (columns), at a multiple of 16 bytes
  double* cosines;     // (rows)
  int rows, columns;
};

struct RelevanceScale {
  const double* cosines;  // (rows)
  float* out;             // (rows)
  int rows;
};

namespace relevance {

constexpr int TEXT_THREADS = 256;  // 32 columns, and every 8th row a warp
constexpr int COSINE_THREADS = 128;
constexpr int EACH = 2;  // rows a warp, for which it reads the text's sum once
constexpr int SCALE_THREADS = 1024;

template <int N, typename T> __device__ __forceinline__ void cosines(const RelevanceCosines<T>& a) {
  constexpr int PAIR = N < 2 ? N : 2;
  int first = (blockIdx.x * (COSINE_THREADS / WARP) + threadIdx.x / WARP) * EACH, lane = threadIdx.x % WARP;
  double dots[EACH] = {}, squares[EACH] = {};
  for (int c = lane * N; c < a.columns; c += WARP * N) {
    Pack<double, PAIR> text[N / PAIR];
#pragma unroll
    for (int i = 0; i < N / PAIR; i++) text[i] = packs::load<PAIR>(a.text + c + i * PAIR);
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      if (first + e >= a.rows) break;
      Pack<T, N> x = packs::load<N>(a.x + static_cast<int64_t>(first + e) * a.columns + c);
#pragma unroll
      for (int i = 0; i < N; i++) {
        double value = widen(x.at[i]);
        dots[e] = fma(value, text[i / PAIR].at[i % PAIR], dots[e]);
        squares[e] = fma(value, value, squares[e]);
      }
    }
  }
#pragma unroll
  for (int e = 0; e < EACH; e++) {
    double dot = warp_sum(dots[e]), all = warp_sum(squares[e]);
    if (lane == 0 && first + e < a.rows) {
      a.cosines[first + e] = all > 0 && all < INFINITY ? dot / sqrt(all) : NAN;
    }
  }
}

struct Range {
  double least, most;
};

// Of a warp's; every lane gets it.
__device__ __forceinline__ Range widest(Range range) {
  for (int step = WARP / 2; step > 0; step /= 2) {
    range.least = fmin(range.least, __shfl_xor_sync(ALL_LANES, range.least, step));
    range.most = fmax(range.most, __shfl_xor_sync(ALL_LANES, range.most, step));
  }
  return range;
}

__device__ void scale(const RelevanceScale& a) {
  Range* ranges = reinterpret_cast<Range*>(shared_memory());  // one a warp
  Range range = {INFINITY, -INFINITY};
  for (int row = threadIdx.x; row < a.rows; row += SCALE_THREADS) {
    double cosine = a.cosines[row];
    if (fabs(cosine) < INFINITY) range = {fmin(range.least, cosine), fmax(range.most, cosine)};
  }
  range = widest(range);
  if (threadIdx.x % WARP == 0) ranges[threadIdx.x / WARP] = range;
  __syncthreads();
  range = widest(ranges[threadIdx.x % WARP]);
  for (int row = threadIdx.x; row < a.rows; row += SCALE_THREADS) {
    double cosine = a.cosines[row];
    double scaled = range.most > range.least ? (cosine - range.least) / (range.most - range.least) : 1;
    a.out[row] = isnan(cosine) ? NAN : static_cast<float>(scaled);
  }
}

}  // namespace relevance

template <typename T> __device__ void relevance_text(const RelevanceText<T>& a) {
  double* sums = reinterpret_cast<double*>(shared_memory());  // (warps, WARP)
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, column = blockIdx.x * WARP + lane;
  double sum = 0;
#pragma unroll 4
  for (int row = warp; row < a.rows && column < a.columns; row += relevance::TEXT_THREADS / WARP) {
    sum += widen(a.text[static_cast<int64_t>(row) * a.columns + column]);
  }
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (warp > 0 || column >= a.columns) return;
  for (int w = 1; w < relevance::TEXT_THREADS / WARP; w++) sum += sums[w * WARP + lane];
  a.sums[column] = sum;
}

template <typename T> __device__ void relevance_cosines(const RelevanceCosines<T>& a) {
  constexpr int N = VECTOR<T>;
  if (packs::fit<N>(a.x, a.columns)) {
    relevance::cosines<N>(a);
  } else {
    relevance::cosines<1>(a);
  }
}

EXPORT_EACH_TYPE(relevance_text, RelevanceText, relevance::TEXT_THREADS)
EXPORT_EACH_TYPE(relevance_cosines, RelevanceCosines, relevance::COSINE_THREADS)
EXPORT(relevance_scale, relevance::scale, RelevanceScale, relevance::SCALE_THREADS)

// Launch:
//   relevance_text     grid ⌈columns / 32⌉, 256 threads, 2048 bytes of shared memory
//   relevance_cosines  grid ⌈rows / 8⌉, 128 threads
//   relevance_scale    one block of 1024 threads, 512 bytes of shared memory
