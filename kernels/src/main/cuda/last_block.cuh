// Finding the last of several blocks, which goes on with what all of them left in global memory.
#pragma once

#include "device.cuh"

// Whether this block is the last of `blocks` to call this; what the others wrote before they did is there for all of
// its threads. Every thread of the block calls it and gets the answer. `arrived` is 0 before the first block comes and
// again behind the last, so that the next launch, or the next run of a graph, begins alike. `before` is a word of
// shared memory for this alone.
//
// As in a barrier of the whole grid, one thread's fences stand for its block's: what is ordered before it by
// __syncthreads comes before the count, and the count before what is ordered behind it.
__device__ __forceinline__ bool is_last_block(unsigned* arrived, unsigned blocks, unsigned* before) {
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    *before = atomicAdd(arrived, 1u);
    if (*before == blocks - 1) *arrived = 0;
    __threadfence();
  }
  __syncthreads();
  return *before == blocks - 1;
}
