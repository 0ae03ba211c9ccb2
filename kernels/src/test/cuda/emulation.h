// CUDA for the host: enough of it that the kernels in src/main/cuda compile unchanged with a C++ compiler and run.
//
// Blocks run one after another in random order. Each thread of a block is a fiber that runs until it meets a barrier,
// a warp-wide operation or an atomic; which fiber goes on is drawn at random, from a seed, so that code which lacks a
// barrier, or whose threads race, gives other results for other seeds. Shared memory begins as NaN in every block.
// An asynchronous copy arrives at once or when it is waited for, as the seed has it.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "arguments.h"

using std::isnan;
using std::max;
using std::min;

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) alignas(n)

struct uint2 { unsigned x, y; };
struct uint4 { unsigned x, y, z, w; };
struct float2 { float x, y; };
struct float4 { float x, y, z, w; };

namespace emulation {

struct Place { unsigned x, y, z; };

// Which thread of its block a fiber is.
struct Thread {
  Place index;
  unsigned warp, lane;
};

// The running thread and what is around it.
struct Scene {
  Thread* thread;
  Place block, block_size, grid_size;
};

extern Scene scene __attribute__((visibility("hidden")));

constexpr int LANES = 32;

// What a warp does together, once all lanes of `mask` are there: in and out hold one pointer a lane, null for lanes
// outside of it; `what` is that of the last lane to come. Lanes that exited or never come are an error.
typedef void (*Together)(const void* const* in, void* const* out, unsigned mask, const void* what);
void together(unsigned mask, const void* in, void* out, Together work, const void* what);

// A barrier of the block; where it stands, so that threads that meet at different ones are found.
void barrier(const char* file, int line);

// Lets other fibers run, sometimes.
void perhaps_yield();

unsigned char* shared_memory();

void copy_async(void* shared, const void* global, bool inside);
void copies_sent();
void copies_arrived(int pending);

// Kernels by name, with the function that calls one with its struct of arguments.
typedef void (*Entry)(const void* arguments);
struct Registration {
  Registration(const char* name, Entry entry, unsigned argument_bytes, std::vector<Pointer> pointers,
               unsigned max_threads);
};

struct Launch {
  Place grid, block;
  unsigned shared_bytes;
};

// The kernel of that name, or null.
const struct Kernel* find(const char* name);
unsigned argument_bytes(const Kernel* kernel);
const std::vector<Pointer>& pointers(const Kernel* kernel);
// The most threads a block of it may have, as it was compiled.
unsigned max_threads(const Kernel* kernel);

// Runs a kernel to its end. Returns null, or what it did that no GPU would let pass (a barrier not all threads reach, a
// write behind its shared memory).
const char* run(const Kernel* kernel, const Launch& launch, const void* arguments);

// Where random scheduling starts for the launches to come.
void seed(uint64_t seed);

}  // namespace emulation

#define threadIdx (emulation::scene.thread->index)
#define blockIdx (emulation::scene.block)
#define blockDim (emulation::scene.block_size)
#define gridDim (emulation::scene.grid_size)

#define REGISTER(name, Arguments, threads)                                                            \
  static emulation::Registration registration_of_##name(                                             \
      #name, [](const void* a) { name(*static_cast<const Arguments*>(a)); }, sizeof(Arguments), \
      emulation::pointers_of<Arguments>(), threads);

// Element types ------------------------------------------------------------------------------------------------------

struct bfloat16 { uint16_t bits; };
struct float16 { uint16_t bits; };

inline float widen(float x) { return x; }
inline float widen(bfloat16 x) {
  uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float wide;
  memcpy(&wide, &bits, 4);
  return wide;
}
inline float widen(float16 x) {
  // The exponent's bias differs by 112; infinity and NaN have every exponent bit set.
  uint32_t magnitude = static_cast<uint32_t>(x.bits & 0x7fff) << 13;
  float wide;
  memcpy(&wide, &magnitude, 4);
  wide *= 0x1p112f;
  uint32_t bits;
  memcpy(&bits, &wide, 4);
  bits |= (magnitude >= 0x7c00u << 13 ? 0x7f800000u : 0u) | static_cast<uint32_t>(x.bits & 0x8000) << 16;
  memcpy(&wide, &bits, 4);
  return wide;
}

template <typename T> T narrow(float x);
template <> inline float narrow<float>(float x) { return x; }
template <> inline bfloat16 narrow<bfloat16>(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  if (isnan(x)) return {0x7fff};
  return {static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}
template <> inline float16 narrow<float16>(float x) {
  if (isnan(x)) return {0x7fff};
  uint32_t bits;
  memcpy(&bits, &x, 4);
  uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  uint32_t half;
  if (magnitude >= 0x47800000) {  // 65536 and more
    half = 0x7c00;
  } else if (magnitude >= 0x38800000) {  // normal; carries into the exponent, and up to infinity, are right
    half = (magnitude + 0xfff + (magnitude >> 13 & 1) - (112u << 23)) >> 13;
  } else {  // a multiple of 2^-24, which adding 0.5 rounds to
    float shifted;
    memcpy(&shifted, &magnitude, 4);
    shifted += 0.5f;
    memcpy(&half, &shifted, 4);
    half -= 0x3f000000;
  }
  return {static_cast<uint16_t>(sign | half)};
}

inline unsigned __float_as_uint(float x) { unsigned bits; memcpy(&bits, &x, 4); return bits; }
inline float __uint_as_float(unsigned bits) { float x; memcpy(&x, &bits, 4); return x; }
inline int __float_as_int(float x) { int bits; memcpy(&bits, &x, 4); return bits; }
inline float __int_as_float(int bits) { float x; memcpy(&x, &bits, 4); return x; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(unsigned x) { return x == 0 ? 32 : __builtin_clz(x); }
inline int __ffs(unsigned x) { return __builtin_ffs(static_cast<int>(x)); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline float __fmul_rn(float a, float b) { return a * b; }
template <typename T> T __ldg(const T* at) { return *at; }

// Barriers and warp-wide operations ----------------------------------------------------------------------------------

inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulation::barrier(file, line);
}
inline void __threadfence() { emulation::perhaps_yield(); }

inline void __syncwarp(unsigned mask = 0xffffffffu) {
  emulation::together(mask, nullptr, nullptr, [](const void* const*, void* const*, unsigned, const void*) {}, nullptr);
}

namespace emulation {

// Every lane gives a T and takes that of the lane it names. From a lane that takes no part comes nothing of use.
template <typename T> T shuffle(unsigned mask, T x, int source) {
  struct Both { T value; int source; } both{x, source};
  T result;
  together(mask, &both, &result, [](const void* const* in, void* const* out, unsigned mask, const void*) {
    for (unsigned left = mask; left != 0; left &= left - 1) {
      int lane = __builtin_ctz(left);
      int other = static_cast<const Both*>(in[lane])->source;
      if ((mask >> other & 1) != 0) {
        memcpy(out[lane], &static_cast<const Both*>(in[other])->value, sizeof(T));
      } else {
        memset(out[lane], 0xff, sizeof(T));
      }
    }
  }, nullptr);
  return result;
}

inline int lane() { return static_cast<int>(scene.thread->lane); }

}  // namespace emulation

// Beyond the ends of its `width` lanes, a lane takes its own.
template <typename T> T __shfl_xor_sync(unsigned mask, T x, int bits, int width = 32) {
  int own = emulation::lane(), other = own ^ bits;
  return emulation::shuffle(mask, x, other / width > own / width ? own : other);
}
template <typename T> T __shfl_down_sync(unsigned mask, T x, unsigned by, int width = 32) {
  int own = emulation::lane(), other = own + static_cast<int>(by);
  return emulation::shuffle(mask, x, other / width == own / width ? other : own);
}
template <typename T> T __shfl_up_sync(unsigned mask, T x, unsigned by, int width = 32) {
  int own = emulation::lane(), other = own - static_cast<int>(by);
  return emulation::shuffle(mask, x, other >= own / width * width ? other : own);
}
template <typename T> T __shfl_sync(unsigned mask, T x, int source, int width = 32) {
  return emulation::shuffle(mask, x, emulation::lane() / width * width + (source & (width - 1)));
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  unsigned result;
  emulation::together(mask, &predicate, &result, [](const void* const* in, void* const* out, unsigned mask, const void*) {
    unsigned votes = 0;
    for (int lane = 0; lane < emulation::LANES; lane++) {
      if ((mask >> lane & 1) != 0 && *static_cast<const int*>(in[lane]) != 0) votes |= 1u << lane;
    }
    for (int lane = 0; lane < emulation::LANES; lane++) {
      if ((mask >> lane & 1) != 0) *static_cast<unsigned*>(out[lane]) = votes;
    }
  }, nullptr);
  return result;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) == mask; }

template <typename T> T atomicAdd(T* at, T x) {
  emulation::perhaps_yield();
  T before = *at;
  *at = before + x;
  return before;
}
template <typename T> T atomicMax(T* at, T x) {
  emulation::perhaps_yield();
  T before = *at;
  *at = max(before, x);
  return before;
}
template <typename T> T atomicOr(T* at, T x) {
  emulation::perhaps_yield();
  T before = *at;
  *at = before | x;
  return before;
}

inline unsigned char* shared_memory() { return emulation::shared_memory(); }

// What tensor_core.cuh declares for a GPU ------------------------------------------------------------------------------

namespace emulation {

struct Fragments { unsigned a[4]; unsigned b[2]; float d[4]; };

typedef uint32_t Bits __attribute__((vector_size(16)));
typedef float Floats __attribute__((vector_size(16)));

inline Floats widen(Bits x, bfloat16) { return reinterpret_cast<Floats>(x << 16); }
inline Floats widen(Bits x, float16) {
  Bits magnitude = (x & 0x7fff) << 13;
  Bits wide = reinterpret_cast<Bits>(reinterpret_cast<Floats>(magnitude) * 0x1p112f);
  Bits special = reinterpret_cast<Bits>(magnitude >= 0x7c00u << 13) & 0x7f800000;
  return reinterpret_cast<Floats>(wide | special | (x & 0x8000) << 16);
}

// The lanes' registers become whole matrices, and go back.
template <typename T> void multiply_add(const void* const* in, void* const* out, unsigned, const void*) {
  Bits a[16][2], b[8][2];           // pairs along k: (row, k / 2) and (k / 2, column)
  Floats even[16][2], odd[16][2];   // of a
  Floats d[16][2];
  for (int lane = 0; lane < LANES; lane++) {
    const Fragments& f = *static_cast<const Fragments*>(in[lane]);
    int g = lane / 4, t = lane % 4;
    a[g][0][t] = f.a[0];
    a[g + 8][0][t] = f.a[1];
    a[g][1][t] = f.a[2];
    a[g + 8][1][t] = f.a[3];
    b[t][g / 4][g % 4] = f.b[0];
    b[t + 4][g / 4][g % 4] = f.b[1];
    memcpy(reinterpret_cast<float*>(d[g]) + 2 * t, &f.d[0], 8);
    memcpy(reinterpret_cast<float*>(d[g + 8]) + 2 * t, &f.d[2], 8);
  }
  for (int i = 0; i < 16; i++) {
    for (int half = 0; half < 2; half++) {
      even[i][half] = widen(a[i][half] & 0xffff, T());
      odd[i][half] = widen(a[i][half] >> 16, T());
    }
  }
  for (int k = 0; k < 8; k++) {
    Floats first[2], second[2];
    for (int half = 0; half < 2; half++) {
      first[half] = widen(b[k][half] & 0xffff, T());
      second[half] = widen(b[k][half] >> 16, T());
    }
    for (int i = 0; i < 16; i++) {
      float x = even[i][k / 4][k % 4], y = odd[i][k / 4][k % 4];
      d[i][0] = d[i][0] + x * first[0] + y * second[0];
      d[i][1] = d[i][1] + x * first[1] + y * second[1];
    }
  }
  for (int lane = 0; lane < LANES; lane++) {
    int g = lane / 4, t = lane % 4;
    memcpy(out[lane], reinterpret_cast<const float*>(d[g]) + 2 * t, 8);
    memcpy(static_cast<float*>(out[lane]) + 2, reinterpret_cast<const float*>(d[g + 8]) + 2 * t, 8);
  }
}

template <bool transposed> void load_matrices(const void* const* in, void* const* out, unsigned, const void*) {
  for (int lane = 0; lane < LANES; lane++) {
    unsigned* r = static_cast<unsigned*>(out[lane]);
    for (int m = 0; m < 4; m++) {
      int first = transposed ? 2 * (lane % 4) : lane / 4;
      int column = transposed ? lane / 4 : 2 * (lane % 4);
      const uint16_t* row = *static_cast<const uint16_t* const*>(in[8 * m + first]);
      const uint16_t* next = transposed ? *static_cast<const uint16_t* const*>(in[8 * m + first + 1]) : row + 1;
      r[m] = row[column] | static_cast<unsigned>(next[column]) << 16;
    }
  }
}

// End the launch with an error unless the address is a multiple of `bytes`, or that many bytes lie in shared memory.
void require_aligned(const void* address, unsigned bytes);
void require_shared(const void* address, unsigned bytes);

}  // namespace emulation

template <typename T> void multiply_add(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  emulation::Fragments f;
  memcpy(f.a, a, sizeof a);
  memcpy(f.b, b, sizeof b);
  memcpy(f.d, d, sizeof d);
  emulation::together(0xffffffffu, &f, d, emulation::multiply_add<T>, nullptr);
}
inline void load_matrices(unsigned (&r)[4], const void* row) {
  emulation::require_aligned(row, 16);
  emulation::require_shared(row, 16);
  emulation::together(0xffffffffu, &row, r, emulation::load_matrices<false>, nullptr);
}
inline void load_matrices_transposed(unsigned (&r)[4], const void* row) {
  emulation::require_aligned(row, 16);
  emulation::require_shared(row, 16);
  emulation::together(0xffffffffu, &row, r, emulation::load_matrices<true>, nullptr);
}
inline void copy_async(void* shared, const void* global, bool inside) {
  emulation::require_aligned(shared, 16);
  emulation::require_shared(shared, 16);
  if (inside) emulation::require_aligned(global, 16);
  emulation::copy_async(shared, global, inside);
}
inline void copies_sent() { emulation::copies_sent(); }
template <int pending> void copies_arrived() { emulation::copies_arrived(pending); }
template <typename T> unsigned pack_two(float low, float high) {
  return narrow<T>(low).bits | static_cast<unsigned>(narrow<T>(high).bits) << 16;
}
