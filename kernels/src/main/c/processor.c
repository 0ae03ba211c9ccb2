// What the processor can run, as bits that NativeLibrary names. The operating system has to keep the registers too,
// which the compiler's question includes.
#include <cpuid.h>

#include "kernels.h"

enum { HAS_AVX2 = 1, HAS_AVX512 = 2, HAS_BFLOAT16 = 4, HAS_VNNI = 8 };

// Compilers differ in whether they can be asked for it.
INLINE int has_float16(void) {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

EXPORT int32_t pyramiddrop_processor(void) {
  __builtin_cpu_init();
  int32_t has = 0;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_float16()) {
    has |= HAS_AVX2;
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq")) {
    has |= HAS_AVX512;
    if (__builtin_cpu_supports("avx512bf16")) {
      has |= HAS_BFLOAT16;
    }
    if (__builtin_cpu_supports("avx512vnni")) {
      has |= HAS_VNNI;
    }
  }
  return has;
}
