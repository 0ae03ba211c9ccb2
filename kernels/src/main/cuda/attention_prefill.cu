// Attention of many rows on tensor cores, head sizes 64 and 128 (FlashAttention-2, Dao 2023). Four warps have 16
// queries each, kept in registers; 64 keys and values at a time pass through shared memory, the next on their way while
// these are used. Scores never leave registers: as weights they are the left side of the product with values.
//
// Keys that no row of a block sees are not read. Values that some of its rows see are multiplied with a weight of zero
// for the others, so they have to be finite.
#include "attention_tiles.cuh"

namespace attention::prefill {

constexpr int THREADS = 128;
constexpr int WARP_ROWS = 16;
constexpr int ROWS = THREADS / WARP * WARP_ROWS;
constexpr int KEYS = 64;

template <typename T, int SIZE> __device__ __forceinline__ void run(const Attention<T>& a) {
  constexpr int TILE = KEYS * SIZE * 2;  // Bytes.
  unsigned char* stages = shared_memory();  // Twice keys, then values.
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;

  // The last rows see the most keys: they start first.
  int head = blockIdx.x, first_row = static_cast<int>(gridDim.y - 1 - blockIdx.y) * ROWS;
  int kv_columns = a.kv_columns, kv_column = head / (a.heads / a.kv_heads) * SIZE;
  const T* keys = a.keys + kv_column;
  const T* values = a.values + kv_column;
  const T* q = a.q + static_cast<int64_t>(first_row) * a.q_columns + head * SIZE;

  int most = most_visible(a, first_row, ROWS);
  auto load_stage = [&](int key, unsigned char* stage) {
    int64_t from = static_cast<int64_t>(key) * kv_columns;
    load_tile<T, SIZE, KEYS, THREADS>(keys + from, kv_columns, most - key, stage);
    load_tile<T, SIZE, KEYS, THREADS>(values + from, kv_columns, most - key, stage + TILE);
  };

  // Queries pass through the second stage, before keys come there.
  load_tile<T, SIZE, KEYS, THREADS>(q, a.q_columns, a.rows - first_row, stages + 2 * TILE);
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
      if (key + KEYS > all_see) hide(scores, key, sees);
#pragma unroll
      for (int r = 0; r < 2; r++) scale_row(sums, r, soften<T>(scores, r, a.scale, highest[r], total[r]));
      add_values<T, SIZE, KEYS>(scores, stage + TILE, sums);
    }
    unsigned char* used = stage;
    stage = next;
    next = used;
  }

  store_rows<SIZE>(a.out, a.rows, a.heads * SIZE, row, head, total, sums);
}

}  // namespace attention::prefill

template <typename T> __device__ void attention_prefill_64(const Attention<T>& a) { attention::prefill::run<T, 64>(a); }

template <typename T> __device__ void attention_prefill_128(const Attention<T>& a) {
  attention::prefill::run<T, 128>(a);
}

EXPORT_SHORT_TYPES(attention_prefill_64, Attention, attention::prefill::THREADS)
EXPORT_SHORT_TYPES(attention_prefill_128, Attention, attention::prefill::THREADS)

// Launch: grid (heads, ⌈rows / 64⌉), 128 threads, 4 · 64 · size · 2 bytes of shared memory. All pointers are multiples
// of 16 bytes, and q_columns and kv_columns multiples of 8.
