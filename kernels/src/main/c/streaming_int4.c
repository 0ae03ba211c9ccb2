// Decode's product by int4 weights in blocks of 32 with a scale and a zero: sums[r][j] = Σ_b scale[j][b] · Σ_i x[r][i] ·
// (q[j][i] - zero[j][b]), x and sums float32.
//
// packed  a row's inputs, 128 after 128, in the order in which four blocks' numbers come out of their words, filled up
//         with zeros; then the sum of each block's inputs, filled up to whole vectors
// w       where the numbers of each weight row begin, then where its scales do, then its zeros
// panels  none
//
// Four blocks are sixteen words, four a block. Shifted right by four times k, a word's lowest four bits are one of its
// eight numbers, and pick that number out of a table of floats. Zeros meet the sums of x, not the numbers.
#include "kernels.h"

enum { GROUP = 4 * BLOCK, NUMBERS = 8 };

INLINE int64_t numbers_of(int32_t inputs) {
  return ((int64_t)inputs + GROUP - 1) / GROUP * GROUP;
}

// Numbers of a packed row.
INLINE int64_t row_of(int32_t inputs) {
  return numbers_of(inputs) + ((int64_t)blocks_of(inputs) + LANES - 1) / LANES * LANES;
}

EXPORT void pyramiddrop_streaming_int4_pack(const float *x, int32_t rows, int32_t inputs, float *out) {
  for (int32_t r = 0; r < rows; r++) {
    const float *from = x + (int64_t)r * inputs;
    float *to = out + r * row_of(inputs);
    float *sums = to + numbers_of(inputs);
    for (int64_t i = 0; i < row_of(inputs); i++) {
      to[i] = 0;
    }
    for (int32_t i = 0; i < inputs; i++) {
      int32_t place = i % BLOCK;
      int32_t byte = place % (BLOCK / 2);
      int32_t lane = i % GROUP / BLOCK * 4 + byte / 4;
      int32_t k = byte % 4 * 2 + place / (BLOCK / 2);
      to[(int64_t)(i / GROUP) * GROUP + k * LANES + lane] = from[i];
      sums[i / BLOCK] += from[i];
    }
  }
}

// The zeros of up to 16 blocks, as floats.
AVX512 INLINE __m512 zeros_of(const char *zeros, int32_t count) {
  __m128i bytes = _mm_maskz_loadu_epi32(count > 8 ? 3 : 1, zeros);
  __m512i words = _mm512_cvtepu8_epi32(_mm_unpacklo_epi8(bytes, bytes));
  __m512i shifts = _mm512_set_epi32(4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0);
  return _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srlv_epi32(words, shifts), _mm512_set1_epi32(15)));
}

AVX512 INLINE void streams(const int rows, const float *x, int32_t inputs, const char *const *w, int32_t columns,
                           float *sums) {
  int32_t blocks = blocks_of(inputs);
  int64_t row = row_of(inputs);
  const float *totals = x + numbers_of(inputs);
  int64_t stride = stride_of(columns);
  int32_t quarter = (columns + STREAMS - 1) / STREAMS;
  __m512 table = _mm512_set_ps(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  __m512i block_of_lane = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
  for (int32_t step = 0; step < quarter; step++) {
    const char *numbers[STREAMS];
    const char *scales[STREAMS];
    const char *zeros[STREAMS];
    step_of(w, columns, quarter, step, numbers);
    step_of(w + columns, columns, quarter, step, scales);
    step_of(w + 2 * (int64_t)columns, columns, quarter, step, zeros);
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
      __m512 scale[STREAMS];
#pragma GCC unroll 4
      for (int s = 0; s < STREAMS; s++) {
        __mmask16 inside = (__mmask16)((1u << count) - 1);
        scale[s] = _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(inside, scales[s] + 2 * (int64_t)from));
        __m512 zero = _mm512_mul_ps(zeros_of(zeros[s] + from / 2, count), scale[s]);
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
          sum[s][r] = _mm512_fnmadd_ps(zero, _mm512_loadu_ps(totals + r * row + from), sum[s][r]);
        }
      }
#pragma GCC unroll 1
      for (int32_t b = 0; b < count; b += 4) {
        int64_t at = (int64_t)(from + b) * (BLOCK / 2);
        int32_t left = count - b;
        __mmask16 inside = left < 4 ? (__mmask16)((1u << (4 * left)) - 1) : 0xffff;
        __m512i lanes = _mm512_add_epi32(block_of_lane, _mm512_set1_epi32(b));
        __m512i words[STREAMS];
        __m512 group[STREAMS][STREAMED_ROWS];
#pragma GCC unroll 4
        for (int s = 0; s < STREAMS; s++) {
          _mm_prefetch(numbers[s] + at + AHEAD, _MM_HINT_T0);
          words[s] = _mm512_maskz_loadu_epi32(inside, numbers[s] + at);
#pragma GCC unroll 4
          for (int r = 0; r < rows; r++) {
            group[s][r] = _mm512_setzero_ps();
          }
        }
        const float *inputs_of = x + (int64_t)(from + b) * BLOCK;
#pragma GCC unroll 8
        for (int k = 0; k < NUMBERS; k++) {
#pragma GCC unroll 4
          for (int s = 0; s < STREAMS; s++) {
            __m512 number = _mm512_permutexvar_ps(_mm512_srli_epi32(words[s], 4 * k), table);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) {
              group[s][r] = _mm512_fmadd_ps(number, _mm512_loadu_ps(inputs_of + r * row + k * LANES), group[s][r]);
            }
          }
        }
#pragma GCC unroll 4
        for (int s = 0; s < STREAMS; s++) {
          __m512 own = _mm512_permutexvar_ps(lanes, scale[s]);
#pragma GCC unroll 4
          for (int r = 0; r < rows; r++) {
            sum[s][r] = _mm512_fmadd_ps(group[s][r], own, sum[s][r]);
          }
        }
      }
    }
    store_step(rows, sum, columns, quarter, step, stride, sums);
  }
}

AVX512 EXPORT void pyramiddrop_streaming_int4(const float *x, int32_t rows, int32_t height, int32_t inputs,
                                              const char *const *w, int32_t columns, char *panels, float *sums) {
  STREAMED(streams, rows, x, inputs, w, columns, sums)
}
