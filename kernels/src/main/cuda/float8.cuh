// Eight-bit floats, E4M3, as Float8.java has them.
#pragma once

#include "device.cuh"

namespace float8 {

constexpr float MAX = 448;

// The bits of the nearest number, of two the even one; beyond MAX of that. NaN stays NaN.
__device__ __forceinline__ unsigned narrow(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
  unsigned short two;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(two) : "f"(0.0f), "f"(x));
  return two;
#else
  unsigned bits = __float_as_uint(x), sign = bits >> 24 & 0x80, magnitude = bits & 0x7fffffff;
  unsigned rounded;
  if (magnitude > 0x7f800000) {
    rounded = 0x7f;
  } else if (magnitude < 0x3c800000) {  // less than 2⁻⁶: a multiple of 2⁻⁹, which adding 2¹⁴ rounds to
    rounded = __float_as_uint(__uint_as_float(magnitude) + 16384.0f) - 0x46800000;
  } else {
    rounded = (magnitude + 0x7ffff + (magnitude >> 20 & 1)) >> 20;
    rounded = rounded > 960 + 0x7e ? 0x7e : rounded - 960;
  }
  return sign | rounded;
#endif
}

}  // namespace float8
