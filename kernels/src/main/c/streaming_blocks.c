// Decode's product by weights in blocks of 32 with a scale: sums[r][j] = Σ_b scale[j][b] · Σ_i x[r][i] · (q[j][i] -
// zero[j][b]). A block of x becomes whole numbers of 23 bits (16 for int4) with a scale, so that a block is summed
// exactly in integers, four products at a time, and scaled once.
//
// packed  of each vector of 64 inputs the highest, middle (not for int4) and lowest bytes, all signed; for int8, then what
//         its sums begin with; filled up with zeros to whole vectors, for int4 to pairs of them; then the blocks' scales; for int4,
//         then the blocks' sums; both float32 and filled up to whole vectors
// w       where the numbers of each weight row begin, then where its scales do; for int4, then its zeros
// panels  none
//
// The instruction multiplies unsigned bytes by signed ones. int4's numbers are unsigned, and its zeros meet the sums of x.
// int8's are raised by an offset, and the sum of four products begins with that offset times x, negative.
//
// Inputs stand in vectors as weights do: int8's as they are; of int4's four blocks in 64 bytes, the lower halves of bytes
// are the first halves of the blocks, and the upper halves the second.
#include "kernels.h"

enum {
  VECTOR = 64,
  INT8_OFFSET = 128
};

// Blocks whose numbers are read together.
INLINE int32_t together(const int int4) {
  return int4 ? 4 : 2;
}

// Bytes of the packed numbers of blocks read together.
INLINE int64_t group_bytes(const int int4) {
  return int4 ? 2 * INT4_PARTS * VECTOR : (INT8_PARTS + 1) * VECTOR;
}

// Bytes of all packed numbers of a row.
INLINE int64_t number_bytes(const int int4, int32_t blocks) {
  return ((int64_t)blocks + together(int4) - 1) / together(int4) * group_bytes(int4);
}

// Bytes of a packed row's scales, or of its sums.
INLINE int64_t block_bytes(int32_t blocks) {
  return ((int64_t)blocks + LANES - 1) / LANES * LANES * (int64_t)sizeof(float);
}

INLINE int64_t row_bytes(const int int4, int32_t blocks) {
  return number_bytes(int4, blocks) + (int4 ? 2 : 1) * block_bytes(blocks);
}

// Half a block's whole numbers, taken apart.
AVX512_VNNI INLINE void store_parts(const int parts, __m512i whole, char *to) {
#pragma GCC unroll 3
  for (int part = parts - 1; part >= 0; part--) {
    _mm_storeu_si128((__m128i *)(to + part * VECTOR), _mm512_cvtepi32_epi8(whole));
    __m512i lowest = _mm512_srai_epi32(_mm512_slli_epi32(whole, 24), 24);
    whole = _mm512_srai_epi32(_mm512_sub_epi32(whole, lowest), 8);
  }
}

// What the sums of four products begin with, of half a block.
AVX512_VNNI INLINE __m128i offsets_of(__m512i whole) {
  __m512i pairs = _mm512_add_epi32(whole, _mm512_shuffle_epi32(whole, _MM_PERM_CDAB));
  __m512i fours = _mm512_add_epi32(pairs, _mm512_shuffle_epi32(pairs, _MM_PERM_BADC));
  __m512i offsets = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(fours, 7));
  return _mm512_castsi512_si128(_mm512_maskz_compress_epi32(0x1111, offsets));
}

AVX512_VNNI INLINE void pack(const int int4, const float *x, int32_t rows, int32_t inputs, char *out) {
  __m512 largest = _mm512_set1_ps(3.40282347e38f);
  int32_t blocks = blocks_of(inputs);
  int32_t padded = (blocks + LANES - 1) / LANES * LANES;
  for (int32_t r = 0; r < rows; r++) {
    const float *from = x + (int64_t)r * inputs;
    char *numbers = out + r * row_bytes(int4, blocks);
    float *scales = (float *)(numbers + number_bytes(int4, blocks));
    float *totals = scales + padded;
    for (int32_t b = 0; b < padded; b++) {
      int32_t left = inputs - b * BLOCK;
      uint32_t there = left <= 0 ? 0 : left < BLOCK ? (1u << left) - 1 : 0xffffffffu;
      __m512 first = _mm512_maskz_loadu_ps((__mmask16)there, from + (int64_t)b * BLOCK);
      __m512 second = _mm512_maskz_loadu_ps((__mmask16)(there >> LANES), from + (int64_t)b * BLOCK + LANES);
      __m512 sizes = _mm512_max_ps(_mm512_abs_ps(first), _mm512_abs_ps(second));
      int finite = !(_mm512_cmp_ps_mask(_mm512_abs_ps(first), largest, _CMP_NLE_UQ) |
                     _mm512_cmp_ps_mask(_mm512_abs_ps(second), largest, _CMP_NLE_UQ));
      float most = _mm512_reduce_max_ps(sizes);
      int some = finite && most >= SMALLEST;
      float whole = int4 ? INT4_LARGEST : INT8_LARGEST;
      scales[b] = finite ? some ? most / whole : 0 : __builtin_nanf("");
      __m512 inverse = _mm512_set1_ps(some ? whole / most : 0);
      __m512i low = some ? _mm512_cvtps_epi32(_mm512_mul_ps(first, inverse)) : _mm512_setzero_si512();
      __m512i high = some ? _mm512_cvtps_epi32(_mm512_mul_ps(second, inverse)) : _mm512_setzero_si512();
      if (int4) {
        totals[b] = scales[b] * (float)_mm512_reduce_add_epi32(_mm512_add_epi32(low, high));
      }
      if (b / together(int4) >= (blocks + together(int4) - 1) / together(int4)) {
        continue;
      }
      char *to = numbers + b / together(int4) * group_bytes(int4);
      int32_t place = b % together(int4);
      if (int4) {
        store_parts(INT4_PARTS, low, to + place * LANES);
        store_parts(INT4_PARTS, high, to + INT4_PARTS * VECTOR + place * LANES);
      } else {
        store_parts(INT8_PARTS, low, to + place * BLOCK);
        store_parts(INT8_PARTS, high, to + place * BLOCK + LANES);
        __m128i *offsets = (__m128i *)(to + INT8_PARTS * VECTOR + place * BLOCK);
        _mm_storeu_si128(offsets, offsets_of(low));
        _mm_storeu_si128(offsets + 1, offsets_of(high));
      }
    }
  }
}

AVX512_VNNI EXPORT void pyramiddrop_streaming_int8_pack(const float *x, int32_t rows, int32_t inputs, char *out) {
  pack(0, x, rows, inputs, out);
}

AVX512_VNNI EXPORT void pyramiddrop_streaming_int4_pack(const float *x, int32_t rows, int32_t inputs, char *out) {
  pack(1, x, rows, inputs, out);
}

// The zeros of up to 16 blocks, as floats.
AVX512_VNNI INLINE __m512 zeros_of(const char *zeros, int32_t count) {
  __m128i bytes = _mm_maskz_loadu_epi32(count > 8 ? 3 : 1, zeros);
  __m512i words = _mm512_cvtepu8_epi32(_mm_unpacklo_epi8(bytes, bytes));
  __m512i shifts = _mm512_set_epi32(4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0);
  return _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srlv_epi32(words, shifts), _mm512_set1_epi32(15)));
}

// Sums of four products each, of int8's two blocks.
AVX512_VNNI INLINE __m512i sums_of_int8(__m512i bytes, const char *x) {
  __m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), bytes, _mm512_loadu_si512(x));
  sum = _mm512_dpbusd_epi32(_mm512_slli_epi32(sum, 8), bytes, _mm512_loadu_si512(x + VECTOR));
  __m512i lowest = _mm512_loadu_si512(x + INT8_PARTS * VECTOR);
  lowest = _mm512_dpbusd_epi32(lowest, bytes, _mm512_loadu_si512(x + 2 * VECTOR));
  return _mm512_add_epi32(_mm512_slli_epi32(sum, 8), lowest);
}

// Sums of eight products each, of int4's four blocks.
AVX512_VNNI INLINE __m512i sums_of_int4(__m512i low, __m512i high, const char *x) {
  __m512i sum = _mm512_setzero_si512();
#pragma GCC unroll 2
  for (int part = 0; part < INT4_PARTS; part++) {
    sum = _mm512_slli_epi32(sum, 8);
    sum = _mm512_dpbusd_epi32(sum, low, _mm512_loadu_si512(x + part * VECTOR));
    sum = _mm512_dpbusd_epi32(sum, high, _mm512_loadu_si512(x + (INT4_PARTS + part) * VECTOR));
  }
  return sum;
}

AVX512_VNNI INLINE void streams(const int int4, const int rows, const char *x, int32_t inputs, const char *const *w,
                                int32_t columns, float *sums) {
  int32_t blocks = blocks_of(inputs);
  int32_t step_blocks = together(int4);
  int64_t row = row_bytes(int4, blocks);
  const char *scales_of_x = x + number_bytes(int4, blocks);
  const char *totals = scales_of_x + block_bytes(blocks);
  int64_t stride = stride_of(columns);
  int32_t quarter = (columns + STREAMS - 1) / STREAMS;
  __m512i block_of_lane = int4 ? _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0)
                               : _mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  int32_t words_of_block = LANES / step_blocks;
  for (int32_t step = 0; step < quarter; step++) {
    const char *numbers[STREAMS];
    const char *scales[STREAMS];
    const char *zeros[STREAMS];
    step_of(w, columns, quarter, step, numbers);
    step_of(w + columns, columns, quarter, step, scales);
    if (int4) {
      step_of(w + 2 * (int64_t)columns, columns, quarter, step, zeros);
    }
    __m512 sum[STREAMS][STREAMED_ROWS];
#pragma GCC unroll 4
    for (int s = 0; s < STREAMS; s++) {
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) {
        sum[s][r] = _mm512_setzero_ps();
      }
    }
    for (int32_t from = 0; from < blocks; from += LANES) {
      int32_t count = blocks - from < LANES ? blocks - from : LANES;
      __mmask16 there = (__mmask16)((1u << count) - 1);
      __m512 scale[STREAMS][STREAMED_ROWS];
#pragma GCC unroll 4
      for (int s = 0; s < STREAMS; s++) {
        const char *at = scales[s] + 2 * (int64_t)from;
        // Of scales and zeros, which are read once for many numbers, as far ahead is less.
        _mm_prefetch(at + AHEAD / 4, _MM_HINT_T0);
        __m512 own = _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(there, at));
        __m512 zero = _mm512_setzero_ps();
        if (int4) {
          _mm_prefetch(zeros[s] + from / 2 + AHEAD / 4, _MM_HINT_T0);
          zero = _mm512_mul_ps(zeros_of(zeros[s] + from / 2, count), own);
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
          int64_t place = r * row + (int64_t)from * (int64_t)sizeof(float);
          scale[s][r] = _mm512_mul_ps(own, _mm512_loadu_ps(scales_of_x + place));
          if (int4) {
            sum[s][r] = _mm512_fnmadd_ps(zero, _mm512_loadu_ps(totals + place), sum[s][r]);
          }
        }
      }
#pragma GCC unroll 1
      for (int32_t b = 0; b < count; b += step_blocks) {
        int64_t at = (int64_t)(from + b) / step_blocks;
        int32_t left = count - b;
        __mmask16 inside = left < step_blocks ? (__mmask16)((1u << (words_of_block * left)) - 1) : 0xffff;
        __m512i lanes = _mm512_add_epi32(block_of_lane, _mm512_set1_epi32(b));
        const char *inputs_of = x + at * group_bytes(int4);
#pragma GCC unroll 4
        for (int s = 0; s < STREAMS; s++) {
          const char *bytes = numbers[s] + at * VECTOR;
          _mm_prefetch(bytes + AHEAD, _MM_HINT_T0);
          __m512i read = _mm512_maskz_loadu_epi32(inside, bytes);
          __m512i low = int4 ? _mm512_and_si512(read, _mm512_set1_epi8(15))
                             : _mm512_xor_si512(read, _mm512_set1_epi8((char)INT8_OFFSET));
          __m512i high = _mm512_and_si512(_mm512_srli_epi16(read, 4), _mm512_set1_epi8(15));
#pragma GCC unroll 4
          for (int r = 0; r < rows; r++) {
            const char *of_row = inputs_of + r * row;
            __m512i whole = int4 ? sums_of_int4(low, high, of_row) : sums_of_int8(low, of_row);
            __m512 own = _mm512_permutexvar_ps(lanes, scale[s][r]);
            sum[s][r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole), own, sum[s][r]);
          }
        }
      }
    }
    store_step(rows, sum, columns, quarter, step, stride, sums);
  }
}

AVX512_VNNI EXPORT void pyramiddrop_streaming_int8(const char *x, int32_t rows, int32_t height, int32_t inputs,
                                                   const char *const *w, int32_t columns, char *panels, float *sums) {
#define INT8(rows, ...) streams(0, rows, __VA_ARGS__)
  switch (rows) {
    CASES_4(INT8, x, inputs, w, columns, sums)
  }
}

AVX512_VNNI EXPORT void pyramiddrop_streaming_int4(const char *x, int32_t rows, int32_t height, int32_t inputs,
                                                   const char *const *w, int32_t columns, char *panels, float *sums) {
#define INT4(rows, ...) streams(1, rows, __VA_ARGS__)
  switch (rows) {
    CASES_4(INT4, x, inputs, w, columns, sums)
  }
}
