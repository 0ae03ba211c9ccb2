// Choosing rows one after the other in one block: the highest rank of those that are left, and what was chosen at last.
#pragma once

#include "radix.cuh"

namespace greedy {

constexpr int THREADS = 1024;
constexpr int WARPS = THREADS / WARP;
constexpr int AHEAD = 3;  // products a thread has on their way: of LLaVA-NeXT's 2880 rows, all

// Ranks of rows that are chosen already, and of those without a number; all of radix::ordered are above.
constexpr unsigned CHOSEN = 0;
constexpr unsigned NOT_A_NUMBER = 1;

struct Candidate {
  unsigned rank;
  unsigned row;
};

__device__ __forceinline__ Candidate none() { return {CHOSEN, ~0u}; }

// Of two, the one that ranks higher, or among equals the lower row.
__device__ __forceinline__ Candidate better(Candidate a, unsigned rank, int row) {
  return rank > a.rank ? Candidate{rank, static_cast<unsigned>(row)} : a;
}

// What the choices of a block share.
struct Shared {
  Candidate candidates[2][WARPS];  // of a step and of the next, which some warps are at already
  int counts[WARPS];
};
static_assert(sizeof(Shared) == 640, "CudaGreedySelection asks for as much");

__device__ __forceinline__ Candidate best_of_warp(Candidate own) {
  unsigned rank = __reduce_max_sync(ALL_LANES, own.rank);
  return {rank, __reduce_min_sync(ALL_LANES, own.rank == rank ? own.row : ~0u)};
}

// The best of the block's candidates, for every thread; what threads wrote before is there for all of them.
__device__ __forceinline__ Candidate best_of_block(Candidate own, int step, Shared& shared) {
  Candidate* candidates = shared.candidates[step % 2];
  own = best_of_warp(own);
  if (threadIdx.x % WARP == 0) candidates[threadIdx.x / WARP] = own;
  __syncthreads();
  return best_of_warp(candidates[threadIdx.x % WARP]);
}

// Calls work(row, products[row]) for this thread's rows, whose products are all sent for before they are used.
template <typename Work>
__device__ __forceinline__ void each_row(const float* products, int rows, Work work) {
  for (int first = threadIdx.x; first < rows; first += THREADS * AHEAD) {
    float own[AHEAD];
#pragma unroll
    for (int k = 0; k < AHEAD; k++) own[k] = first + k * THREADS < rows ? products[first + k * THREADS] : 0.0f;
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      if (first + k * THREADS < rows) work(first + k * THREADS, own[k]);
    }
  }
}

// The rows for which chosen(row) holds, ascending.
template <typename Chosen>
__device__ __forceinline__ void write_places(int rows, Chosen chosen, Shared& shared, int* out) {
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, each = ceil_div(rows, THREADS) * WARP;
  int begin = min(warp * each, rows), end = min(begin + each, rows), count = 0;
  auto marks = [&](int run) { return __ballot_sync(ALL_LANES, run + lane < end && chosen(run + lane)); };
  __syncthreads();
  for (int run = begin; run < end; run += WARP) count += __popc(marks(run));
  if (lane == 0) shared.counts[warp] = count;
  __syncthreads();
  int at = radix::warp_total(lane < warp ? shared.counts[lane] : 0);
  for (int run = begin; run < end; run += WARP) {
    unsigned here = marks(run);
    if ((here >> lane & 1) != 0) out[at + __popc(here & ((1u << lane) - 1))] = run + lane;
    at += __popc(here);
  }
}

}  // namespace greedy
