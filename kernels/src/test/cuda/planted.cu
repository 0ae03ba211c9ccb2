// Kernels with a planted fault each, and beside each its correct twin: the emulation has to find the one and leave the
// other alone.
#include "hopper.cuh"
#include "last_block.cuh"

namespace planted {

struct Arguments {
  const int* in;
  int* out;
  int count;
};

// Two warps write one place; `in_order` has a barrier between them.
template <bool in_order> __device__ void race(Arguments a) {
  if (threadIdx.x == 0) a.out[0] = 1;
  if (in_order) __syncthreads();
  if (threadIdx.x == blockDim.x - 1) a.out[0] = 2;
}

// The sum of one number a thread by halving steps in shared memory.
template <bool barriers> __device__ void tree_sum(Arguments a) {
  int* sums = reinterpret_cast<int*>(shared_memory());
  sums[threadIdx.x] = a.in[threadIdx.x];
  __syncthreads();
  for (int step = blockDim.x / 2; step > 0; step /= 2) {
    if (threadIdx.x < step) sums[threadIdx.x] += sums[threadIdx.x + step];
    if (barriers) __syncthreads();
  }
  if (threadIdx.x == 0) a.out[0] = sums[0];
}

// Fills count numbers, or one more.
template <bool too_many> __device__ void fill(Arguments a) {
  int count = a.count + (too_many ? 1 : 0);
  for (int i = threadIdx.x; i < count; i += blockDim.x) a.out[i] = i;
}

// Copies count numbers, from one place too far on or not.
template <bool too_far> __device__ void copy(Arguments a) {
  for (int i = threadIdx.x; i < a.count; i += blockDim.x) a.out[i] = a.in[i + (too_far ? 1 : 0)];
}

// Turns around one number a thread in shared memory, written at its place or one behind it.
template <bool behind> __device__ void turn(Arguments a) {
  int* numbers = reinterpret_cast<int*>(shared_memory());
  numbers[threadIdx.x + (behind ? 1 : 0)] = a.in[threadIdx.x];
  __syncthreads();
  a.out[blockDim.x - 1 - threadIdx.x] = numbers[threadIdx.x];
}

// The first warp goes through a barrier of its own.
template <bool divergent> __device__ void meet(Arguments a) {
  if (divergent && threadIdx.x < WARP) {
    __syncthreads();
    a.out[threadIdx.x] = 1;
  } else {
    a.out[threadIdx.x] = 1;
    __syncthreads();
  }
}

// Sums over a warp with some lanes left out of it.
template <bool lanes_missing> __device__ void vote(Arguments a) {
  unsigned lanes = 0;
  if (!lanes_missing || threadIdx.x % WARP != 3) lanes = __ballot_sync(ALL_LANES, a.in[threadIdx.x] > 0);
  a.out[threadIdx.x] = static_cast<int>(lanes);
}

// Four numbers a thread through shared memory, waited for or not.
template <bool awaited> __device__ void stage(Arguments a) {
  int* numbers = reinterpret_cast<int*>(shared_memory());
  copy_async(numbers + 4 * threadIdx.x, a.in + 4 * threadIdx.x, true);
  copies_sent();
  if (awaited) copies_arrived<0>();
  __syncthreads();
  for (int i = threadIdx.x; i < 4 * blockDim.x; i += blockDim.x) a.out[i] = numbers[i];
}

// Adds up what all blocks leave behind out[0], the sum, and out[1], a count: the last block to come does, or the one of
// the highest number, which need not be the last.
template <bool highest> __device__ void sum_blocks(Arguments a) {
  if (threadIdx.x == 0) a.out[2 + blockIdx.x] = a.in[blockIdx.x];
  unsigned* before = reinterpret_cast<unsigned*>(shared_memory());
  bool last = is_last_block(reinterpret_cast<unsigned*>(a.out + 1), gridDim.x, before);
  if (highest) last = blockIdx.x == gridDim.x - 1;
  if (!last || threadIdx.x != 0) return;
  a.out[0] = 0;
  for (int block = 0; block < gridDim.x; block++) a.out[0] += a.out[2 + block];
}

// The same with source addresses that are no multiple of 16.
__device__ void stage_misaligned(Arguments a) {
  copy_async(shared_memory(), a.in + 1, true);
  copies_sent();
  copies_arrived<0>();
}

// 32 rows of 32 numbers through shared memory by the copy engine, waited for or not.
template <bool awaited> __device__ void fetch(Arguments a) {
  unsigned char* box = hopper::first_box();
  uint64_t* there = reinterpret_cast<uint64_t*>(box + 4096);
  TensorMap map{reinterpret_cast<uint64_t>(a.in), {64, 32, 1, 1}, {128}, {64, 32, 1, 1}, 2, TensorMap::MADE, 2, {}};
  if (threadIdx.x == 0) barrier_init(there, 1);
  barriers_made();
  __syncthreads();
  if (threadIdx.x == 0) {
    barrier_expect(there, 4096);
    copy_box(box, &map, 0, 0, there);
  }
  if (awaited) barrier_wait(there, 0);
  for (int i = threadIdx.x; i < 1024; i += blockDim.x) {
    int row = i / 32, chunk = i % 32 / 4 ^ row % 8;
    a.out[i] = reinterpret_cast<const int*>(box + row * 128 + chunk * 16)[i % 4];
  }
}

// Sums of 16 ones by the product of a warpgroup, read when it is done or before.
template <bool awaited> __device__ void multiply(Arguments a) {
  unsigned char* box = hopper::first_box();
  for (int i = threadIdx.x; i < 128 * 32; i += blockDim.x) reinterpret_cast<unsigned*>(box)[i] = 0x3f803f80;
  __syncthreads();
  float sums[16][4] = {};
  products_begin(sums);
  multiply_rows<bfloat16>(sums, box, box, false);
  products_sent();
  if (awaited) products_arrived<0>(sums);
  a.out[threadIdx.x] = static_cast<int>(sums[threadIdx.x % 16][threadIdx.x % 4]);
}

// All wait for a barrier that the first thread arrives at, and nobody else.
template <bool too_few> __device__ void await(Arguments a) {
  uint64_t* barrier = reinterpret_cast<uint64_t*>(hopper::first_box());
  if (threadIdx.x == 0) barrier_init(barrier, too_few ? 2 : 1);
  barriers_made();
  __syncthreads();
  if (threadIdx.x == 0) barrier_arrive(barrier);
  barrier_wait(barrier, 0);
  a.out[threadIdx.x] = 1;
}

// Each block of a pair arrives at the other's barrier, and stays until the other has come, or doesn't.
template <bool stays> __device__ void visit(Arguments a) {
  uint64_t* barrier = reinterpret_cast<uint64_t*>(hopper::first_box());
  if (threadIdx.x == 0) {
    barrier_init(barrier, 1);
    cluster_barriers_made();
  }
  cluster_sync();
  if (threadIdx.x == 0) barrier_arrive(barrier, 1 - block_of_cluster());
  if (stays) barrier_wait(barrier, 0);
  if (blockIdx.x == 0) a.out[threadIdx.x] = 1;
}

// What cluster_sync stands for: that all blocks have begun, and that all have stored.
enum class Left { NOTHING, FIRST, LAST };

// Each block of a pair stores a number a thread in the other's shared memory; the first hands on what it has got.
template <Left left_out> __device__ void exchange(Arguments a) {
  int* numbers = reinterpret_cast<int*>(shared_memory());
  if (left_out != Left::FIRST) cluster_sync();
  store_to_block(numbers + threadIdx.x, 1 - block_of_cluster(), a.in[threadIdx.x]);
  if (left_out != Left::LAST) cluster_sync();
  if (blockIdx.x == 0) a.out[threadIdx.x] = numbers[threadIdx.x];
}

}  // namespace planted

EXPORT(planted_race, planted::race<false>, planted::Arguments, 1024)
EXPORT(correct_race, planted::race<true>, planted::Arguments, 1024)
EXPORT(planted_missing_barrier, planted::tree_sum<false>, planted::Arguments, 1024)
EXPORT(correct_missing_barrier, planted::tree_sum<true>, planted::Arguments, 1024)
EXPORT(planted_global_write, planted::fill<true>, planted::Arguments, 1024)
EXPORT(correct_global_write, planted::fill<false>, planted::Arguments, 1024)
EXPORT(planted_global_read, planted::copy<true>, planted::Arguments, 1024)
EXPORT(correct_global_read, planted::copy<false>, planted::Arguments, 1024)
EXPORT(planted_shared_write, planted::turn<true>, planted::Arguments, 1024)
EXPORT(correct_shared_write, planted::turn<false>, planted::Arguments, 1024)
EXPORT(planted_divergent_barrier, planted::meet<true>, planted::Arguments, 1024)
EXPORT(correct_divergent_barrier, planted::meet<false>, planted::Arguments, 1024)
EXPORT(planted_missing_lanes, planted::vote<true>, planted::Arguments, 1024)
EXPORT(correct_missing_lanes, planted::vote<false>, planted::Arguments, 1024)
EXPORT(planted_missing_wait, planted::stage<false>, planted::Arguments, 1024)
EXPORT(correct_missing_wait, planted::stage<true>, planted::Arguments, 1024)
EXPORT(planted_last_block, planted::sum_blocks<true>, planted::Arguments, 1024)
EXPORT(correct_last_block, planted::sum_blocks<false>, planted::Arguments, 1024)
EXPORT(planted_misaligned, planted::stage_misaligned, planted::Arguments, 1024)
EXPORT(correct_small_block, planted::meet<false>, planted::Arguments, 128)
EXPORT(planted_missing_box_wait, planted::fetch<false>, planted::Arguments, 1024)
EXPORT(correct_missing_box_wait, planted::fetch<true>, planted::Arguments, 1024)
EXPORT(planted_missing_product_wait, planted::multiply<false>, planted::Arguments, 1024)
EXPORT(correct_missing_product_wait, planted::multiply<true>, planted::Arguments, 1024)
EXPORT(planted_missing_arrival, planted::await<true>, planted::Arguments, 1024)
EXPORT(correct_missing_arrival, planted::await<false>, planted::Arguments, 1024)
EXPORT_PAIRS(planted_early_end, planted::visit<false>, planted::Arguments, 512)
EXPORT_PAIRS(correct_early_end, planted::visit<true>, planted::Arguments, 512)
EXPORT_PAIRS(planted_early_store, planted::exchange<planted::Left::FIRST>, planted::Arguments, 512)
EXPORT_PAIRS(planted_late_store, planted::exchange<planted::Left::LAST>, planted::Arguments, 512)
EXPORT_PAIRS(correct_store, planted::exchange<planted::Left::NOTHING>, planted::Arguments, 512)
