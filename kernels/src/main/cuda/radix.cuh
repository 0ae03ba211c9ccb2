// Finding the highest of many numbers from their bits, a digit of eight bits at a time, the top one first.
#pragma once

#include "device.cuh"

namespace radix {

constexpr int DIGIT_BITS = 8;
constexpr int DIGITS = 1 << DIGIT_BITS;
constexpr int PASSES = 32 / DIGIT_BITS;

// Bits that are ordered as the numbers are; both zeros are one number. Those of -∞ are the least and are not 0, those
// of ∞ the highest and not all set, so a caller can put NaN on either side.
__device__ __forceinline__ unsigned ordered(float x) {
  unsigned bits = __float_as_uint(x == 0 ? 0.0f : x);
  return bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
}

// The number of those bits.
__device__ __forceinline__ float number(unsigned ordered) {
  return __uint_as_float(ordered >> 31 != 0 ? ordered & 0x7fffffffu : ~ordered);
}

// Sums of integers over a warp; every lane gets the sum.
template <typename Integer> __device__ __forceinline__ Integer warp_total(Integer x) {
  for (int step = WARP / 2; step > 0; step /= 2) x += __shfl_xor_sync(ALL_LANES, x, step);
  return x;
}

// Sums over this lane and those before it.
template <typename Integer> __device__ __forceinline__ Integer warp_scan(Integer x) {
  int lane = threadIdx.x % WARP;
  for (int step = 1; step < WARP; step *= 2) {
    Integer before = __shfl_up_sync(ALL_LANES, x, step);
    if (lane >= step) x += before;
  }
  return x;
}

// The digit at which amounts, summed up from the highest digit on, first reach `wanted`, and what lies above it.
template <typename Amount> struct Found {
  unsigned digit;
  Amount above;
};

// Called by one warp; `amount` gives that of a digit. The lane that finds it writes it.
template <typename Amount, typename AmountOf>
__device__ __forceinline__ void find_digit(Amount wanted, AmountOf amount, Found<Amount>* found) {
  constexpr int EACH = DIGITS / WARP;
  int lane = threadIdx.x % WARP;
  int highest = DIGITS - 1 - lane * EACH;
  Amount own = 0;
  for (int i = 0; i < EACH; i++) own += amount(highest - i);
  Amount above = warp_scan(own) - own;
  if (above < wanted && wanted <= above + own) {
    int digit = highest;
    while (above + amount(digit) < wanted) above += amount(digit--);
    *found = {static_cast<unsigned>(digit), above};
  }
}

}  // namespace radix
