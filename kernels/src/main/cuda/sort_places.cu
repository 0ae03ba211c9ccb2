// The places of numbers in ascending order, the lower place first among equals: a number goes behind all that are
// smaller, and behind its equals before it. A block has 32 numbers, one a lane, and each of its warps counts in a part
// of all.
#include "device.cuh"

struct SortPlaces {
  const int* x;  // (count)
  int* out;      // (count)
  int count;
};

namespace sorting {

constexpr int THREADS = 256;
constexpr int WARPS = THREADS / WARP;

__device__ void run(const SortPlaces& a) {
  int* counts = reinterpret_cast<int*>(shared_memory());  // (WARPS, WARP)
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
  int own = blockIdx.x * WARP + lane, each = ceil_div(a.count, WARPS);
  int x = a.x[min(own, a.count - 1)], before = 0;
#pragma unroll 8
  for (int i = warp * each; i < min((warp + 1) * each, a.count); i++) {
    int other = a.x[i];
    before += other < x || (other == x && i < own) ? 1 : 0;
  }
  counts[threadIdx.x] = before;
  __syncthreads();
  if (warp > 0 || own >= a.count) return;
  for (int w = 1; w < WARPS; w++) before += counts[w * WARP + lane];
  a.out[before] = own;
}

}  // namespace sorting

EXPORT(sort_places, sorting::run, SortPlaces, sorting::THREADS)

// Launch: grid ⌈count / 32⌉, 256 threads, 1024 bytes of shared memory.
