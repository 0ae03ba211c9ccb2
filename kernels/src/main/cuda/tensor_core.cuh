// The instructions of sm_80 that C++ has no word for. Each has a host version in emulation.h.
//
// Fragments of the 16×8×16 product, for lane l with g = l / 4 and t = l % 4; a register holds two neighbours along k:
//   A (16×16, row-major)  a[0] (g, 2t)  a[1] (g+8, 2t)  a[2] (g, 2t+8)  a[3] (g+8, 2t+8)
//   B (16×8, k × n)       b[0] (2t, g)  b[1] (2t+8, g)
//   C, D (16×8)           d[0], d[1] (g, 2t), (g, 2t+1)   d[2], d[3] (g+8, 2t), (g+8, 2t+1)
#pragma once

#include "device.cuh"

#ifdef __CUDACC__

// d += a · b.
template <typename T> __device__ void multiply_add(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]);

template <>
__device__ __forceinline__ void multiply_add<bfloat16>(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

template <>
__device__ __forceinline__ void multiply_add<float16>(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Four 8×8 matrices of two-byte numbers from shared memory. Lane l names row l % 8 of matrix l / 8, 16 bytes at a
// multiple of 16; register i of lane l gets row l / 4 of matrix i, columns 2(l % 4) and the next.
__device__ __forceinline__ void load_matrices(unsigned (&r)[4], const void* row) {
  unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at)
               : "memory");
}

// The same with each matrix transposed: register i of lane l gets column l / 4 of matrix i, rows 2(l % 4) and the next.
__device__ __forceinline__ void load_matrices_transposed(unsigned (&r)[4], const void* row) {
  unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at)
               : "memory");
}

// 16 bytes from global to shared memory, on their way until copies_arrived; zeros, and no read, unless `inside`.
__device__ __forceinline__ void copy_async(void* shared, const void* global, bool inside) {
  unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  int bytes = inside ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(global), "r"(bytes) : "memory");
}

// Ends a group of this thread's copies.
__device__ __forceinline__ void copies_sent() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most `pending` of this thread's groups are on their way; other threads' need a barrier as well.
template <int pending> __device__ __forceinline__ void copies_arrived() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

// Two numbers rounded into one register, the first in its low half.
template <typename T> __device__ unsigned pack_two(float low, float high);

template <> __device__ __forceinline__ unsigned pack_two<bfloat16>(float low, float high) {
  __nv_bfloat162 two = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<unsigned*>(&two);
}

template <> __device__ __forceinline__ unsigned pack_two<float16>(float low, float high) {
  __half2 two = __floats2half2_rn(low, high);
  return *reinterpret_cast<unsigned*>(&two);
}

#endif
