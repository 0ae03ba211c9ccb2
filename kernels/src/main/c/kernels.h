// What the kernels for the host's processor share. A kernel is the work of one thread: it allocates nothing, keeps no
// address, and trusts its caller with sizes. Numbers of two bytes may lie at any address, hence `const char *`.
//
// Each product is a pair of functions of one shape:
//
//   pack(x, rows, inputs, out)   brings rows of activations into the form that the product reads; a row takes as many
//                                bytes wherever it is, so the rows of a tile follow those of the tile before
//   product(x, rows, height, inputs, w, columns, panels, sums)
//     x        packed rows, `height` of them at a time, the last tile with what is left
//     w        where each of `columns` weight rows begins; they are one behind the other or not
//     panels   scratch memory for weights, aligned to 64 bytes
//     sums     rows × columns rounded up to whole panels of PANEL, float32
#pragma once

#include <immintrin.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))

// One object serves all processors: a function names what it needs, and pyramiddrop_processor says what is there.
#define AVX2 __attribute__((target("avx2,fma,f16c")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#define AVX512_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#define AVX512_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

enum {
  // Numbers in a vector of 512 bits, and of 256.
  LANES = 16,
  HALF = LANES / 2,
  // Inputs that share a scale in weights in blocks.
  BLOCK = 32,
  // Blocks whose scales are in one vector of 256 bits.
  GROUP = 8,
  // Weight rows of a panel.
  PANEL = 2 * LANES,
  // The most rows of a tile: 24 sums in registers beside two vectors of weights and one of activations.
  TILE_ROWS = 12,
  // The most rows of a streaming product.
  STREAMED_ROWS = 4,
  // Weight rows that a streaming product reads side by side.
  STREAMS = 4,
  // Bytes of a whole number that stands for a row's input in products by weights in blocks. Beside half bytes arithmetic
  // binds, and a third byte would be lost in what they round off.
  INT8_PARTS = 3,
  INT4_PARTS = 2,
  // The largest such numbers: four products by three bytes are below 2^31, and the highest byte is one.
  INT8_LARGEST = (1 << 22) - 1,
  INT4_LARGEST = 127 << 8,
  // How far ahead of its reads a stream asks for memory, in bytes: what the processor does by itself ends with a page.
  AHEAD = 1024
};

// Below this a row's block is taken for zero, so that the inverse of its scale is finite.
#define SMALLEST 0x1p-100f

// Blocks of a row of weights in blocks.
INLINE int32_t blocks_of(int32_t inputs) {
  return (int32_t)(((int64_t)inputs + BLOCK - 1) / BLOCK);
}

// Where the sums of a row begin.
INLINE int64_t stride_of(int32_t columns) {
  return (int64_t)(columns + PANEL - 1) / PANEL * PANEL;
}

// The weight rows of one step of all streams; a stream that has no more repeats its last.
INLINE void step_of(const char *const *w, int32_t columns, int32_t quarter, int32_t step, const char *rows[STREAMS]) {
  for (int s = 0; s < STREAMS; s++) {
    int32_t j = s * quarter + step;
    rows[s] = w[j < columns ? j : columns - 1];
  }
}

// The sum of a vector's numbers.
AVX2 INLINE float sum_of(__m256 x) {
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

AVX2 INLINE __m256 sizes_of(__m256 x) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}

AVX2 INLINE float most_of(__m256 x) {
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

// 16 signed words as shorts.
AVX2 INLINE __m256i shorts_of(__m256i first, __m256i second) {
  return _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xd8);
}

// 32 signed words as bytes.
AVX2 INLINE __m256i bytes_of(const __m256i words[4]) {
  __m256i turned = _mm256_packs_epi16(_mm256_packs_epi32(words[0], words[1]), _mm256_packs_epi32(words[2], words[3]));
  return _mm256_permutevar8x32_epi32(turned, _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0));
}

// A block of a row as whole numbers, the largest of which is `bound`, those behind the row's end zero: returns their
// scale. A block that isn't finite has a scale of NaN and zeros.
AVX2 INLINE float whole_numbers(const float *row, int32_t block, int32_t inputs, float bound, __m256i whole[4]) {
  int32_t left = inputs - block * BLOCK;
  const float *from = row + (int64_t)block * BLOCK;
  float filled[BLOCK];
  if (left < BLOCK) {
    for (int i = 0; i < BLOCK; i++) {
      filled[i] = i < left ? from[i] : 0;
    }
    from = filled;
  }
  __m256 largest = _mm256_set1_ps(3.40282347e38f);
  __m256 sizes = _mm256_setzero_ps();
  __m256 odd = _mm256_setzero_ps();
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    __m256 size = sizes_of(_mm256_loadu_ps(from + 8 * i));
    odd = _mm256_or_ps(odd, _mm256_cmp_ps(size, largest, _CMP_NLE_UQ));
    sizes = _mm256_max_ps(sizes, size);
  }
  int finite = _mm256_movemask_ps(odd) == 0;
  float most = most_of(sizes);
  int some = finite && most >= SMALLEST;
  __m256 inverse = _mm256_set1_ps(some ? bound / most : 0);
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    __m256 times = _mm256_mul_ps(_mm256_loadu_ps(from + 8 * i), inverse);
    whole[i] = some ? _mm256_cvtps_epi32(times) : _mm256_setzero_si256();
  }
  return finite ? some ? most / bound : 0 : __builtin_nanf("");
}

// The scales of up to eight blocks, those that aren't there zero.
AVX2 INLINE __m256 scales_of(const char *at, int32_t count) {
  if (count == GROUP) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)at));
  }
  char there[2 * GROUP] __attribute__((aligned(16))) = {0};
  for (int32_t i = 0; i < 2 * count; i++) {
    there[i] = at[i];
  }
  return _mm256_cvtph_ps(_mm_load_si128((const __m128i *)there));
}

// Puts the sums of one step of all streams into their places.
AVX512 INLINE void store_step(const int rows, __m512 sum[STREAMS][STREAMED_ROWS], int32_t columns, int32_t quarter,
                              int32_t step, int64_t stride, float *sums) {
#pragma GCC unroll 4
  for (int s = 0; s < STREAMS; s++) {
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      float value = _mm512_reduce_add_ps(sum[s][r]);
      if (s * quarter + step < columns) {
        sums[r * stride + s * quarter + step] = value;
      }
    }
  }
}

// The cases of a switch over a product's rows: it has them as a constant, so that its sums stay in registers.
#define CASE_OF(count, product, ...) \
  case count:                        \
    product(count, __VA_ARGS__);     \
    break;
#define CASES_3(...) CASE_OF(1, __VA_ARGS__) CASE_OF(2, __VA_ARGS__) CASE_OF(3, __VA_ARGS__)
#define CASES_4(...) CASES_3(__VA_ARGS__) CASE_OF(4, __VA_ARGS__)
#define CASES_6(...) CASES_4(__VA_ARGS__) CASE_OF(5, __VA_ARGS__) CASE_OF(6, __VA_ARGS__)
#define CASES_9(...) CASES_6(__VA_ARGS__) CASE_OF(7, __VA_ARGS__) CASE_OF(8, __VA_ARGS__) CASE_OF(9, __VA_ARGS__)
#define CASES_12(...) CASES_9(__VA_ARGS__) CASE_OF(10, __VA_ARGS__) CASE_OF(11, __VA_ARGS__) CASE_OF(12, __VA_ARGS__)

// 8 × 8 words: rows become columns.
AVX2 INLINE void turn(__m256i a[HALF]) {
  __m256i b[HALF];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    b[2 * i] = _mm256_unpacklo_epi32(a[2 * i], a[2 * i + 1]);
    b[2 * i + 1] = _mm256_unpackhi_epi32(a[2 * i], a[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; i++) {
    a[4 * i] = _mm256_unpacklo_epi64(b[4 * i], b[4 * i + 2]);
    a[4 * i + 1] = _mm256_unpackhi_epi64(b[4 * i], b[4 * i + 2]);
    a[4 * i + 2] = _mm256_unpacklo_epi64(b[4 * i + 1], b[4 * i + 3]);
    a[4 * i + 3] = _mm256_unpackhi_epi64(b[4 * i + 1], b[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    b[i] = _mm256_permute2x128_si256(a[i], a[4 + i], 0x20);
    b[4 + i] = _mm256_permute2x128_si256(a[i], a[4 + i], 0x31);
  }
#pragma GCC unroll 8
  for (int i = 0; i < HALF; i++) {
    a[i] = b[i];
  }
}

// 16 × 16 words: rows become columns.
AVX512 INLINE void transpose(__m512i a[LANES]) {
  __m512i b[LANES];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) {
    b[2 * i] = _mm512_unpacklo_epi32(a[2 * i], a[2 * i + 1]);
    b[2 * i + 1] = _mm512_unpackhi_epi32(a[2 * i], a[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    a[4 * i] = _mm512_unpacklo_epi64(b[4 * i], b[4 * i + 2]);
    a[4 * i + 1] = _mm512_unpackhi_epi64(b[4 * i], b[4 * i + 2]);
    a[4 * i + 2] = _mm512_unpacklo_epi64(b[4 * i + 1], b[4 * i + 3]);
    a[4 * i + 3] = _mm512_unpackhi_epi64(b[4 * i + 1], b[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    b[i] = _mm512_shuffle_i32x4(a[i], a[4 + i], 0x88);
    b[4 + i] = _mm512_shuffle_i32x4(a[i], a[4 + i], 0xdd);
    b[8 + i] = _mm512_shuffle_i32x4(a[8 + i], a[12 + i], 0x88);
    b[12 + i] = _mm512_shuffle_i32x4(a[8 + i], a[12 + i], 0xdd);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) {
    a[i] = _mm512_shuffle_i32x4(b[i], b[8 + i], 0x88);
    a[8 + i] = _mm512_shuffle_i32x4(b[i], b[8 + i], 0xdd);
  }
}
