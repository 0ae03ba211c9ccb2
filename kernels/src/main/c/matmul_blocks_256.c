// The products of matmul_blocks.c on processors with AVX2 alone: the same numbers, each block summed exactly in integers
// and scaled once, blocks in the same order.
//
// packed  of a block, the words of each of a tile's rows, side by side; then their scales, float32. int4: eight words of
//         four unsigned bytes, the row's numbers raised by an offset; int8: sixteen words of two shorts
// w       as in matmul_blocks.c
// panels  one panel of COLUMNS weight rows, of 40 · INT4_RUN or 68 · INT8_RUN bytes each, which stays in the first cache
//         while all rows meet it
//
// int4: four products of a byte and a number less its zero are two shorts, and eight such steps add up in shorts. What the
// offset adds, which follows from the weights alone, is subtracted first: so none of the sums leaves ±16 · 15 · 128. int8:
// two products of shorts are a word.
#include "kernels.h"

enum {
  // Bytes of a vector of 256 bits.
  BYTES = 32,
  // Weight rows of a panel.
  COLUMNS = 2 * HALF,
  // The most rows of a tile: their sums in integers and in floats are twelve registers.
  BLOCK_ROWS = 3,
  INT4_WORDS = BLOCK / 4,
  INT8_WORDS = BLOCK / 2,
  // Blocks of a run, whole groups.
  INT4_RUN = 32,
  INT8_RUN = 16,
  X_OFFSET = 128
};

// What a compiler knows of `a` ends here, lest it puts sums in another order and all products into memory first.
#define KEEP(a) __asm__("" : "+x"(a))

INLINE int32_t words_of(const int int4) {
  return int4 ? INT4_WORDS : INT8_WORDS;
}

INLINE int32_t run_of(const int int4) {
  return int4 ? INT4_RUN : INT8_RUN;
}

// Vectors of 8 weight rows in a block of a panel: its words, for int4 what the offset adds, negative, and scales.
INLINE int64_t block_bytes(const int int4) {
  return (int64_t)(words_of(int4) + (int4 ? 1 : 0) + 1) * 2 * BYTES;
}

AVX2 INLINE void pack(const int int4, const float *x, int32_t rows, int32_t inputs, uint32_t *out) {
  int32_t blocks = blocks_of(inputs);
  for (int32_t r = 0; r < rows; r++) {
    uint32_t *to = out + r;
    for (int32_t b = 0; b < blocks; b++) {
      __m256i whole[4];
      union {
        float f;
        uint32_t word;
      } scale = {.f = whole_numbers(x + (int64_t)r * inputs, b, inputs, 127, whole)};
      uint32_t words[INT8_WORDS] __attribute__((aligned(BYTES)));
      __m256i *at = (__m256i *)words;
      if (int4) {
        _mm256_store_si256(at, _mm256_xor_si256(bytes_of(whole), _mm256_set1_epi8((char)X_OFFSET)));
      } else {
        _mm256_store_si256(at, shorts_of(whole[0], whole[1]));
        _mm256_store_si256(at + 1, shorts_of(whole[2], whole[3]));
      }
      for (int g = 0; g < words_of(int4); g++) {
        to[(int64_t)g * rows] = words[g];
      }
      to[(int64_t)words_of(int4) * rows] = scale.word;
      to += (int64_t)(words_of(int4) + 1) * rows;
    }
  }
}

AVX2 EXPORT void pyramiddrop_matmul_int8_256_pack(const float *x, int32_t rows, int32_t inputs, uint32_t *out) {
  pack(0, x, rows, inputs, out);
}

AVX2 EXPORT void pyramiddrop_matmul_int4_256_pack(const float *x, int32_t rows, int32_t inputs, uint32_t *out) {
  pack(1, x, rows, inputs, out);
}

AVX2 INLINE __m256i vector(const char *panel, int32_t i) {
  return _mm256_load_si256((const __m256i *)panel + i);
}

AVX2 INLINE __m256 scales_at(const char *panel, int32_t i) {
  return _mm256_load_ps((const float *)panel + i * HALF);
}

// Sums of a block, one word a weight row, of as many rows as a tile has.
AVX2 INLINE void sum_block(const int int4, const int rows, const uint32_t *x, const char *panel,
                           __m256i left[BLOCK_ROWS], __m256i right[BLOCK_ROWS]) {
#pragma GCC unroll 3
  for (int r = 0; r < rows; r++) {
    left[r] = int4 ? vector(panel, 2 * INT4_WORDS) : _mm256_setzero_si256();
    right[r] = int4 ? vector(panel, 2 * INT4_WORDS + 1) : _mm256_setzero_si256();
  }
#pragma GCC unroll 16
  for (int g = 0; g < words_of(int4); g++) {
    __m256i first = vector(panel, 2 * g);
    __m256i second = vector(panel, 2 * g + 1);
#pragma GCC unroll 3
    for (int r = 0; r < rows; r++) {
      __m256i word = _mm256_set1_epi32((int)x[g * rows + r]);
      if (int4) {
        left[r] = _mm256_add_epi16(left[r], _mm256_maddubs_epi16(word, first));
        right[r] = _mm256_add_epi16(right[r], _mm256_maddubs_epi16(word, second));
      } else {
        left[r] = _mm256_add_epi32(left[r], _mm256_madd_epi16(word, first));
        right[r] = _mm256_add_epi32(right[r], _mm256_madd_epi16(word, second));
      }
      KEEP(left[r]);
      KEEP(right[r]);
    }
  }
  if (int4) {
    __m256i one = _mm256_set1_epi16(1);
#pragma GCC unroll 3
    for (int r = 0; r < rows; r++) {
      left[r] = _mm256_madd_epi16(left[r], one);
      right[r] = _mm256_madd_epi16(right[r], one);
    }
  }
}

// Always with a constant number of rows, so that sums stay in registers.
AVX2 INLINE void tile(const int rows, const int int4, const uint32_t *x, const char *panel, int32_t blocks, float *sums,
                      int64_t stride, int add) {
  const int words = words_of(int4);
  const int scales = 2 * words + (int4 ? 2 : 0);
  __m256 left[BLOCK_ROWS];
  __m256 right[BLOCK_ROWS];
#pragma GCC unroll 3
  for (int r = 0; r < rows; r++) {
    left[r] = add ? _mm256_loadu_ps(sums + r * stride) : _mm256_setzero_ps();
    right[r] = add ? _mm256_loadu_ps(sums + r * stride + HALF) : _mm256_setzero_ps();
  }
#pragma GCC unroll 1
  for (int32_t b = 0; b < blocks; b++) {
    __m256i first[BLOCK_ROWS];
    __m256i second[BLOCK_ROWS];
    sum_block(int4, rows, x, panel, first, second);
#pragma GCC unroll 3
    for (int r = 0; r < rows; r++) {
      __m256 scale = _mm256_broadcast_ss((const float *)x + words * rows + r);
      __m256 low = _mm256_mul_ps(scales_at(panel, scales), scale);
      __m256 high = _mm256_mul_ps(scales_at(panel, scales + 1), scale);
      left[r] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(first[r]), low, left[r]);
      right[r] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(second[r]), high, right[r]);
    }
    x += (words + 1) * rows;
    panel += block_bytes(int4);
  }
#pragma GCC unroll 3
  for (int r = 0; r < rows; r++) {
    _mm256_storeu_ps(sums + r * stride, left[r]);
    _mm256_storeu_ps(sums + r * stride + HALF, right[r]);
  }
}

AVX2 INLINE void tile_of(const int int4, int rows, const uint32_t *x, const char *panel, int32_t blocks, float *sums,
                         int64_t stride, int add) {
  switch (rows) {
    CASES_3(tile, int4, x, panel, blocks, sums, stride, add)
  }
}

// Where the i-th of the vectors of 8 weight rows of a panel's block lies.
INLINE __m256i *place(char *panel, int32_t i) {
  return (__m256i *)panel + 2 * i;
}

// A block of 8 weight rows: two inputs a word.
AVX2 INLINE void pack_int8(const char *const rows[HALF], int32_t block, char *panel) {
#pragma GCC unroll 2
  for (int half = 0; half < 2; half++) {
    __m256i words[HALF];
#pragma GCC unroll 8
    for (int j = 0; j < HALF; j++) {
      const char *from = rows[j] + (int64_t)block * BLOCK + half * (BLOCK / 2);
      words[j] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)from));
    }
    turn(words);
#pragma GCC unroll 8
    for (int g = 0; g < HALF; g++) {
      _mm256_store_si256(place(panel, half * HALF + g), words[g]);
    }
  }
}

// A block of 8 weight rows of which `words` hold the numbers of inputs 4 · g on in their lower halves, and those 16 further
// on in their upper ones; `zero` holds each row's zero in all its bytes.
AVX2 INLINE void store_int4(const __m256i words[INT4_WORDS / 2], __m256i zero, char *panel) {
  __m256i offset = _mm256_set1_epi8((char)X_OFFSET);
  __m256i added = _mm256_setzero_si256();
#pragma GCC unroll 8
  for (int g = 0; g < INT4_WORDS; g++) {
    __m256i both = words[g % (INT4_WORDS / 2)];
    __m256i half = g < INT4_WORDS / 2 ? both : _mm256_srli_epi16(both, 4);
    __m256i numbers = _mm256_sub_epi8(_mm256_and_si256(half, _mm256_set1_epi8(15)), zero);
    _mm256_store_si256(place(panel, g), numbers);
    added = _mm256_sub_epi16(added, _mm256_maddubs_epi16(offset, numbers));
  }
  _mm256_store_si256(place(panel, INT4_WORDS), added);
}

// Up to 8 blocks of 8 weight rows.
AVX2 INLINE void pack_int4(const char *const rows[HALF], const char *const zeros[HALF], int32_t from, int32_t count,
                           char *panel) {
  uint32_t eight[HALF] __attribute__((aligned(BYTES)));
  for (int j = 0; j < HALF; j++) {
    __builtin_memcpy(eight + j, zeros[j] + from / 2, sizeof eight[j]);
  }
  __m256i of_blocks = _mm256_load_si256((const __m256i *)eight);
  __m256i lowest = _mm256_set_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0, 0x0c0c0c0c, 0x08080808, 0x04040404, 0);
  for (int32_t b = 0; b < count; b += 2) {
    int two = b + 1 < count;
    __m256i words[HALF];
#pragma GCC unroll 8
    for (int j = 0; j < HALF; j++) {
      const char *at = rows[j] + (int64_t)(from + b) * (BLOCK / 2);
      words[j] = two ? _mm256_loadu_si256((const __m256i *)at)
                     : _mm256_zextsi128_si256(_mm_loadu_si128((const __m128i *)at));
    }
    turn(words);
    __m256i zero = _mm256_shuffle_epi8(_mm256_srl_epi32(of_blocks, _mm_cvtsi32_si128(4 * b)), lowest);
    char *to = panel + b * block_bytes(1);
    store_int4(words, _mm256_and_si256(zero, _mm256_set1_epi8(15)), to);
    if (two) {
      __m256i second = _mm256_and_si256(_mm256_srli_epi16(zero, 4), _mm256_set1_epi8(15));
      store_int4(words + INT4_WORDS / 2, second, to + block_bytes(1));
    }
  }
}

// `count` blocks of 8 weight rows, from a whole group on; one that isn't there is its last neighbour once more.
//
// w  addresses of their numbers, then, `columns` further each, those of their scales and zeros
AVX2 INLINE void pack_weights(const int int4, const char *const *w, int64_t columns, int32_t there, int32_t from,
                              int32_t count, char *panel) {
  const char *numbers[HALF];
  const char *scales[HALF];
  const char *zeros[HALF];
  for (int32_t j = 0; j < HALF; j++) {
    int64_t row = j < there ? j : there - 1;
    numbers[j] = w[row];
    scales[j] = w[row + columns];
    zeros[j] = int4 ? w[row + 2 * columns] : 0;
  }
  for (int32_t b = 0; b < count; b += GROUP) {
    int32_t blocks = count - b < GROUP ? count - b : GROUP;
    char *to = panel + b * block_bytes(int4);
    __m256i of_blocks[HALF];
    for (int j = 0; j < HALF; j++) {
      of_blocks[j] = _mm256_castps_si256(scales_of(scales[j] + 2 * (int64_t)(from + b), blocks));
    }
    turn(of_blocks);
    for (int32_t k = 0; k < blocks; k++) {
      char *scale = to + (k + 1) * block_bytes(int4) - 2 * BYTES;
      _mm256_store_si256((__m256i *)scale, of_blocks[k]);
    }
    if (int4) {
      pack_int4(numbers, zeros, from + b, blocks, to);
    } else {
      for (int32_t k = 0; k < blocks; k++) {
        pack_int8(numbers, from + b + k, to + k * block_bytes(0));
      }
    }
  }
}

AVX2 INLINE void product(const int int4, const uint32_t *x, int32_t rows, int32_t height, int32_t inputs,
                         const char *const *w, int32_t columns, char *panel, float *sums) {
  int32_t blocks = blocks_of(inputs);
  int64_t stride = stride_of(columns);
  for (int32_t run = 0; run < blocks; run += run_of(int4)) {
    int32_t count = blocks - run < run_of(int4) ? blocks - run : run_of(int4);
    for (int32_t c = 0; c < columns; c += COLUMNS) {
      for (int32_t half = 0; half < 2; half++) {
        // What there is none of repeats the last weight row; nobody reads its sums.
        int32_t first = c + half * HALF < columns ? c + half * HALF : columns - 1;
        pack_weights(int4, w + first, columns, columns - first, run, count, panel + half * BYTES);
      }
      for (int32_t r = 0; r < rows; r += height) {
        int32_t high = rows - r < height ? rows - r : height;
        const uint32_t *from = x + ((int64_t)r * blocks + (int64_t)run * high) * (words_of(int4) + 1);
        tile_of(int4, high, from, panel, count, sums + r * stride + c, stride, run > 0);
      }
    }
  }
}

AVX2 EXPORT void pyramiddrop_matmul_int8_256(const uint32_t *x, int32_t rows, int32_t height, int32_t inputs,
                                             const char *const *w, int32_t columns, char *panels, float *sums) {
  product(0, x, rows, height, inputs, w, columns, panels, sums);
}

AVX2 EXPORT void pyramiddrop_matmul_int4_256(const uint32_t *x, int32_t rows, int32_t height, int32_t inputs,
                                             const char *const *w, int32_t columns, char *panels, float *sums) {
  product(1, x, rows, height, inputs, w, columns, panels, sums);
}
