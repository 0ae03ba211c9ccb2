// Matrices in blocks of 32 numbers of 8 or 4 bits with a scale each, of 4 bits with a zero too: Blocks.java.
#pragma once

#include "packs.cuh"

namespace blocks {

constexpr int SIZE = 32;

// Numbers that 16 bytes bring.
template <int BITS> constexpr int ACCESS = 128 / BITS;

typedef Pack<unsigned, 4> Access;

constexpr __host__ __device__ int per_row(int inputs) { return ceil_div(inputs, SIZE); }

// Rows of whole blocks: INT8 for values scale · q, INT4 for scale · (q - zero).
template <int BITS> struct Matrix {
  const Access* numbers;   // (rows, blocks): a byte q each, or 16 bytes a block, q and q + 16 in the halves of a byte
  const float16* scales;   // (rows, blocks)
  const unsigned* zeros;   // (rows, ⌈blocks / 8⌉): four bits a block; null of 8 bits

  // The matrix from a row on.
  __device__ __forceinline__ Matrix from(int64_t row, int inputs) const {
    int blocks = per_row(inputs);
    return {numbers + row * blocks * (SIZE / ACCESS<BITS>), scales + row * blocks,
            BITS == 8 ? zeros : zeros + row * ceil_div(blocks, 8)};
  }
};

template <int BITS> __device__ __forceinline__ unsigned zeros_of(const unsigned* zeros, int block) {
  return BITS == 8 ? 0 : zeros[block / 8];
}

// The n-th four neighbours of an access, raised by so much that their bits, put into those of a power of two, make
// floats: 8 bits by 2²³ + 128, 4 bits by 16.
template <int BITS> __device__ __forceinline__ void raise_four(const Access& access, int n, float* to) {
  unsigned word = access.at[n % 4];
  unsigned bytes = BITS == 8 ? word ^ 0x80808080u : ((n < 4 ? word << 3 : word >> 1) & 0x78787878u) | 0x80808080u;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    unsigned bits = BITS == 8 ? __byte_perm(bytes, 0x4b000000u, 0x7440 | i)
                              : __byte_perm(bytes, 0x41000000u, 0x7044 | i << 8);
    to[i] = __uint_as_float(bits);
  }
}

// What stands for 0 among raised numbers; `zeros` is the word that has the block's.
template <int BITS> __device__ __forceinline__ float origin(unsigned zeros, int block) {
  if (BITS == 8) return 8388736.0f;
  return __uint_as_float(0x41800000u | (zeros >> 4 * (block % 8) & 15) << 19);
}

// One number of the first row.
template <int BITS> __device__ __forceinline__ float value(const Matrix<BITS>& w, int input) {
  constexpr int HALF = SIZE / 2;
  int block = input / SIZE, within = input % SIZE;
  const signed char* bytes = reinterpret_cast<const signed char*>(w.numbers);
  int q = BITS == 8 ? bytes[input] : bytes[block * HALF + within % HALF] >> 4 * (within / HALF) & 15;
  int zero = BITS == 8 ? 0 : zeros_of<BITS>(w.zeros, block) >> 4 * (block % 8) & 15;
  return static_cast<float>(q - zero) * widen(w.scales[block]);
}

}  // namespace blocks
