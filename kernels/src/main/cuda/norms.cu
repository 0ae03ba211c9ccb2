// Normalisation of rows.
//
//   rms_norm    out = x / √(mean(x²) + epsilon) ∘ w                  (Zhang and Sennrich 2019)
//   layer_norm  out = (x - mean) / √(variance + epsilon) ∘ w + bias  (Ba, Kiros and Hinton 2016)
#include "rms.cuh"
#include "shared_rows.cuh"

template <typename T> struct RmsNorm {
  const T* x;   // (rows, columns)
  const T* w;   // (columns)
  T* out;       // (rows, columns)
  int rows, columns;
  int threads;  // that share a row: a warp's, or all of a block
  float epsilon;
};

template <typename T> struct LayerNorm {
  const T* x;     // (rows, columns)
  const T* w;     // (columns)
  const T* bias;  // (columns)
  T* out;         // (rows, columns)
  int rows, columns;
  int threads;  // that share a row: a warp's, or all of a block
  float epsilon;
};

namespace norms {

using shared_rows::Row;
using shared_rows::row_sum;
using shared_rows::SUMS;

template <int N, typename T> __device__ void rms_row(const RmsNorm<T>& a, const Row<T>& row) {
  int step = a.threads * N;
  float squares = 0;
  for (int c = row.thread * N; c < a.columns; c += step) {
    Pack<T, N> x = packs::load<N>(a.x + row.begin + c);
    packs::store(row.kept + c, x);
    squares = rms::add_squares(x, squares);
  }
  float scale = rms::scale(row_sum(squares, a.threads, row.scratch), a.columns, a.epsilon);
  for (int c = row.thread * N; c < a.columns; c += step) {
    Pack<T, N> x = packs::load<N>(row.kept + c);
    Pack<T, N> w = packs::load<N>(a.w + c);
    packs::store(a.out + row.begin + c, rms::scaled(x, w, scale));
  }
}

template <int N, typename T> __device__ void layer_row(const LayerNorm<T>& a, const Row<T>& row) {
  int step = a.threads * N;
  float sum = 0;
  for (int c = row.thread * N; c < a.columns; c += step) {
    Pack<T, N> x = packs::load<N>(a.x + row.begin + c);
    packs::store(row.kept + c, x);
    for (int i = 0; i < N; i++) sum += widen(x.at[i]);
  }
  float mean = row_sum(sum, a.threads, row.scratch) / a.columns;
  // The mean is rounded; what deviations from it still sum up to corrects it and the variance (Chan et al. 1983).
  float deviations = 0, squares = 0;
  for (int c = row.thread * N; c < a.columns; c += step) {
    Pack<T, N> x = packs::load<N>(row.kept + c);
    for (int i = 0; i < N; i++) {
      float d = widen(x.at[i]) - mean;
      deviations += d;
      squares += d * d;
    }
  }
  float shift = row_sum(deviations, a.threads, row.scratch + SUMS) / a.columns;
  float variance = row_sum(squares, a.threads, row.scratch + 2 * SUMS) / a.columns - shift * shift;
  float scale = 1 / sqrtf(variance + a.epsilon);
  for (int c = row.thread * N; c < a.columns; c += step) {
    Pack<T, N> x = packs::load<N>(row.kept + c);
    Pack<T, N> w = packs::load<N>(a.w + c);
    Pack<T, N> bias = packs::load<N>(a.bias + c);
    for (int i = 0; i < N; i++) {
      float normal = (widen(x.at[i]) - mean - shift) * scale;
      x.at[i] = narrow<T>(normal * widen(w.at[i]) + widen(bias.at[i]));
    }
    packs::store(a.out + row.begin + c, x);
  }
}

}  // namespace norms

template <typename T> __device__ void rms_norm(const RmsNorm<T>& a) {
  constexpr int N = VECTOR<T>;
  int index = blockIdx.x * (blockDim.x / a.threads) + threadIdx.x / a.threads;
  if (index >= a.rows) return;  // only warps that have a row alone
  norms::Row<T> row = shared_rows::row_of<T>(index, a.columns, a.threads);
  if (packs::fit<N>(a.x, a.columns) && packs::fit<N>(a.w, a.columns) && packs::fit<N>(a.out, a.columns)) {
    norms::rms_row<N>(a, row);
  } else {
    norms::rms_row<1>(a, row);
  }
}

template <typename T> __device__ void layer_norm(const LayerNorm<T>& a) {
  constexpr int N = VECTOR<T>;
  int index = blockIdx.x * (blockDim.x / a.threads) + threadIdx.x / a.threads;
  if (index >= a.rows) return;  // only warps that have a row alone
  norms::Row<T> row = shared_rows::row_of<T>(index, a.columns, a.threads);
  if (packs::fit<N>(a.x, a.columns) && packs::fit<N>(a.w, a.columns) && packs::fit<N>(a.bias, a.columns) &&
      packs::fit<N>(a.out, a.columns)) {
    norms::layer_row<N>(a, row);
  } else {
    norms::layer_row<1>(a, row);
  }
}

EXPORT_EACH_TYPE(rms_norm, RmsNorm, 512)
EXPORT_EACH_TYPE(layer_norm, LayerNorm, 512)

// Launch: R rows a block, `threads` for each of them; R is 1 unless `threads` is a warp's.
//   grid     ⌈rows / R⌉
//   threads  R · threads, whole warps and at most 512
//   shared   SCRATCH_BYTES (384) + R · columns · sizeof(T)
