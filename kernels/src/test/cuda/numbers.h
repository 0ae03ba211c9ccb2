// The element types of device.cuh, and CUDA's functions of one number.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

using std::isnan;

struct bfloat16 { uint16_t bits; };
struct float16 { uint16_t bits; };
// A sign, four bits of exponent, three of mantissa: no infinity, and one NaN of each sign.
struct float8_e4m3 { uint8_t bits; };

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

inline float widen(float8_e4m3 x) {
  int exponent = x.bits >> 3 & 15, mantissa = x.bits & 7;
  float magnitude = exponent == 0 ? ldexpf(mantissa, -9) : ldexpf(8 + mantissa, exponent - 10);
  if (exponent == 15 && mantissa == 7) magnitude = NAN;
  return x.bits & 0x80 ? -magnitude : magnitude;
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
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  uint64_t both = x | static_cast<uint64_t>(y) << 32;
  unsigned picked = 0;
  for (int i = 0; i < 4; i++) picked |= static_cast<unsigned>(both >> 8 * (selector >> 4 * i & 7) & 0xff) << 8 * i;
  return picked;
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(unsigned x) { return x == 0 ? 32 : __builtin_clz(x); }
inline int __ffs(unsigned x) { return __builtin_ffs(static_cast<int>(x)); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
template <typename T> T __ldg(const T* at) { return *at; }
