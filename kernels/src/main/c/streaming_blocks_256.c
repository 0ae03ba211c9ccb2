// The products of streaming_blocks.c on processors with AVX2 alone. A block of x becomes whole numbers there, too, of 23
// bits (16 for int4) with a scale, which are taken apart so that vectors of bytes and shorts sum them exactly.
//
// packed  int8: of each block the upper digits of all inputs, then the lower ones of 12 bits, all signed shorts; int4: of each pair of
//         blocks the upper and lower bytes of the first halves of both, then of the second halves; then the
//         blocks' scales; for int4, then the blocks' sums; both float32 and filled up to whole groups of 8
// w, panels, sums as in streaming_blocks.c
//
// One row of x at a time: sixteen registers have no room for the sums of more. A stream reads a group of blocks before the
// next stream does, since one scale is read for many numbers.
#include "kernels.h"

enum {
  BYTES = 32,
  LINE = 64,
  // Bits of int8's lower digit.
  LOW_BITS = 12
};

INLINE int64_t groups_of(int32_t blocks) {
  return ((int64_t)blocks + GROUP - 1) / GROUP;
}

// Bytes of all packed numbers of a row.
INLINE int64_t number_bytes(const int int4, int32_t blocks) {
  return int4 ? ((int64_t)blocks + 1) / 2 * (2 * INT4_PARTS * BYTES) : (int64_t)blocks * (2 * BLOCK * (int64_t)sizeof(int16_t));
}

// Bytes of a packed row's scales, or of its sums.
INLINE int64_t block_bytes(int32_t blocks) {
  return groups_of(blocks) * GROUP * (int64_t)sizeof(float);
}

INLINE int64_t row_bytes(const int int4, int32_t blocks) {
  return number_bytes(int4, blocks) + (int4 ? 2 : 1) * block_bytes(blocks);
}

AVX2 INLINE void store_int8(const __m256i whole[4], char *to) {
  __m256i high[4];
  __m256i low[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    low[i] = _mm256_srai_epi32(_mm256_slli_epi32(whole[i], 32 - LOW_BITS), 32 - LOW_BITS);
    high[i] = _mm256_srai_epi32(_mm256_sub_epi32(whole[i], low[i]), LOW_BITS);
  }
  __m256i *at = (__m256i *)to;
  _mm256_storeu_si256(at, shorts_of(high[0], high[1]));
  _mm256_storeu_si256(at + 1, shorts_of(high[2], high[3]));
  _mm256_storeu_si256(at + 2, shorts_of(low[0], low[1]));
  _mm256_storeu_si256(at + 3, shorts_of(low[2], low[3]));
}

AVX2 INLINE void store_int4(__m256i whole[4], char *to) {
#pragma GCC unroll 2
  for (int part = INT4_PARTS - 1; part >= 0; part--) {
    __m256i lowest[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      lowest[i] = _mm256_srai_epi32(_mm256_slli_epi32(whole[i], 24), 24);
      whole[i] = _mm256_srai_epi32(_mm256_sub_epi32(whole[i], lowest[i]), 8);
    }
    __m256i bytes = bytes_of(lowest);
    _mm_storeu_si128((__m128i *)(to + part * BYTES), _mm256_castsi256_si128(bytes));
    _mm_storeu_si128((__m128i *)(to + (INT4_PARTS + part) * BYTES), _mm256_extracti128_si256(bytes, 1));
  }
}

AVX2 INLINE void pack(const int int4, const float *x, int32_t rows, int32_t inputs, char *out) {
  int32_t blocks = blocks_of(inputs);
  int32_t padded = (int32_t)groups_of(blocks) * GROUP;
  int32_t stored = int4 ? (blocks + 1) / 2 * 2 : blocks;
  for (int32_t r = 0; r < rows; r++) {
    const float *row = x + (int64_t)r * inputs;
    char *numbers = out + r * row_bytes(int4, blocks);
    float *scales = (float *)(numbers + number_bytes(int4, blocks));
    float *totals = scales + padded;
    for (int32_t b = 0; b < padded; b++) {
      __m256i whole[4];
      scales[b] = whole_numbers(row, b, inputs, int4 ? INT4_LARGEST : INT8_LARGEST, whole);
      if (int4) {
        __m256i total = _mm256_add_epi32(_mm256_add_epi32(whole[0], whole[1]), _mm256_add_epi32(whole[2], whole[3]));
        __m128i four = _mm_add_epi32(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
        __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
        totals[b] = scales[b] * (float)_mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
      }
      if (b < stored && int4) {
        store_int4(whole, numbers + (int64_t)(b / 2) * (2 * INT4_PARTS * BYTES) + b % 2 * (BYTES / 2));
      } else if (b < stored) {
        store_int8(whole, numbers + (int64_t)b * (4 * BYTES));
      }
    }
  }
}

AVX2 EXPORT void pyramiddrop_streaming_int8_256_pack(const float *x, int32_t rows, int32_t inputs, char *out) {
  pack(0, x, rows, inputs, out);
}

AVX2 EXPORT void pyramiddrop_streaming_int4_256_pack(const float *x, int32_t rows, int32_t inputs, char *out) {
  pack(1, x, rows, inputs, out);
}

// The zeros of eight blocks, as floats.
AVX2 INLINE __m256 zeros_of(const char *at) {
  int32_t eight;
  __builtin_memcpy(&eight, at, sizeof eight);
  __m256i word = _mm256_set1_epi32(eight);
  __m256i shifts = _mm256_set_epi32(28, 24, 20, 16, 12, 8, 4, 0);
  return _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srlv_epi32(word, shifts), _mm256_set1_epi32(15)));
}

// Sums of four products each, of a block.
AVX2 INLINE __m256i sums_of_int8(const char *w, const char *x) {
  const __m256i *digits = (const __m256i *)x;
  __m256i first = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)w));
  __m256i second = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(w + BYTES / 2)));
  __m256i high = _mm256_add_epi32(_mm256_madd_epi16(first, _mm256_loadu_si256(digits)),
                                  _mm256_madd_epi16(second, _mm256_loadu_si256(digits + 1)));
  __m256i low = _mm256_add_epi32(_mm256_madd_epi16(first, _mm256_loadu_si256(digits + 2)),
                                 _mm256_madd_epi16(second, _mm256_loadu_si256(digits + 3)));
  return _mm256_add_epi32(_mm256_slli_epi32(high, LOW_BITS), low);
}

// Sums of eight products each, of a pair of blocks.
AVX2 INLINE __m256i sums_of_int4(__m256i bytes, const char *x) {
  const __m256i *parts = (const __m256i *)x;
  __m256i low = _mm256_and_si256(bytes, _mm256_set1_epi8(15));
  __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
  __m256i sums[INT4_PARTS];
#pragma GCC unroll 2
  for (int part = 0; part < INT4_PARTS; part++) {
    sums[part] = _mm256_add_epi16(_mm256_maddubs_epi16(low, _mm256_loadu_si256(parts + part)),
                                  _mm256_maddubs_epi16(high, _mm256_loadu_si256(parts + INT4_PARTS + part)));
  }
  return _mm256_add_epi32(_mm256_madd_epi16(sums[0], _mm256_set1_epi16(1 << 8)),
                          _mm256_madd_epi16(sums[1], _mm256_set1_epi16(1)));
}

AVX2 INLINE void stream_int8(const char *w, const char *x, const float own[GROUP], int32_t count, __m256 *sum) {
  for (int32_t b = 0; b < count; b++) {
    __m256i whole = sums_of_int8(w + b * BLOCK, x + (int64_t)b * (4 * BYTES));
    *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole), _mm256_broadcast_ss(own + b), *sum);
  }
}

AVX2 INLINE void stream_int4(const char *w, const char *x, const float own[GROUP], int32_t count, __m256 *sum) {
  for (int32_t b = 0; b < count; b += 2) {
    const char *at = w + b * (BLOCK / 2);
    __m256i bytes = b + 1 < count ? _mm256_loadu_si256((const __m256i *)at)
                                  : _mm256_zextsi128_si256(_mm_loadu_si128((const __m128i *)at));
    __m256i whole = sums_of_int4(bytes, x + (int64_t)(b / 2) * (2 * INT4_PARTS * BYTES));
    __m256 both = _mm256_set_m128(_mm_broadcast_ss(own + b + 1), _mm_broadcast_ss(own + b));
    *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole), both, *sum);
  }
}

AVX2 INLINE void streams(const int int4, const char *x, int32_t rows, int32_t inputs, const char *const *w,
                         int32_t columns, float *sums) {
  const int64_t numbers_of_group = GROUP * BLOCK / (int4 ? 2 : 1);
  const int64_t packed_of_group = int4 ? GROUP / 2 * (2 * INT4_PARTS * BYTES) : GROUP * (4 * BYTES);
  int32_t blocks = blocks_of(inputs);
  int64_t row = row_bytes(int4, blocks);
  int64_t stride = stride_of(columns);
  int32_t quarter = (columns + STREAMS - 1) / STREAMS;
  for (int32_t step = 0; step < quarter; step++) {
    const char *numbers[STREAMS];
    const char *scales[STREAMS];
    const char *zeros[STREAMS];
    step_of(w, columns, quarter, step, numbers);
    step_of(w + columns, columns, quarter, step, scales);
    if (int4) {
      step_of(w + 2 * (int64_t)columns, columns, quarter, step, zeros);
    }
    for (int32_t r = 0; r < rows; r++) {
      const char *packed = x + r * row;
      const char *scales_of_x = packed + number_bytes(int4, blocks);
      const char *totals = scales_of_x + block_bytes(blocks);
      __m256 sum[STREAMS];
#pragma GCC unroll 4
      for (int s = 0; s < STREAMS; s++) {
        sum[s] = _mm256_setzero_ps();
      }
      for (int32_t from = 0; from < blocks; from += GROUP) {
        int32_t count = blocks - from < GROUP ? blocks - from : GROUP;
        int64_t group = from / GROUP;
        const char *inputs_of = packed + group * packed_of_group;
        __m256 x_scales = _mm256_loadu_ps((const float *)scales_of_x + from);
#pragma GCC unroll 4
        for (int s = 0; s < STREAMS; s++) {
          const char *bytes = numbers[s] + group * numbers_of_group;
#pragma GCC unroll 4
          for (int64_t line = 0; line < numbers_of_group; line += LINE) {
            _mm_prefetch(bytes + line + AHEAD, _MM_HINT_T0);
          }
          __m256 scale = scales_of(scales[s] + 2 * (int64_t)from, count);
          if (int4) {
            __m256 zero = _mm256_mul_ps(zeros_of(zeros[s] + from / 2), scale);
            sum[s] = _mm256_fnmadd_ps(zero, _mm256_loadu_ps((const float *)totals + from), sum[s]);
          }
          float own[GROUP] __attribute__((aligned(32)));
          _mm256_store_ps(own, _mm256_mul_ps(scale, x_scales));
          if (int4 && count == GROUP) {
            stream_int4(bytes, inputs_of, own, GROUP, &sum[s]);
          } else if (int4) {
            stream_int4(bytes, inputs_of, own, count, &sum[s]);
          } else if (count == GROUP) {
            stream_int8(bytes, inputs_of, own, GROUP, &sum[s]);
          } else {
            stream_int8(bytes, inputs_of, own, count, &sum[s]);
          }
        }
      }
#pragma GCC unroll 4
      for (int s = 0; s < STREAMS; s++) {
        int32_t j = s * quarter + step;
        if (j < columns) {
          sums[r * stride + j] = sum_of(sum[s]);
        }
      }
    }
  }
}

AVX2 EXPORT void pyramiddrop_streaming_int8_256(const char *x, int32_t rows, int32_t height, int32_t inputs,
                                                const char *const *w, int32_t columns, char *panels, float *sums) {
  streams(0, x, rows, inputs, w, columns, sums);
}

AVX2 EXPORT void pyramiddrop_streaming_int4_256(const char *x, int32_t rows, int32_t height, int32_t inputs,
                                                const char *const *w, int32_t columns, char *panels, float *sums) {
  streams(1, x, rows, inputs, w, columns, sums);
}
