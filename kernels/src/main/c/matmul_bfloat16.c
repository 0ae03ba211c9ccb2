// Prefill's product by bfloat16 weights: sums[r][j] = Σ_i x[r][i] · w[j][i], of x rounded to bfloat16, in float32.
//
// packed  a word of two inputs of a row; those of a tile's rows side by side, pair by pair
// panels  2 · RUN bytes for each column, columns rounded up to whole panels
//
// A run of inputs of all weight rows is transposed into panels, two inputs a word, which stay in the second-level cache
// while every tile of x passes over them. A sum takes its products in the order of inputs, whatever tile it is in.
#include "kernels.h"

enum {
  // Inputs of a run: a tile of x takes 24 KiB of the first-level cache.
  RUN = 1024,
  PANEL_BYTES = 2 * RUN * PANEL,
  PAIR_BYTES = 4 * PANEL
};

// Rounds to the nearest bfloat16, ties to even; a last input without a neighbour has zero for one.
AVX512_BF16 EXPORT void pyramiddrop_matmul_bfloat16_pack(const float *x, int32_t rows, int32_t inputs, uint32_t *out) {
  __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  __m512i places = _mm512_mullo_epi32(lanes, _mm512_set1_epi32(rows));
  for (int32_t r = 0; r < rows; r++) {
    const float *row = x + (int64_t)r * inputs;
    for (int32_t i = 0; i < inputs; i += 2 * LANES) {
      int32_t left = inputs - i < 2 * LANES ? inputs - i : 2 * LANES;
      uint32_t there = left == 2 * LANES ? 0xffffffffu : (1u << left) - 1;
      __m512 low = _mm512_maskz_loadu_ps((__mmask16)there, row + i);
      __m512 high = left > LANES ? _mm512_maskz_loadu_ps((__mmask16)(there >> LANES), row + i + LANES)
                                 : _mm512_setzero_ps();
      __m512i pairs = (__m512i)_mm512_cvtne2ps_pbh(high, low);
      __mmask16 words = (__mmask16)((1u << ((left + 1) / 2)) - 1);
      _mm512_mask_i32scatter_epi32(out + (int64_t)(i / 2) * rows + r, words, places, pairs, 4);
    }
  }
}

// Always with a constant number of rows, so that sums stay in registers.
AVX512_BF16 INLINE void tile(const int rows, const uint32_t *x, const char *panel, int64_t pairs, float *sums,
                             int64_t stride, int add) {
  __m512 left[TILE_ROWS];
  __m512 right[TILE_ROWS];
#pragma GCC unroll 12
  for (int r = 0; r < rows; r++) {
    left[r] = add ? _mm512_loadu_ps(sums + r * stride) : _mm512_setzero_ps();
    right[r] = add ? _mm512_loadu_ps(sums + r * stride + LANES) : _mm512_setzero_ps();
  }
#pragma GCC unroll 1
  for (int64_t p = 0; p < pairs; p++) {
    __m512bh low = (__m512bh)_mm512_load_si512(panel + p * PAIR_BYTES);
    __m512bh high = (__m512bh)_mm512_load_si512(panel + p * PAIR_BYTES + PAIR_BYTES / 2);
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
      __m512bh pair = (__m512bh)_mm512_set1_epi32((int)x[p * rows + r]);
      left[r] = _mm512_dpbf16_ps(left[r], low, pair);
      right[r] = _mm512_dpbf16_ps(right[r], high, pair);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < rows; r++) {
    _mm512_storeu_ps(sums + r * stride, left[r]);
    _mm512_storeu_ps(sums + r * stride + LANES, right[r]);
  }
}

AVX512_BF16 static void tile_of(int rows, const uint32_t *x, const char *panel, int64_t pairs, float *sums,
                                int64_t stride, int add) {
  switch (rows) {
    CASES_12(tile, x, panel, pairs, sums, stride, add)
  }
}

// `count` inputs, from number `from` on, of the first `there` of 16 weight rows; the others are zero.
AVX512_BF16 static void pack_weights(const char *const *w, int32_t there, int64_t from, int32_t count, char *panel) {
  for (int32_t i = 0; i < count; i += 2 * LANES) {
    int32_t left = count - i < 2 * LANES ? count - i : 2 * LANES;
    __mmask32 inputs = left == 2 * LANES ? 0xffffffffu : (1u << left) - 1;
    __m512i words[LANES];
    for (int32_t j = 0; j < LANES; j++) {
      words[j] = j < there ? _mm512_maskz_loadu_epi16(inputs, w[j] + 2 * (from + i)) : _mm512_setzero_si512();
    }
    transpose(words);
    for (int32_t p = 0; p < (left + 1) / 2; p++) {
      _mm512_store_si512(panel + (int64_t)(i / 2 + p) * PAIR_BYTES, words[p]);
    }
  }
}

EXPORT void pyramiddrop_matmul_bfloat16(const uint32_t *x, int32_t rows, int32_t height, int32_t inputs,
                                        const char *const *w, int32_t columns, char *panels, float *sums) {
  int64_t pairs = ((int64_t)inputs + 1) / 2;
  int64_t stride = stride_of(columns);
  for (int64_t run = 0; run < inputs; run += RUN) {
    int32_t count = inputs - run < RUN ? (int32_t)(inputs - run) : RUN;
    for (int32_t c = 0; c < stride; c += LANES) {
      int32_t there = c < columns ? columns - c : 0;
      char *half = panels + c / PANEL * (int64_t)PANEL_BYTES + c % PANEL * 4;
      pack_weights(there ? w + c : w, there, run, count, half);
    }
    for (int32_t r = 0; r < rows; r += height) {
      int32_t high = rows - r < height ? rows - r : height;
      for (int32_t c = 0; c < columns; c += PANEL) {
        tile_of(high, x + r * pairs + run / 2 * high, panels + c / PANEL * (int64_t)PANEL_BYTES, (count + 1) / 2,
                sums + r * stride + c, stride, run > 0);
      }
    }
  }
}
