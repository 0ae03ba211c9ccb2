// Prefill's product by weights in blocks of 32 with a scale: sums[r][j] = Σ_b Σ_i x[r][i] · scale[j][b] · (q[j][i] -
// zero[j][b]). x is rounded to signed bytes with a scale for each block of a row, so that a block is summed exactly in
// integers, four products at a time, and scaled once.
//
// packed  of a block, eight words of four inputs of each of a tile's rows, side by side; then their scales, float32; then
//         the sums of their bytes
// w       for int8: where the numbers of each weight row begin, then where its scales do; for int4, then its zeros
// panels  36 · RUN bytes for each column, columns rounded up to whole panels
//
// The instruction multiplies unsigned bytes by signed ones. So weights are raised by an offset when they are packed, and
// each sum of a block begins with that offset times the sum of x's bytes, negative.
#include "kernels.h"

enum {
  // Words of a block.
  WORDS = BLOCK / 4,
  // Blocks of a run.
  RUN = 32,
  // A block's words, then its scales.
  BLOCK_BYTES = (WORDS + 1) * 4 * PANEL,
  PANEL_BYTES = RUN * BLOCK_BYTES,
  // Words of a block of one row of x.
  PACKED = WORDS + 2,
  // The most rows of a tile, whose sums in integers and in floats are both in registers.
  BLOCK_ROWS = 6,
  INT8_OFFSET = 128,
  INT4_OFFSET = 16
};

// Below this a block is taken for zero, so that the inverse of its scale is finite.
#define SMALLEST 0x1p-100f

AVX512_VNNI EXPORT void pyramiddrop_matmul_blocks_pack(const float *x, int32_t rows, int32_t inputs, uint32_t *out) {
  __m512 largest = _mm512_set1_ps(3.40282347e38f);
  for (int32_t r = 0; r < rows; r++) {
    const float *row = x + (int64_t)r * inputs;
    uint32_t *to = out + r;
    for (int32_t i = 0; i < inputs; i += BLOCK) {
      int32_t left = inputs - i;
      uint32_t there = left < BLOCK ? (1u << left) - 1 : 0xffffffffu;
      __m512 a = _mm512_maskz_loadu_ps((__mmask16)there, row + i);
      __m512 b = left > LANES ? _mm512_maskz_loadu_ps((__mmask16)(there >> LANES), row + i + LANES)
                              : _mm512_setzero_ps();
      __m512 sizes = _mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b));
      int finite = !(_mm512_cmp_ps_mask(_mm512_abs_ps(a), largest, _CMP_NLE_UQ) |
                     _mm512_cmp_ps_mask(_mm512_abs_ps(b), largest, _CMP_NLE_UQ));
      float most = _mm512_reduce_max_ps(sizes);
      int some = finite && most >= SMALLEST;
      float scale = finite ? some ? most / 127 : 0 : __builtin_nanf("");
      __m512 inverse = _mm512_set1_ps(some ? 127 / most : 0);
      __m512i low = some ? _mm512_cvtps_epi32(_mm512_mul_ps(a, inverse)) : _mm512_setzero_si512();
      __m512i high = some ? _mm512_cvtps_epi32(_mm512_mul_ps(b, inverse)) : _mm512_setzero_si512();
      uint32_t words[WORDS] __attribute__((aligned(32)));
      _mm_store_si128((__m128i *)words, _mm512_cvtepi32_epi8(low));
      _mm_store_si128((__m128i *)words + 1, _mm512_cvtepi32_epi8(high));
      for (int g = 0; g < WORDS; g++) {
        to[g * rows] = words[g];
      }
      union {
        float f;
        uint32_t word;
      } bits = {.f = scale};
      to[WORDS * rows] = bits.word;
      to[(WORDS + 1) * rows] = (uint32_t)_mm512_reduce_add_epi32(_mm512_add_epi32(low, high));
      to += PACKED * rows;
    }
  }
}

// Always with a constant number of rows, so that sums stay in registers.
AVX512_VNNI INLINE void tile(const int rows, const uint32_t *x, const char *panel, int32_t blocks, int32_t offset, float *sums,
                      int64_t stride, int add) {
  __m512 left[BLOCK_ROWS];
  __m512 right[BLOCK_ROWS];
#pragma GCC unroll 6
  for (int r = 0; r < rows; r++) {
    left[r] = add ? _mm512_loadu_ps(sums + r * stride) : _mm512_setzero_ps();
    right[r] = add ? _mm512_loadu_ps(sums + r * stride + LANES) : _mm512_setzero_ps();
  }
#pragma GCC unroll 1
  for (int32_t b = 0; b < blocks; b++) {
    __m512i first[BLOCK_ROWS];
    __m512i second[BLOCK_ROWS];
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
      first[r] = _mm512_set1_epi32(-offset * (int32_t)x[(WORDS + 1) * rows + r]);
      second[r] = first[r];
    }
#pragma GCC unroll 8
    for (int g = 0; g < WORDS; g++) {
      __m512i low = _mm512_load_si512(panel + g * 4 * PANEL);
      __m512i high = _mm512_load_si512(panel + g * 4 * PANEL + 4 * LANES);
#pragma GCC unroll 6
      for (int r = 0; r < rows; r++) {
        __m512i four = _mm512_set1_epi32((int)x[g * rows + r]);
        first[r] = _mm512_dpbusd_epi32(first[r], low, four);
        second[r] = _mm512_dpbusd_epi32(second[r], high, four);
      }
    }
    __m512 low = _mm512_load_ps((const float *)(panel + WORDS * 4 * PANEL));
    __m512 high = _mm512_load_ps((const float *)(panel + WORDS * 4 * PANEL + 4 * LANES));
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
      __m512 scale = _mm512_castsi512_ps(_mm512_set1_epi32((int)x[WORDS * rows + r]));
      left[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(first[r]), _mm512_mul_ps(low, scale), left[r]);
      right[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(second[r]), _mm512_mul_ps(high, scale), right[r]);
    }
    x += PACKED * rows;
    panel += BLOCK_BYTES;
  }
#pragma GCC unroll 6
  for (int r = 0; r < rows; r++) {
    _mm512_storeu_ps(sums + r * stride, left[r]);
    _mm512_storeu_ps(sums + r * stride + LANES, right[r]);
  }
}

AVX512_VNNI static void tile_of(int rows, const uint32_t *x, const char *panel, int32_t blocks, int32_t offset, float *sums,
                         int64_t stride, int add) {
  switch (rows) {
    CASES_6(tile, x, panel, blocks, offset, sums, stride, add)
  }
}

// Two blocks of a weight row, the second only if there are two, as bytes that the offset has made positive.
AVX512_VNNI INLINE __m512i int8_of(const char *numbers, int32_t block, int two) {
  __m512i bytes = _mm512_maskz_loadu_epi32(two ? 0xffff : 0x00ff, numbers + (int64_t)block * BLOCK);
  return _mm512_xor_si512(bytes, _mm512_set1_epi8((char)INT8_OFFSET));
}

AVX512_VNNI INLINE __m512i int4_of(const char *numbers, const char *zeros, int32_t block, int two) {
  __m256i both = _mm256_maskz_loadu_epi32(two ? 0xff : 0x0f, numbers + (int64_t)block * (BLOCK / 2));
  __m256i low = _mm256_and_si256(both, _mm256_set1_epi8(15));
  __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), _mm256_set1_epi8(15));
  // A block's low halves, then its high ones.
  __m512i order = _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0);
  __m512i bytes = _mm512_permutex2var_epi64(_mm512_castsi256_si512(low), order, _mm512_castsi256_si512(high));
  int zero = (unsigned char)zeros[block / 2];
  __m256i first = _mm256_set1_epi8((char)(INT4_OFFSET - (zero & 15)));
  __m256i second = _mm256_set1_epi8((char)(INT4_OFFSET - (zero >> 4)));
  return _mm512_add_epi8(bytes, _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1));
}

// `count` blocks, from an even one on, of the first `there` of 16 weight rows; the others have scales of zero.
//
// w  addresses of their numbers, then, `columns` further each, those of their scales and zeros
AVX512_VNNI INLINE void pack_weights(const int four, const char *const *w, int64_t columns, int32_t there, int32_t from,
                                     int32_t count, char *panel) {
  for (int32_t b = 0; b < count; b += 2) {
    int two = b + 1 < count;
    __m512i words[LANES];
    for (int32_t j = 0; j < LANES; j++) {
      words[j] = j >= there ? _mm512_setzero_si512()
                 : four     ? int4_of(w[j], w[j + 2 * columns], from + b, two)
                            : int8_of(w[j], from + b, two);
    }
    transpose(words);
    char *to = panel + (int64_t)b * BLOCK_BYTES;
    for (int g = 0; g < WORDS; g++) {
      _mm512_store_si512(to + g * 4 * PANEL, words[g]);
    }
    for (int g = 0; g < WORDS && two; g++) {
      _mm512_store_si512(to + BLOCK_BYTES + g * 4 * PANEL, words[WORDS + g]);
    }
  }
  for (int32_t b = 0; b < count; b += LANES) {
    int32_t left = count - b < LANES ? count - b : LANES;
    __mmask16 inside = (__mmask16)((1u << left) - 1);
    __m512i words[LANES];
    for (int32_t j = 0; j < LANES; j++) {
      words[j] = j < there ? _mm512_castps_si512(_mm512_cvtph_ps(
                                 _mm256_maskz_loadu_epi16(inside, w[j + columns] + 2 * (int64_t)(from + b))))
                           : _mm512_setzero_si512();
    }
    transpose(words);
    for (int32_t k = 0; k < left; k++) {
      _mm512_store_si512(panel + (int64_t)(b + k) * BLOCK_BYTES + WORDS * 4 * PANEL, words[k]);
    }
  }
}

AVX512_VNNI static void pack_int8(const char *const *w, int64_t columns, int32_t there, int32_t from, int32_t count,
                                  char *panel) {
  pack_weights(0, w, columns, there, from, count, panel);
}

AVX512_VNNI static void pack_int4(const char *const *w, int64_t columns, int32_t there, int32_t from, int32_t count,
                                  char *panel) {
  pack_weights(1, w, columns, there, from, count, panel);
}

static void product(int four, const uint32_t *x, int32_t rows, int32_t height, int32_t inputs, const char *const *w,
                    int32_t columns, char *panels, float *sums) {
  int32_t blocks = blocks_of(inputs);
  int64_t stride = stride_of(columns);
  for (int32_t run = 0; run < blocks; run += RUN) {
    int32_t count = blocks - run < RUN ? blocks - run : RUN;
    for (int32_t c = 0; c < stride; c += LANES) {
      int32_t there = c < columns ? columns - c : 0;
      const char *const *own = w + (there ? c : 0);
      char *half = panels + c / PANEL * (int64_t)PANEL_BYTES + c % PANEL * 4;
      if (four) {
        pack_int4(own, columns, there, run, count, half);
      } else {
        pack_int8(own, columns, there, run, count, half);
      }
    }
    for (int32_t r = 0; r < rows; r += height) {
      int32_t high = rows - r < height ? rows - r : height;
      const uint32_t *from = x + ((int64_t)r * blocks + (int64_t)run * high) * PACKED;
      for (int32_t c = 0; c < columns; c += PANEL) {
        tile_of(high, from, panels + c / PANEL * (int64_t)PANEL_BYTES, count, four ? INT4_OFFSET : INT8_OFFSET,
                sums + r * stride + c, stride, run > 0);
      }
    }
  }
}

EXPORT void pyramiddrop_matmul_int8(const uint32_t *x, int32_t rows, int32_t height, int32_t inputs,
                                    const char *const *w, int32_t columns, char *panels, float *sums) {
  product(0, x, rows, height, inputs, w, columns, panels, sums);
}

EXPORT void pyramiddrop_matmul_int4(const uint32_t *x, int32_t rows, int32_t height, int32_t inputs,
                                    const char *const *w, int32_t columns, char *panels, float *sums) {
  product(1, x, rows, height, inputs, w, columns, panels, sums);
}
