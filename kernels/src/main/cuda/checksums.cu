// Reads memory, and does next to nothing else: out[i] is the exclusive or of the words of the i-th of as many equal
// parts as there are blocks.
#include "packs.cuh"

struct Checksums {
  const unsigned char* x;  // (blocks, bytes)
  unsigned* out;           // (blocks)
  int64_t bytes;           // of a part, a multiple of 16
};

namespace reading {

constexpr int THREADS = 256;
constexpr int DEEP = 4;  // accesses a thread has on their way
constexpr int WIDTH = 16;

__device__ __forceinline__ unsigned load(const unsigned char* at, bool aligned) {
  if (aligned) {
    Pack<unsigned, 4> words = packs::load<4>(reinterpret_cast<const unsigned*>(at));
    return words.at[0] ^ words.at[1] ^ words.at[2] ^ words.at[3];
  }
  unsigned all = 0;
  for (int i = 0; i < WIDTH; i++) all ^= static_cast<unsigned>(at[i]) << i % 4 * 8;
  return all;
}

__device__ void checksums(const Checksums& a) {
  unsigned* warps = reinterpret_cast<unsigned*>(shared_memory());
  const unsigned char* part = a.x + static_cast<int64_t>(blockIdx.x) * a.bytes;
  bool aligned = reinterpret_cast<uintptr_t>(a.x) % WIDTH == 0;
  unsigned all = 0;
  for (int64_t from = threadIdx.x * WIDTH; from < a.bytes; from += DEEP * THREADS * WIDTH) {
    unsigned words[DEEP] = {};
#pragma unroll
    for (int d = 0; d < DEEP; d++) {
      int64_t at = from + d * THREADS * WIDTH;
      if (at < a.bytes) words[d] = load(part + at, aligned);
    }
#pragma unroll
    for (int d = 0; d < DEEP; d++) all ^= words[d];
  }
  for (int step = WARP / 2; step > 0; step /= 2) all ^= __shfl_xor_sync(ALL_LANES, all, step);
  if (threadIdx.x % WARP == 0) warps[threadIdx.x / WARP] = all;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int warp = 1; warp < THREADS / WARP; warp++) all ^= warps[warp];
    a.out[blockIdx.x] = all;
  }
}

}  // namespace reading

EXPORT(checksums, reading::checksums, Checksums, reading::THREADS)

// Launch: as many blocks as there are parts, 256 threads, 32 bytes of shared memory.
