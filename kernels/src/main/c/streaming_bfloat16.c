// Decode's product by bfloat16 weights: sums[r][j] = Σ_i x[r][i] · w[j][i], all in float32. Weights are read once and
// widened in registers, so that memory is the limit.
//
// packed  a row's even inputs and then its odd ones, both padded with zeros to whole vectors
// panels  none
//
// A pair of weights is one word: shifted left, its low half is an even input; masked, its high half an odd one. Each
// stream has a quarter of the weight rows, which lie in order, so that it reads one long piece of memory.
#include "kernels.h"

INLINE int64_t half_of(int32_t inputs) {
  return ((int64_t)(inputs + 1) / 2 + LANES - 1) / LANES * LANES;
}

EXPORT void pyramiddrop_streaming_bfloat16_pack(const float *x, int32_t rows, int32_t inputs, float *out) {
  int64_t half = half_of(inputs);
  for (int32_t r = 0; r < rows; r++) {
    const float *from = x + (int64_t)r * inputs;
    float *even = out + 2 * half * r;
    float *odd = even + half;
    for (int64_t p = 0; p < half; p++) {
      even[p] = 2 * p < inputs ? from[2 * p] : 0;
      odd[p] = 2 * p + 1 < inputs ? from[2 * p + 1] : 0;
    }
  }
}

AVX512 INLINE void wide(const int rows, const float *x, int32_t inputs, const char *const *w, int32_t columns,
                        float *sums) {
  int64_t half = half_of(inputs);
  int64_t stride = stride_of(columns);
  int32_t quarter = (columns + STREAMS - 1) / STREAMS;
  __m512i upper = _mm512_set1_epi32((int)0xffff0000u);
  for (int32_t step = 0; step < quarter; step++) {
    const char *at[STREAMS];
    step_of(w, columns, quarter, step, at);
    __m512 sum[STREAMS][STREAMED_ROWS];
#pragma GCC unroll 4
    for (int s = 0; s < STREAMS; s++) {
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) {
        sum[s][r] = _mm512_setzero_ps();
      }
    }
#pragma GCC unroll 1
    for (int32_t i = 0; i < inputs; i += 2 * LANES) {
      int32_t left = inputs - i;
      __mmask32 there = left < 2 * LANES ? (1u << left) - 1 : 0xffffffffu;
      __m512 even[STREAMS];
      __m512 odd[STREAMS];
#pragma GCC unroll 4
      for (int s = 0; s < STREAMS; s++) {
        const char *from = at[s] + 2 * (int64_t)i;
        _mm_prefetch(from + AHEAD, _MM_HINT_T0);
        __m512i pairs = _mm512_maskz_loadu_epi16(there, from);
        even[s] = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
        odd[s] = _mm512_castsi512_ps(_mm512_and_si512(pairs, upper));
      }
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) {
        const float *from = x + 2 * half * r + i / 2;
        __m512 first = _mm512_loadu_ps(from);
        __m512 second = _mm512_loadu_ps(from + half);
#pragma GCC unroll 4
        for (int s = 0; s < STREAMS; s++) {
          sum[s][r] = _mm512_fmadd_ps(even[s], first, sum[s][r]);
          sum[s][r] = _mm512_fmadd_ps(odd[s], second, sum[s][r]);
        }
      }
    }
    store_step(rows, sum, columns, quarter, step, stride, sums);
  }
}

AVX512 EXPORT void pyramiddrop_streaming_bfloat16_512(const float *x, int32_t rows, int32_t height, int32_t inputs,
                                                      const char *const *w, int32_t columns, char *panels,
                                                      float *sums) {
  switch (rows) {
    CASES_4(wide, x, inputs, w, columns, sums)
  }
}

enum { NARROW = 8 };

AVX2 INLINE __m256i pairs_of(const char *w, int32_t left) {
  if (left >= 2 * NARROW) {
    return _mm256_loadu_si256((const __m256i *)w);
  }
  char there[4 * NARROW] __attribute__((aligned(32))) = {0};
  for (int32_t b = 0; b < 2 * left; b++) {
    there[b] = w[b];
  }
  return _mm256_load_si256((const __m256i *)there);
}

// One row of x at a time: sixteen registers have no room for the sums of more.
AVX2 EXPORT void pyramiddrop_streaming_bfloat16_256(const float *x, int32_t rows, int32_t height, int32_t inputs,
                                                    const char *const *w, int32_t columns, char *panels,
                                                    float *sums) {
  int64_t half = half_of(inputs);
  int64_t stride = stride_of(columns);
  int32_t quarter = (columns + STREAMS - 1) / STREAMS;
  __m256i upper = _mm256_set1_epi32((int)0xffff0000u);
  for (int32_t step = 0; step < quarter; step++) {
    const char *at[STREAMS];
    step_of(w, columns, quarter, step, at);
    for (int32_t r = 0; r < rows; r++) {
      __m256 even[STREAMS];
      __m256 odd[STREAMS];
#pragma GCC unroll 4
      for (int s = 0; s < STREAMS; s++) {
        even[s] = _mm256_setzero_ps();
        odd[s] = _mm256_setzero_ps();
      }
      for (int32_t i = 0; i < inputs; i += 2 * NARROW) {
        const float *from = x + 2 * half * r + i / 2;
        __m256 first = _mm256_loadu_ps(from);
        __m256 second = _mm256_loadu_ps(from + half);
#pragma GCC unroll 4
        for (int s = 0; s < STREAMS; s++) {
          const char *weights = at[s] + 2 * (int64_t)i;
          _mm_prefetch(weights + AHEAD, _MM_HINT_T0);
          __m256i pairs = pairs_of(weights, inputs - i);
          even[s] = _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)), first, even[s]);
          odd[s] = _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_and_si256(pairs, upper)), second, odd[s]);
        }
      }
#pragma GCC unroll 4
      for (int s = 0; s < STREAMS; s++) {
        int32_t j = s * quarter + step;
        float value = sum_of(_mm256_add_ps(even[s], odd[s]));
        if (j < columns) {
          sums[r * stride + j] = value;
        }
      }
    }
  }
}
