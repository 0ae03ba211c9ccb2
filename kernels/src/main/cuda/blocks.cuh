// Matrices whose numbers share scales: of 8 or 4 bits in blocks of 32 with a scale each, of 4 bits with a zero too, and
// eight-bit floats with a scale a row. Blocks.java has how they lie in memory.
#pragma once

#include "packs.cuh"

namespace blocks {

constexpr int SIZE = 32;

typedef Pack<unsigned, 4> Access;

constexpr __host__ __device__ int per_row(int inputs) { return ceil_div(inputs, SIZE); }

// The formats. Kernels raise whole numbers by so much that their bits, put into those of a power of two, make floats,
// and take that off together with the zero: 8 bits by 2²³ + 128, 4 bits by 16.
struct Int8 {
  static constexpr int BITS = 8;
  static constexpr bool ROW_SCALES = false, ZEROS = false;
  typedef float16 Scale;
};
struct Int4 {
  static constexpr int BITS = 4;
  static constexpr bool ROW_SCALES = false, ZEROS = true;
  typedef float16 Scale;
};
// E4M3: the bits of a float16 that is 2⁸ times smaller, as which kernels read it.
struct Fp8 {
  static constexpr int BITS = 8;
  static constexpr bool ROW_SCALES = true, ZEROS = false;
  typedef float Scale;
};

// Numbers that 16 bytes bring.
template <typename F> constexpr int ACCESS = 128 / F::BITS;

// Rows of whole blocks.
template <typename F> struct Matrix {
  const Access* numbers;            // (rows, blocks): a byte each, or 16 bytes a block, q and q + 16 in the halves of a byte
  const typename F::Scale* scales;  // (rows, blocks), or (rows)
  const unsigned* zeros;            // (rows, ⌈blocks / 8⌉): four bits a block; null if there are none

  // The matrix from a row on.
  __device__ __forceinline__ Matrix from(int64_t row, int inputs) const {
    int blocks = per_row(inputs);
    return {numbers + row * blocks * (SIZE / ACCESS<F>), scales + row * (F::ROW_SCALES ? 1 : blocks),
            F::ZEROS ? zeros + row * ceil_div(blocks, 8) : zeros};
  }
};

template <typename F> __device__ __forceinline__ unsigned zeros_of(const unsigned* zeros, int block) {
  return F::ZEROS ? zeros[block / 8] : 0;
}

// What raised numbers less their origin are multiplied with.
__device__ __forceinline__ float factor(float16 scale) { return widen(scale); }
__device__ __forceinline__ float factor(float scale) { return 256 * scale; }

// The n-th four neighbours of an access, raised; an eight-bit float as it is, 2⁸ times smaller.
template <typename F> __device__ __forceinline__ void raise_four(const Access& access, int n, float* to);

// The bits of 2²³ + 128 + q.
template <> __device__ __forceinline__ void raise_four<Int8>(const Access& access, int n, float* to) {
  unsigned bytes = access.at[n] ^ 0x80808080u;
#pragma unroll
  for (int i = 0; i < 4; i++) to[i] = __uint_as_float(__byte_perm(bytes, 0x4b000000u, 0x7440 | i));
}

// The bits of 16 + q.
template <> __device__ __forceinline__ void raise_four<Int4>(const Access& access, int n, float* to) {
  unsigned word = access.at[n % 4];
  unsigned bytes = ((n < 4 ? word << 3 : word >> 1) & 0x78787878u) | 0x80808080u;
#pragma unroll
  for (int i = 0; i < 4; i++) to[i] = __uint_as_float(__byte_perm(bytes, 0x41000000u, 0x7044 | i << 8));
}

// Two float16 from two E4M3 in the upper bytes of halves: the sign stays, all else moves.
__device__ __forceinline__ unsigned as_halves(unsigned bytes) {
  return (bytes & 0x80008000u) | (bytes >> 1 & 0x3f803f80u);
}

__device__ __forceinline__ float16 low_half(unsigned halves) {
  float16 low;
  memcpy(&low, &halves, sizeof low);
  return low;
}

template <> __device__ __forceinline__ void raise_four<Fp8>(const Access& access, int n, float* to) {
#pragma unroll
  for (int i = 0; i < 4; i += 2) {
    unsigned halves = as_halves(__byte_perm(access.at[n], 0, i == 0 ? 0x1404 : 0x3424));
    to[i] = widen(low_half(halves));
    to[i + 1] = widen(low_half(halves >> 16));
  }
}

// What stands for 0 among raised numbers; `zeros` is the word that has the block's.
template <typename F> __device__ __forceinline__ float origin(unsigned zeros, int block);
template <> __device__ __forceinline__ float origin<Int8>(unsigned, int) { return 8388736.0f; }
template <> __device__ __forceinline__ float origin<Int4>(unsigned zeros, int block) {
  return __uint_as_float(0x41800000u | (zeros >> 4 * (block % 8) & 15) << 19);
}
template <> __device__ __forceinline__ float origin<Fp8>(unsigned, int) { return 0.0f; }

// The eight neighbours of an access from the 8·n-th on; `factor` is that of their scale.
template <typename F>
__device__ __forceinline__ void eight(const Access& access, int n, float origin, float factor, float (&to)[8]) {
  raise_four<F>(access, 2 * n, to);
  raise_four<F>(access, 2 * n + 1, to + 4);
#pragma unroll
  for (int i = 0; i < 8; i++) to[i] = (to[i] - origin) * factor;
}

// One number of the first row.
template <typename F> __device__ __forceinline__ float value(const Matrix<F>& w, int input) {
  constexpr int HALF = SIZE / 2;
  int block = input / SIZE, within = input % SIZE;
  const signed char* bytes = reinterpret_cast<const signed char*>(w.numbers);
  if constexpr (F::ROW_SCALES) {
    return widen(low_half(as_halves((bytes[input] & 255) << 8))) * factor(w.scales[0]);
  } else {
    int q = F::BITS == 8 ? bytes[input] : bytes[block * HALF + within % HALF] >> 4 * (within / HALF) & 15;
    int zero = zeros_of<F>(w.zeros, block) >> 4 * (block % 8) & 15;
    return static_cast<float>(q - zero) * factor(w.scales[block]);
  }
}

}  // namespace blocks
