// Gradients of the norms in norms.cu.
//
//   rms_norm_gradient     dx += scale·(g - x·scale²·mean(g∘x)), where g = dy∘w and scale = 1 / √(mean(x²) + epsilon)
//   layer_norm_gradient   dx += scale·(g - mean(g) - n·mean(g∘n)), where n = (x - mean)·scale is the row normalised
//   norm_weight_gradient  dw += Σ over rows of dy∘n, d_bias += Σ over rows of dy; for both norms
//
// The first two have a block a row, and leave for the third what it takes to normalise a row.
#include "column_sums.cuh"
#include "rms.cuh"

// n = ((x - mean) - shift)·scale. The mean is rounded; shift is what that left out.
struct NormStatistics {
  float mean, shift, scale;
};

template <typename T> struct NormGradient {
  const T* x;                  // (rows, columns)
  const T* w;                  // (columns)
  const T* dy;                 // (rows, columns)
  T* dx;                       // (rows, columns)
  NormStatistics* statistics;  // (rows)
  int columns;
  float epsilon;
};

template <typename T> struct NormWeightGradient {
  const T* x;                        // (rows, columns)
  const T* dy;                       // (rows, columns)
  const NormStatistics* statistics;  // (rows)
  float* dw;                         // (columns), or null
  float* d_bias;                     // (columns), or null
  int rows, columns;
};

namespace norm_gradients {

constexpr int THREADS = 512;

// Sums over the block, one after the other; each has floats of its own, since a sum may begin while others still read
// the one before.
struct Sums {
  float* scratch;

  __device__ __forceinline__ float next(float x) {
    float sum = block_sum(x, scratch);
    scratch += WARP;
    return sum;
  }
};

// A block's row.
template <typename T> struct Row {
  const T* x;
  const T* dy;
  T* dx;
};

template <typename T> __device__ __forceinline__ Row<T> row_of(const NormGradient<T>& a) {
  int64_t begin = static_cast<int64_t>(blockIdx.x) * a.columns;
  return {a.x + begin, a.dy + begin, a.dx + begin};
}

template <typename T> __device__ __forceinline__ bool aligned(const NormGradient<T>& a) {
  constexpr int N = VECTOR<T>;
  return packs::fit<N>(a.x, a.columns) && packs::fit<N>(a.w, a.columns) && packs::fit<N>(a.dy, a.columns) &&
         packs::fit<N>(a.dx, a.columns);
}

template <int N, typename T> __device__ void rms_row(const NormGradient<T>& a) {
  Row<T> row = row_of(a);
  Sums sums{reinterpret_cast<float*>(shared_memory())};
  int first = threadIdx.x * N, step = blockDim.x * N;
  float squares = 0, products = 0;
  for (int c = first; c < a.columns; c += step) {
    Pack<T, N> x = packs::load<N>(row.x + c), w = packs::load<N>(a.w + c), dy = packs::load<N>(row.dy + c);
    squares = rms::add_squares(x, squares);
    for (int i = 0; i < N; i++) products += widen(dy.at[i]) * widen(w.at[i]) * widen(x.at[i]);
  }
  float scale = rms::scale(sums.next(squares), a.columns, a.epsilon);
  // In this order neither factor leaves float32 where the row is tiny or huge.
  float along = sums.next(products) * scale / a.columns * scale;
  for (int c = first; c < a.columns; c += step) {
    Pack<T, N> x = packs::load<N>(row.x + c), w = packs::load<N>(a.w + c), dy = packs::load<N>(row.dy + c);
    Pack<T, N> dx = packs::load<N>(row.dx + c);
    for (int i = 0; i < N; i++) {
      float here = scale * (widen(dy.at[i]) * widen(w.at[i]) - widen(x.at[i]) * along);
      dx.at[i] = narrow<T>(widen(dx.at[i]) + here);
    }
    packs::store(row.dx + c, dx);
  }
  if (threadIdx.x == 0) a.statistics[blockIdx.x] = {0.0f, 0.0f, scale};
}

template <int N, typename T> __device__ void layer_row(const NormGradient<T>& a) {
  Row<T> row = row_of(a);
  Sums sums{reinterpret_cast<float*>(shared_memory())};
  int first = threadIdx.x * N, step = blockDim.x * N;
  float total = 0;
  for (int c = first; c < a.columns; c += step) {
    Pack<T, N> x = packs::load<N>(row.x + c);
    for (int i = 0; i < N; i++) total += widen(x.at[i]);
  }
  float mean = sums.next(total) / a.columns;
  float deviations = 0, squares = 0, gradients = 0, products = 0;
  for (int c = first; c < a.columns; c += step) {
    Pack<T, N> x = packs::load<N>(row.x + c), w = packs::load<N>(a.w + c), dy = packs::load<N>(row.dy + c);
    for (int i = 0; i < N; i++) {
      float d = widen(x.at[i]) - mean, g = widen(dy.at[i]) * widen(w.at[i]);
      deviations += d;
      squares += d * d;
      gradients += g;
      products += g * d;
    }
  }
  float shift = sums.next(deviations) / a.columns;
  float variance = sums.next(squares) / a.columns - shift * shift;
  float scale = 1 / sqrtf(variance + a.epsilon);
  float gradient = sums.next(gradients) / a.columns;
  float along = (sums.next(products) / a.columns - shift * gradient) * scale;
  for (int c = first; c < a.columns; c += step) {
    Pack<T, N> x = packs::load<N>(row.x + c), w = packs::load<N>(a.w + c), dy = packs::load<N>(row.dy + c);
    Pack<T, N> dx = packs::load<N>(row.dx + c);
    for (int i = 0; i < N; i++) {
      float normal = (widen(x.at[i]) - mean - shift) * scale;
      float here = scale * (widen(dy.at[i]) * widen(w.at[i]) - gradient - normal * along);
      dx.at[i] = narrow<T>(widen(dx.at[i]) + here);
    }
    packs::store(row.dx + c, dx);
  }
  if (threadIdx.x == 0) a.statistics[blockIdx.x] = {mean, shift, scale};
}

}  // namespace norm_gradients

template <typename T> __device__ void rms_norm_gradient(const NormGradient<T>& a) {
  if (norm_gradients::aligned(a)) {
    norm_gradients::rms_row<VECTOR<T>>(a);
  } else {
    norm_gradients::rms_row<1>(a);
  }
}

template <typename T> __device__ void layer_norm_gradient(const NormGradient<T>& a) {
  if (norm_gradients::aligned(a)) {
    norm_gradients::layer_row<VECTOR<T>>(a);
  } else {
    norm_gradients::layer_row<1>(a);
  }
}

template <typename T> __device__ void norm_weight_gradient(const NormWeightGradient<T>& a) {
  int column = column_sums::column();
  float weight = 0, bias = 0;
  if (column < a.columns) {
    for (int row = threadIdx.x / WARP; row < a.rows; row += column_sums::WARPS) {
      int64_t at = static_cast<int64_t>(row) * a.columns + column;
      NormStatistics of = a.statistics[row];
      float dy = widen(a.dy[at]);
      weight += dy * ((widen(a.x[at]) - of.mean - of.shift) * of.scale);
      bias += dy;
    }
  }
  float* scratch = reinterpret_cast<float*>(shared_memory());
  column_sums::add(weight, scratch, a.dw, a.columns);
  column_sums::add(bias, scratch + column_sums::SCRATCH, a.d_bias, a.columns);
}

EXPORT_EACH_TYPE(rms_norm_gradient, NormGradient, norm_gradients::THREADS)
EXPORT_EACH_TYPE(layer_norm_gradient, NormGradient, norm_gradients::THREADS)
EXPORT_EACH_TYPE(norm_weight_gradient, NormWeightGradient, column_sums::THREADS)

// Launch:
//   rms_norm_gradient, layer_norm_gradient  grid (rows), whole warps and at most 512 threads, 640 bytes of shared memory
//   norm_weight_gradient                    grid (⌈columns / 32⌉), 256 threads, 2048 bytes of shared memory
