// Prefill's products by weights stored number by number, on processors with AVX2: sums[r][j] = Σ_i x[r][i] · w[j][i],
// all in float32. Nothing of x is rounded.
//
// packed  of an input, the numbers of a tile's rows side by side, float32
// panels  4 · RUN bytes for each column, columns rounded up to whole panels
//
// A run of inputs of all weight rows is widened into panels of COLUMNS, which stay in the second-level cache. One of them
// stays in the first while it meets a block of x's rows, which the second has room for as well. A sum takes its products
// in the order of inputs, whatever tile it is in.
#include "kernels.h"

enum {
  // Weight rows of a panel, two vectors.
  COLUMNS = 2 * HALF,
  // The most rows of a tile: twelve sums in registers beside two vectors of weights and one of activations.
  TILE_ROWS_256 = 6,
  // Inputs of a run: 16 KiB a panel.
  RUN = 256,
  PANEL_NUMBERS = RUN * COLUMNS,
  // Tiles of x, up to 96 KiB a run.
  BLOCK_TILES = 16
};

// How a weight is stored.
typedef enum { FLOAT32, BFLOAT16, FLOAT16 } Stored;

AVX2 EXPORT void pyramiddrop_matmul_single_256_pack(const float *x, int32_t rows, int32_t inputs, float *out) {
  for (int32_t r = 0; r < rows; r++) {
    const float *row = x + (int64_t)r * inputs;
    for (int64_t i = 0; i < inputs; i++) {
      out[i * rows + r] = row[i];
    }
  }
}

INLINE int64_t bytes_of_number(const Stored stored) {
  return stored == FLOAT32 ? 4 : 2;
}

AVX2 INLINE __m256 eight_of(const Stored stored, const char *at) {
  if (stored == FLOAT32) {
    return _mm256_loadu_ps((const float *)at);
  }
  __m128i shorts = _mm_loadu_si128((const __m128i *)at);
  return stored == FLOAT16 ? _mm256_cvtph_ps(shorts)
                           : _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(shorts), 16));
}

// Eight inputs of eight weight rows, from number `from` on, input by input; zeros where there are only `left`.
AVX2 INLINE void widen(const Stored stored, const char *const rows[HALF], int64_t from, int32_t left, float *panel) {
  __m256i words[HALF];
#pragma GCC unroll 8
  for (int j = 0; j < HALF; j++) {
    const char *at = rows[j] + bytes_of_number(stored) * from;
    char there[4 * HALF] = {0};
    if (left < HALF) {
      for (int64_t b = 0; b < bytes_of_number(stored) * left; b++) {
        there[b] = at[b];
      }
      at = there;
    }
    words[j] = _mm256_castps_si256(eight_of(stored, at));
  }
  turn(words);
#pragma GCC unroll 8
  for (int i = 0; i < HALF; i++) {
    _mm256_store_si256((__m256i *)(panel + i * COLUMNS), words[i]);
  }
}

// `count` inputs, from number `from` on, of a panel's weight rows. What there is none of repeats the last weight row;
// nobody reads its sums.
AVX2 INLINE void pack_panel(const Stored stored, const char *const *w, int32_t there, int64_t from, int32_t count,
                            float *panel) {
  for (int half = 0; half < 2; half++) {
    const char *rows[HALF];
    for (int j = 0; j < HALF; j++) {
      int32_t row = half * HALF + j;
      rows[j] = w[row < there ? row : there - 1];
    }
    float *to = panel + half * HALF;
    int32_t i = 0;
    for (; i + HALF <= count; i += HALF) {
      widen(stored, rows, from + i, HALF, to + i * COLUMNS);
    }
    if (i < count) {
      widen(stored, rows, from + i, count - i, to + i * COLUMNS);
    }
  }
}

// Always with a constant number of rows, so that sums stay in registers.
AVX2 INLINE void tile(const int rows, const float *x, const float *panel, int32_t count, float *sums, int64_t stride,
                      int add) {
  __m256 left[TILE_ROWS_256];
  __m256 right[TILE_ROWS_256];
#pragma GCC unroll 6
  for (int r = 0; r < rows; r++) {
    left[r] = add ? _mm256_loadu_ps(sums + r * stride) : _mm256_setzero_ps();
    right[r] = add ? _mm256_loadu_ps(sums + r * stride + HALF) : _mm256_setzero_ps();
  }
#pragma GCC unroll 4
  for (int32_t i = 0; i < count; i++) {
    __m256 first = _mm256_load_ps(panel + i * COLUMNS);
    __m256 second = _mm256_load_ps(panel + i * COLUMNS + HALF);
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
      __m256 number = _mm256_broadcast_ss(x + i * rows + r);
      left[r] = _mm256_fmadd_ps(first, number, left[r]);
      right[r] = _mm256_fmadd_ps(second, number, right[r]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < rows; r++) {
    _mm256_storeu_ps(sums + r * stride, left[r]);
    _mm256_storeu_ps(sums + r * stride + HALF, right[r]);
  }
}

AVX2 static void tile_of(int rows, const float *x, const float *panel, int32_t count, float *sums, int64_t stride,
                         int add) {
  switch (rows) {
    CASES_6(tile, x, panel, count, sums, stride, add)
  }
}

AVX2 INLINE void product(const Stored stored, const float *x, int32_t rows, int32_t height, int32_t inputs,
                         const char *const *w, int32_t columns, float *panels, float *sums) {
  int64_t stride = stride_of(columns);
  int32_t block = BLOCK_TILES * height;
  for (int64_t run = 0; run < inputs; run += RUN) {
    int32_t count = inputs - run < RUN ? (int32_t)(inputs - run) : RUN;
    for (int32_t c = 0; c < columns; c += COLUMNS) {
      pack_panel(stored, w + c, columns - c, run, count, panels + (int64_t)(c / COLUMNS) * PANEL_NUMBERS);
    }
    for (int32_t first = 0; first < rows; first += block) {
      int32_t end = rows - first < block ? rows : first + block;
      for (int32_t c = 0; c < columns; c += COLUMNS) {
        const float *panel = panels + (int64_t)(c / COLUMNS) * PANEL_NUMBERS;
        for (int32_t r = first; r < end; r += height) {
          int32_t high = rows - r < height ? rows - r : height;
          tile_of(high, x + (int64_t)r * inputs + run * high, panel, count, sums + r * stride + c, stride, run > 0);
        }
      }
    }
  }
}

#define EXPORT_PRODUCT(name, stored)                                                                             \
  AVX2 EXPORT void pyramiddrop_matmul_##name##_256(const float *x, int32_t rows, int32_t height, int32_t inputs, \
                                                   const char *const *w, int32_t columns, char *panels,          \
                                                   float *sums) {                                                \
    product(stored, x, rows, height, inputs, w, columns, (float *)panels, sums);                                 \
  }
EXPORT_PRODUCT(float32, FLOAT32)
EXPORT_PRODUCT(bfloat16, BFLOAT16)
EXPORT_PRODUCT(float16, FLOAT16)
#undef EXPORT_PRODUCT
