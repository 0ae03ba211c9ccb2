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

using shared_rows::Share;
using shared_rows::Vectors;

template <int N, typename T> __device__ __forceinline__ void rms_row(const RmsNorm<T>& a, int index) {
  Share share = shared_rows::share_of<N>(a.columns, a.threads);
  int64_t begin = static_cast<int64_t>(index) * a.columns;
  Vectors<N, T> x(a.x + begin, share), w(a.w, share);
  float squares = 0;
  share.each([&](int k, int c) { squares = rms::add_squares(x.as_loaded(k, c), squares); });
  float sum = shared_rows::row_sum(squares, a.threads, shared_rows::scratch());
  float scale = rms::scale(sum, a.columns, a.epsilon);
  share.each([&](int k, int c) {
    packs::store(a.out + begin + c, rms::scaled(x.as_loaded(k, c), w.as_loaded(k, c), scale));
  });
}

template <int N, typename T> __device__ __forceinline__ void layer_row(const LayerNorm<T>& a, int index) {
  Share share = shared_rows::share_of<N>(a.columns, a.threads);
  int64_t begin = static_cast<int64_t>(index) * a.columns;
  Vectors<N, T> x(a.x + begin, share), w(a.w, share), bias(a.bias, share);
  float sum = 0;
  share.each([&](int k, int c) {
    Pack<T, N> here = x.as_loaded(k, c);
    for (int i = 0; i < N; i++) sum += widen(here.at[i]);
  });
  float mean = shared_rows::row_sum(sum, a.threads, shared_rows::scratch()) / a.columns;
  // The mean is rounded; what deviations from it still sum up to corrects it and the variance (Chan et al. 1983).
  float sums[2] = {};  // Of deviations, and of their squares.
  share.each([&](int k, int c) {
    Pack<T, N> here = x.as_loaded(k, c);
    for (int i = 0; i < N; i++) {
      float d = widen(here.at[i]) - mean;
      sums[0] += d;
      sums[1] += d * d;
    }
  });
  shared_rows::add_up(sums, a.threads, shared_rows::scratch() + shared_rows::SUMS);
  float shift = sums[0] / a.columns;
  float variance = sums[1] / a.columns - shift * shift;
  float scale = 1 / sqrtf(variance + a.epsilon);
  share.each([&](int k, int c) {
    Pack<T, N> out = x.as_loaded(k, c), gain = w.as_loaded(k, c), add = bias.as_loaded(k, c);
    for (int i = 0; i < N; i++) {
      float normal = (widen(out.at[i]) - mean - shift) * scale;
      out.at[i] = narrow<T>(normal * widen(gain.at[i]) + widen(add.at[i]));
    }
    packs::store(a.out + begin + c, out);
  });
}

}  // namespace norms

template <typename T> __device__ void rms_norm(const RmsNorm<T>& a) {
  constexpr int N = VECTOR<T>;
  int index = shared_rows::row_of(a.threads);
  if (index >= a.rows) return;  // only warps that have a row alone
  if (packs::fit<N>(a.x, a.columns) && packs::fit<N>(a.w, a.columns) && packs::fit<N>(a.out, a.columns)) {
    norms::rms_row<N>(a, index);
  } else {
    norms::rms_row<1>(a, index);
  }
}

template <typename T> __device__ void layer_norm(const LayerNorm<T>& a) {
  constexpr int N = VECTOR<T>;
  int index = shared_rows::row_of(a.threads);
  if (index >= a.rows) return;  // only warps that have a row alone
  if (packs::fit<N>(a.x, a.columns) && packs::fit<N>(a.w, a.columns) && packs::fit<N>(a.bias, a.columns) &&
      packs::fit<N>(a.out, a.columns)) {
    norms::layer_row<N>(a, index);
  } else {
    norms::layer_row<1>(a, index);
  }
}

EXPORT_EACH_TYPE_ALONE(rms_norm, RmsNorm, 512)
EXPORT_EACH_TYPE_ALONE(layer_norm, LayerNorm, 512)

// Launch: R rows a block, `threads` for each of them; R is 1 unless `threads` is a warp's.
//   grid     ⌈rows / R⌉
//   threads  R · threads, whole warps and at most 512
//   shared   SCRATCH_BYTES (512)
