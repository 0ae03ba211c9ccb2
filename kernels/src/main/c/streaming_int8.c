// Decode's product by int8 weights in blocks of 32 with a scale: sums[r][j] = Σ_b scale[j][b] · Σ_i x[r][i] · q[j][i], x
// and sums float32. Numbers are widened in registers, and a block's sum meets its scale once.
//
// packed  a row filled up with zeros to whole blocks
// w       where the numbers of each weight row begin, then where its scales do
// panels  none
#include "kernels.h"

EXPORT void pyramiddrop_streaming_int8_pack(const float *x, int32_t rows, int32_t inputs, float *out) {
  int64_t padded = (int64_t)blocks_of(inputs) * BLOCK;
  for (int32_t r = 0; r < rows; r++) {
    for (int64_t i = 0; i < padded; i++) {
      out[r * padded + i] = i < inputs ? x[(int64_t)r * inputs + i] : 0;
    }
  }
}

AVX512 INLINE void streams(const int rows, const float *x, int32_t inputs, const char *const *w, int32_t columns,
                           float *sums) {
  int32_t blocks = blocks_of(inputs);
  int64_t padded = (int64_t)blocks * BLOCK;
  int64_t stride = stride_of(columns);
  int32_t quarter = (columns + STREAMS - 1) / STREAMS;
  for (int32_t step = 0; step < quarter; step++) {
    const char *numbers[STREAMS];
    const char *scales[STREAMS];
    step_of(w, columns, quarter, step, numbers);
    step_of(w + columns, columns, quarter, step, scales);
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
      float scale[STREAMS][LANES] __attribute__((aligned(64)));
#pragma GCC unroll 4
      for (int s = 0; s < STREAMS; s++) {
        __mmask16 inside = (__mmask16)((1u << count) - 1);
        __m256i halves = _mm256_maskz_loadu_epi16(inside, scales[s] + 2 * (int64_t)from);
        _mm512_store_ps(scale[s], _mm512_cvtph_ps(halves));
      }
#pragma GCC unroll 1
      for (int32_t b = 0; b < count; b++) {
        int64_t at = (int64_t)(from + b) * BLOCK;
        __m512 low[STREAMS];
        __m512 high[STREAMS];
#pragma GCC unroll 4
        for (int s = 0; s < STREAMS; s++) {
          _mm_prefetch(numbers[s] + at + AHEAD, _MM_HINT_T0);
          low[s] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(numbers[s] + at))));
          high[s] =
              _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(numbers[s] + at + LANES))));
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
          __m512 first = _mm512_loadu_ps(x + r * padded + at);
          __m512 second = _mm512_loadu_ps(x + r * padded + at + LANES);
#pragma GCC unroll 4
          for (int s = 0; s < STREAMS; s++) {
            __m512 block = _mm512_fmadd_ps(high[s], second, _mm512_mul_ps(low[s], first));
            sum[s][r] = _mm512_fmadd_ps(block, _mm512_set1_ps(scale[s][b]), sum[s][r]);
          }
        }
      }
    }
    store_step(rows, sum, columns, quarter, step, stride, sums);
  }
}

AVX512 EXPORT void pyramiddrop_streaming_int8(const float *x, int32_t rows, int32_t height, int32_t inputs,
                                              const char *const *w, int32_t columns, char *panels, float *sums) {
  STREAMED(streams, rows, x, inputs, w, columns, sums)
}
