// Attention of many rows on tensor cores, head sizes 64 and 128 (FlashAttention-2, Dao 2023). Four warps have 16
// queries each, kept in registers; 64 keys and values at a time pass through shared memory, the next on their way while
// these are used. Scores never leave registers: as weights they are the left side of the product with values.
//
// Keys that no row of a block sees are not read. Values that some of its rows see are multiplied with a weight of zero
// for the others, so they have to be finite.
#include "attention.cuh"
#include "tensor_core.cuh"

namespace attention::prefill {

constexpr int THREADS = 128;
constexpr int WARP_ROWS = 16;
constexpr int ROWS = THREADS / WARP * WARP_ROWS;
constexpr int KEYS = 64;
constexpr int CHUNK = 8;  // Numbers in 16 bytes.

// Rounded to bfloat16, weights would be off by up to 2⁻⁸, more than all else together; so what rounding leaves is
// multiplied with the values as well. float16 is exact enough, if weights are lifted to 2¹⁵ and less, so that those
// down to 2⁻²⁹ are normal numbers.
template <typename T> constexpr bool TWO_PARTS = true;
template <> constexpr bool TWO_PARTS<float16> = false;
template <typename T> constexpr float LIFT = 0.0f;
template <> constexpr float LIFT<float16> = 15.0f;

// Two weights as T, and what rounding them left.
template <typename T>
__device__ __forceinline__ void split(float low, float high, unsigned& rounded, unsigned& rest) {
  rounded = pack_two<T>(low, high);
  if constexpr (TWO_PARTS<T>) {
    rest = pack_two<T>(low - __uint_as_float(rounded << 16), high - __uint_as_float(rounded & 0xffff0000u));
  }
}

// Where a chunk of a row of a tile lies. Chunks change places within each row so that eight rows of a matrix fall into
// different banks.
template <int SIZE> __device__ __forceinline__ int place(int row, int chunk) {
  return (row * (SIZE / CHUNK) + (chunk ^ (row % 8))) * 16;
}

// The first `count` of 64 rows of one head, on their way; zeros behind them, and no read.
template <typename T, int SIZE>
__device__ __forceinline__ void load_tile(const T* from, int row_columns, int count, unsigned char* tile) {
  constexpr int CHUNKS = SIZE / CHUNK;
  int chunk = threadIdx.x % CHUNKS;
#pragma unroll
  for (int row = threadIdx.x / CHUNKS; row < KEYS; row += THREADS / CHUNKS) {
    bool inside = row < count;
    const T* source = from + (inside ? static_cast<int64_t>(row) * row_columns + chunk * CHUNK : 0);
    copy_async(tile + place<SIZE>(row, chunk), source, inside);
  }
}

// Four neighbouring 8×8 matrices of a tile: rows first and first + 8, chunks `chunk` and the next, in the order of A's
// registers. Transposed, they are two B fragments of values.
template <int SIZE>
__device__ __forceinline__ const unsigned char* square(const unsigned char* tile, int row, int chunk) {
  int lane = threadIdx.x % WARP;
  return tile + place<SIZE>(row + lane % 16, chunk + lane / 16);
}

// The same in the order of two B fragments of keys.
template <int SIZE>
__device__ __forceinline__ const unsigned char* columns(const unsigned char* tile, int row, int chunk) {
  int lane = threadIdx.x % WARP;
  return tile + place<SIZE>(row + lane / 16 * 8 + lane % 8, chunk + lane / 8 % 2);
}

// d[0], d[1] += a · the two B fragments in b.
template <typename T>
__device__ __forceinline__ void multiply_add_pair(float (*d)[4], const unsigned (&a)[4], const unsigned (&b)[4]) {
  const unsigned left[2] = {b[0], b[1]}, right[2] = {b[2], b[3]};
  multiply_add<T>(d[0], a, left);
  multiply_add<T>(d[1], a, right);
}

// Weights of 16 keys as the left side of a product.
template <typename T> struct Weights {
  unsigned rounded[4], rest[4];

  // From scores of two times eight keys.
  __device__ __forceinline__ explicit Weights(const float (*scores)[4]) {
    split<T>(scores[0][0], scores[0][1], rounded[0], rest[0]);
    split<T>(scores[0][2], scores[0][3], rounded[1], rest[1]);
    split<T>(scores[1][0], scores[1][1], rounded[2], rest[2]);
    split<T>(scores[1][2], scores[1][3], rounded[3], rest[3]);
  }

  __device__ __forceinline__ void multiply_add_values(float (*d)[4], const unsigned (&values)[4]) const {
    multiply_add_pair<T>(d, rounded, values);
    if constexpr (TWO_PARTS<T>) multiply_add_pair<T>(d, rest, values);
  }
};

template <typename T, int SIZE>
__device__ __forceinline__ void add_values(const float (&scores)[KEYS / 8][4], const unsigned char* tile,
                                           float (&sums)[SIZE / 8][4]) {
#pragma unroll
  for (int k = 0; k < KEYS / 16; k++) {
    Weights<T> weights(scores + 2 * k);
#pragma unroll
    for (int n = 0; n < SIZE / 16; n++) {
      unsigned values[4];
      load_matrices_transposed(values, square<SIZE>(tile, 16 * k, 2 * n));
      weights.multiply_add_values(sums + 2 * n, values);
    }
  }
}

// Scores of 64 keys become weights; what was summed under a lower level is scaled down. A lane has two rows, 0 and 1
// here, and shares each with the three others of its quad.
template <typename T, int SIZE>
__device__ __forceinline__ void soften(float (&scores)[KEYS / 8][4], float scale, float (&highest)[2],
                                       float (&total)[2], float (&sums)[SIZE / 8][4]) {
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float product = -INFINITY;
#pragma unroll
    for (int n = 0; n < KEYS / 8; n++) product = fmaxf(product, fmaxf(scores[n][2 * r], scores[n][2 * r + 1]));
    product = fmaxf(product, __shfl_xor_sync(ALL_LANES, product, 1));
    product = fmaxf(product, __shfl_xor_sync(ALL_LANES, product, 2));
    float higher = fmaxf(highest[r], level(product, scale) - LIFT<T>);
    float rescale = correction(highest[r], higher);
    highest[r] = higher;
    float here = 0;
#pragma unroll
    for (int n = 0; n < KEYS / 8; n++) {
#pragma unroll
      for (int i = 2 * r; i < 2 * r + 2; i++) {
        scores[n][i] = weight(scores[n][i], scale, higher);
        here += scores[n][i];
      }
    }
    total[r] = total[r] * rescale + here;
#pragma unroll
    for (int n = 0; n < SIZE / 8; n++) {
      sums[n][2 * r] *= rescale;
      sums[n][2 * r + 1] *= rescale;
    }
  }
}

template <typename T, int SIZE> __device__ __forceinline__ void run(const Attention<T>& a) {
  constexpr int TILE = KEYS * SIZE * 2;  // Bytes.
  unsigned char* stages = shared_memory();  // Twice keys, then values.
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;

  // The last rows see the most keys: they start first.
  int head = blockIdx.x, first_row = static_cast<int>(gridDim.y - 1 - blockIdx.y) * ROWS;
  int kv_columns = a.kv_heads * SIZE, kv_column = head / (a.heads / a.kv_heads) * SIZE;
  const T* keys = a.keys + kv_column;
  const T* values = a.values + kv_column;
  const T* q = a.q + static_cast<int64_t>(first_row) * a.q_columns + head * SIZE;

  int most = most_visible(a, first_row, ROWS);
  auto load_stage = [&](int key, unsigned char* stage) {
    int64_t from = static_cast<int64_t>(key) * kv_columns;
    load_tile<T, SIZE>(keys + from, kv_columns, most - key, stage);
    load_tile<T, SIZE>(values + from, kv_columns, most - key, stage + TILE);
  };

  // Queries pass through the second stage, before keys come there.
  load_tile<T, SIZE>(q, a.q_columns, a.rows - first_row, stages + 2 * TILE);
  copies_sent();
  if (most > 0) load_stage(0, stages);
  copies_sent();

  // Rows behind the last one do as it does, so that masks are for those that need them.
  int row = first_row + warp * WARP_ROWS + lane / 4;
  int sees[2] = {};
  if (first_row + warp * WARP_ROWS < a.rows) {
    sees[0] = visible(a, min(row, a.rows - 1));
    sees[1] = visible(a, min(row + 8, a.rows - 1));
  }
  int warp_sees = warp_most(max(sees[0], sees[1])), all_see = warp_least(min(sees[0], sees[1]));

  copies_arrived<1>();
  __syncthreads();
  unsigned queries[SIZE / 16][4];
#pragma unroll
  for (int c = 0; c < SIZE / 16; c++) {
    load_matrices(queries[c], square<SIZE>(stages + 2 * TILE, warp * WARP_ROWS, 2 * c));
  }

  float sums[SIZE / 8][4] = {};
  float highest[2] = {-INFINITY, -INFINITY}, total[2] = {};
  unsigned char* stage = stages;
  unsigned char* next = stages + 2 * TILE;
  for (int key = 0; key < most; key += KEYS) {
    copies_arrived<0>();
    __syncthreads();  // These keys and values are there, and nobody uses the other stage any more.
    if (key + KEYS < most) load_stage(key + KEYS, next);
    copies_sent();
    if (key < warp_sees) {
      float scores[KEYS / 8][4] = {};
#pragma unroll
      for (int c = 0; c < SIZE / 16; c++) {
#pragma unroll
        for (int n = 0; n < KEYS / 16; n++) {
          unsigned matrices[4];
          load_matrices(matrices, columns<SIZE>(stage, 16 * n, 2 * c));
          multiply_add_pair<T>(scores + 2 * n, queries[c], matrices);
        }
      }
      if (key + KEYS > all_see) {
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++) {
#pragma unroll
          for (int i = 0; i < 4; i++) {
            if (key + 8 * n + 2 * (lane % 4) + i % 2 >= sees[i / 2]) scores[n][i] = -INFINITY;
          }
        }
      }
      soften<T, SIZE>(scores, a.scale, highest, total, sums);
      add_values<T, SIZE>(scores, stage + TILE, sums);
    }
    unsigned char* used = stage;
    stage = next;
    next = used;
  }

#pragma unroll
  for (int r = 0; r < 2; r++) {
    total[r] += __shfl_xor_sync(ALL_LANES, total[r], 1);
    total[r] += __shfl_xor_sync(ALL_LANES, total[r], 2);
    if (row + 8 * r >= a.rows) continue;
    float inverse = 1.0f / total[r];
    T* out = a.out + static_cast<int64_t>(row + 8 * r) * a.heads * SIZE + head * SIZE + 2 * (lane % 4);
#pragma unroll
    for (int n = 0; n < SIZE / 8; n++) {
      *reinterpret_cast<unsigned*>(out + 8 * n) =
          pack_two<T>(sums[n][2 * r] * inverse, sums[n][2 * r + 1] * inverse);
    }
  }
}

}  // namespace attention::prefill

template <typename T> __device__ void attention_prefill_64(const Attention<T>& a) { attention::prefill::run<T, 64>(a); }

template <typename T> __device__ void attention_prefill_128(const Attention<T>& a) {
  attention::prefill::run<T, 128>(a);
}

EXPORT_SHORT_TYPES(attention_prefill_64, Attention, attention::prefill::THREADS)
EXPORT_SHORT_TYPES(attention_prefill_128, Attention, attention::prefill::THREADS)

// Launch: grid (heads, ⌈rows / 64⌉), 128 threads, 4 · 64 · size · 2 bytes of shared memory. All pointers are multiples
// of 16 bytes, and q_columns a multiple of 8.
