// The sum of squares of float32 numbers, in float64: one sum a block, which the host adds up in their order.
#include "device.cuh"

struct SquaredNorm {
  const float* x;  // (count)
  double* sums;    // (blocks)
  int64_t count;
};

namespace norms {

__device__ void squared_norm(const SquaredNorm& a) {
  double* scratch = reinterpret_cast<double*>(shared_memory());
  int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  double sum = 0;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < a.count; i += step) {
    double x = a.x[i];
    sum += x * x;
  }
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
  sum = warp_sum(sum);
  if (lane == 0) scratch[warp] = sum;
  __syncthreads();
  int warps = blockDim.x / WARP;
  sum = warp_sum(lane < warps ? scratch[lane] : 0.0);
  if (threadIdx.x == 0) a.sums[blockIdx.x] = sum;
}

}  // namespace norms

EXPORT(squared_norm, norms::squared_norm, SquaredNorm, 256)

// Launch: any grid, whole warps and at most 256 threads, 64 bytes of shared memory.
