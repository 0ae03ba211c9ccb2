// What every kernel builds on: element types, shared memory, and the form in which kernels are exported.
//
// A kernel is a __device__ function template over the element type T of activations and weights (float, float16,
// bfloat16) that takes one struct of arguments by value. Sums are float32. EXPORT_EACH_TYPE makes three __global__
// functions of it, named for the launcher: rms_norm_float32, rms_norm_float16, rms_norm_bfloat16.
//
// The same files compile with the host's C++ compiler, where emulation.h stands in for CUDA.
#pragma once

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>
#else
#include "emulation.h"
#endif

#ifdef __CUDACC__
typedef __nv_bfloat16 bfloat16;
typedef __half float16;

// This block's dynamic shared memory; its size is given at launch.
__device__ __forceinline__ unsigned char* shared_memory() {
  extern __shared__ __align__(128) unsigned char dynamic_shared_memory[];
  return dynamic_shared_memory;
}

__device__ __forceinline__ float widen(float x) { return x; }
__device__ __forceinline__ float widen(float16 x) { return __half2float(x); }
__device__ __forceinline__ float widen(bfloat16 x) { return __bfloat162float(x); }

// The nearest number of a type; halves go to the even one.
template <typename T> __device__ __forceinline__ T narrow(float x);
template <> __device__ __forceinline__ float narrow<float>(float x) { return x; }
template <> __device__ __forceinline__ float16 narrow<float16>(float x) { return __float2half_rn(x); }
template <> __device__ __forceinline__ bfloat16 narrow<bfloat16>(float x) { return __float2bfloat16_rn(x); }

// Makes a kernel known by name; only the emulation has to.
#define REGISTER(name, Arguments, threads, cluster_blocks)
#endif

constexpr int WARP = 32;
constexpr unsigned ALL_LANES = 0xffffffffu;

// N numbers that are loaded and stored in one access; addresses must be multiples of its size.
template <typename T, int N> struct alignas(sizeof(T) * N) Pack {
  T at[N];
};

// Numbers in 16 bytes.
template <typename T> constexpr int VECTOR = 16 / sizeof(T);

constexpr __host__ __device__ int ceil_div(int a, int b) { return (a + b - 1) / b; }

// Sums over a warp; every lane gets the sum. The order is fixed, so results repeat.
template <typename Number> __device__ __forceinline__ Number warp_sum(Number x) {
  for (int step = WARP / 2; step > 0; step /= 2) x += __shfl_xor_sync(ALL_LANES, x, step);
  return x;
}

__device__ __forceinline__ float warp_max(float x) {
  for (int step = WARP / 2; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, step));
  return x;
}

// Sums over a block of whole warps, at most 32; every thread gets the sum. `scratch` holds one float a warp, and may
// be used again once every thread has passed a further barrier.
__device__ __forceinline__ float block_sum(float x, float* scratch) {
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
  x = warp_sum(x);
  if (lane == 0) scratch[warp] = x;
  __syncthreads();
  int warps = blockDim.x / WARP;
  return warp_sum(lane < warps ? scratch[lane] : 0.0f);
}

// The same of the largest number.
__device__ __forceinline__ float block_max(float x, float* scratch) {
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
  x = warp_max(x);
  if (lane == 0) scratch[warp] = x;
  __syncthreads();
  int warps = blockDim.x / WARP;
  return warp_max(lane < warps ? scratch[lane] : -INFINITY);
}

#define EXPORT_WITH(attributes, name, kernel, Arguments, threads, cluster_blocks)              \
  extern "C" __global__ void attributes name(const __grid_constant__ Arguments a) { kernel(a); } \
  REGISTER(name, Arguments, threads, cluster_blocks)

// `kernel` is a __device__ function of one Arguments; `threads` the most that a block of it has.
#define EXPORT(name, kernel, Arguments, threads) \
  EXPORT_WITH(__launch_bounds__(threads), name, kernel, Arguments, threads, 1)

// For kernels whose blocks may take all registers of a multiprocessor, if they need them.
#define EXPORT_ALONE(name, kernel, Arguments, threads) \
  EXPORT_WITH(__launch_bounds__(threads, 1), name, kernel, Arguments, threads, 1)

// Of blocks that run in clusters, which compute capability 9.0 has; so many that a multiprocessor has registers for.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
#define CLUSTER(blocks)
#else
#define CLUSTER(blocks) __cluster_dims__(blocks, 1, 1)
#endif
#define EXPORT_CLUSTERS(name, kernel, Arguments, threads, blocks, each) \
  EXPORT_WITH(CLUSTER(blocks) __launch_bounds__(threads, each), name, kernel, Arguments, threads, blocks)

// Of pairs of blocks that may take all registers of a multiprocessor.
#define EXPORT_PAIRS(name, kernel, Arguments, threads) EXPORT_CLUSTERS(name, kernel, Arguments, threads, 2, 1)

// Here Arguments is a struct template over the element type, as the kernel is.
#define EXPORT_EACH_TYPE(kernel, Arguments, threads)                         \
  EXPORT(kernel##_float32, kernel<float>, Arguments<float>, threads)         \
  EXPORT(kernel##_float16, kernel<float16>, Arguments<float16>, threads)     \
  EXPORT(kernel##_bfloat16, kernel<bfloat16>, Arguments<bfloat16>, threads)

// For kernels that keep much in registers: with no number of blocks to make room for, the compiler spills none.
#define EXPORT_EACH_TYPE_ALONE(kernel, Arguments, threads)                     \
  EXPORT_ALONE(kernel##_float32, kernel<float>, Arguments<float>, threads)     \
  EXPORT_ALONE(kernel##_float16, kernel<float16>, Arguments<float16>, threads) \
  EXPORT_ALONE(kernel##_bfloat16, kernel<bfloat16>, Arguments<bfloat16>, threads)

// For kernels that need tensor cores.
#define EXPORT_SHORT_TYPES(kernel, Arguments, threads)                       \
  EXPORT(kernel##_float16, kernel<float16>, Arguments<float16>, threads)     \
  EXPORT(kernel##_bfloat16, kernel<bfloat16>, Arguments<bfloat16>, threads)
