// The gradient of a linear layer's bias: out[c] += Σ over rows of dy[row][c].
#include "column_sums.cuh"

template <typename T> struct LinearBias {
  const T* dy;  // (rows, columns)
  float* out;   // (columns)
  int rows, columns;
};

template <typename T> __device__ void linear_bias(const LinearBias<T>& a) {
  int column = column_sums::column();
  float sum = 0;
  if (column < a.columns) {
    for (int row = threadIdx.x / WARP; row < a.rows; row += column_sums::WARPS) {
      sum += widen(a.dy[static_cast<int64_t>(row) * a.columns + column]);
    }
  }
  column_sums::add(sum, reinterpret_cast<float*>(shared_memory()), a.out, a.columns);
}

EXPORT_EACH_TYPE(linear_bias, LinearBias, column_sums::THREADS)

// Launch: grid ⌈columns / 32⌉, 256 threads, 1024 bytes of shared memory.
