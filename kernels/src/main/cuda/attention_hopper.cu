// Attention of many rows with heads of 128 channels on compute capability 9.0 (FlashAttention-3, Shah et al. 2024). Three
// warpgroups: one thread of the first has the copy engine fetch 128 keys and their values at a time, two stages ahead;
// the other two have 64 queries each. While a warpgroup's weights are multiplied with the values, it fetches the
// products with the next keys and makes weights of them. Scores and weights never leave registers.
//
// Rows see all keys, or those up to their own place: every key and value is seen by the last row, so all are finite.
#include "attention_rows.cuh"
#include "hopper.cuh"

template <typename T> struct AttentionHopper {
  TensorMap q;       // (rows, ≥ heads·128), in boxes of 128 rows
  TensorMap keys;    // (key_count, kv_heads·128), in boxes of 128 rows
  TensorMap values;  // the same
  T* out;            // (rows, heads·128)
  int rows, key_count;
  int heads, kv_heads;
  int causal;   // as in Attention
  float scale;  // log2(e) / √128
};

namespace attention::boxes {

using namespace ::hopper;

constexpr int SIZE = 128;
constexpr int KEYS = BOX_ROWS;
constexpr int STAGES = 2;
constexpr int TILE = SIZE / BOX_COLUMNS * BOX;

struct Barriers {
  uint64_t queries;
  uint64_t keys[STAGES], values[STAGES];                // there
  uint64_t keys_free[STAGES], values_free[STAGES];      // no longer read
};

// A block's shared memory: a tile of queries, STAGES of keys, STAGES of values, barriers.
struct Shared {
  unsigned char* tiles;
  Barriers* barriers;

  __device__ __forceinline__ Shared()
      : tiles(first_box()), barriers(reinterpret_cast<Barriers*>(tiles + (1 + 2 * STAGES) * TILE)) {}

  __device__ __forceinline__ unsigned char* queries() const { return tiles; }
  __device__ __forceinline__ unsigned char* keys(int stage) const { return tiles + (1 + stage) * TILE; }
  __device__ __forceinline__ unsigned char* values(int stage) const { return tiles + (1 + STAGES + stage) * TILE; }
};
constexpr int SHARED_BYTES = BOX_ALIGNMENT + (1 + 2 * STAGES) * TILE + static_cast<int>(sizeof(Barriers));
static_assert(SHARED_BYTES == 164936, "CudaAttention asks for as much");

// Which stage holds a tile, and the parity of its use.
__device__ __forceinline__ int stage_of(int tile) { return tile % STAGES; }
__device__ __forceinline__ unsigned parity_of(int tile) { return tile / STAGES % 2; }

template <typename T> __device__ __forceinline__ int visible(const AttentionHopper<T>& a, int row) {
  return a.causal != 0 ? max(0, a.key_count - a.rows + row + 1) : a.key_count;
}

__device__ __forceinline__ void copy_tile(unsigned char* to, const TensorMap* map, int column, int row,
                                          uint64_t* there) {
  barrier_expect(there, TILE);
#pragma unroll
  for (int i = 0; i < SIZE / BOX_COLUMNS; i++) copy_box(to + i * BOX, map, column + i * BOX_COLUMNS, row, there);
}

// What one thread does: all copies of a block.
template <typename T>
__device__ __forceinline__ void produce(const AttentionHopper<T>& a, const Shared& shared, int head, int first_row,
                                        int tiles) {
  int kv_column = head / (a.heads / a.kv_heads) * SIZE;
  Barriers& barriers = *shared.barriers;
  copy_tile(shared.queries(), &a.q, head * SIZE, first_row, &barriers.queries);
  for (int tile = 0; tile < tiles; tile++) {
    int stage = stage_of(tile);
    // A barrier's first phase is that of its first use, so the phase before counts as over.
    barrier_wait(&barriers.keys_free[stage], parity_of(tile) ^ 1);
    copy_tile(shared.keys(stage), &a.keys, kv_column, tile * KEYS, &barriers.keys[stage]);
    barrier_wait(&barriers.values_free[stage], parity_of(tile) ^ 1);
    copy_tile(shared.values(stage), &a.values, kv_column, tile * KEYS, &barriers.values[stage]);
  }
}

// scores = queries · keysᵀ, begun.
template <typename T>
__device__ __forceinline__ void multiply_keys(const unsigned char* queries, const unsigned char* keys,
                                              float (&scores)[KEYS / 8][4]) {
  products_begin(scores);
#pragma unroll
  for (int c = 0; c < SIZE / 16; c++) {
    int at = c * 16 / BOX_COLUMNS * BOX + c * 16 % BOX_COLUMNS * 2;
    multiply_rows<T>(scores, queries + at, keys + at, c > 0);
  }
  products_sent();
}

// sums += weights · values, begun.
template <typename T>
__device__ __forceinline__ void multiply_values(const Weights<T> (&weights)[KEYS / 16], const unsigned char* values,
                                                float (&sums)[SIZE / 8][4]) {
  products_begin(sums);
#pragma unroll
  for (int k = 0; k < KEYS / 16; k++) {
    const unsigned char* rows = values + 16 * k * ROW_BYTES;
    multiply_columns<T>(sums, weights[k].rounded, rows, BOX);
    if constexpr (TWO_PARTS<T>) multiply_columns<T>(sums, weights[k].rest, rows, BOX);
  }
  products_sent();
}

template <typename T>
__device__ __forceinline__ void consume(const AttentionHopper<T>& a, const Shared& shared, int head, int first_row,
                                        int tiles) {
  Barriers& barriers = *shared.barriers;
  const unsigned char* queries = shared.queries() + consumer() * GROUP_ROWS * ROW_BYTES;
  int row = first_row + consumer() * GROUP_ROWS + row_of_lane();
  // Rows behind the last one do as it does.
  int sees[2] = {visible(a, min(row, a.rows - 1)), visible(a, min(row + 8, a.rows - 1))};
  int all_see = warp_least(min(sees[0], sees[1]));

  float scores[KEYS / 8][4], sums[SIZE / 8][4] = {};
  float highest[2] = {-INFINITY, -INFINITY}, total[2] = {}, rescale[2];
  Weights<T> weights[KEYS / 16];
  auto soften_tile = [&](int tile) {
    if ((tile + 1) * KEYS > all_see) hide(scores, tile * KEYS, sees);
#pragma unroll
    for (int r = 0; r < 2; r++) rescale[r] = soften<T>(scores, r, a.scale, highest[r], total[r]);
  };
  auto take_weights = [&] {
#pragma unroll
    for (int k = 0; k < KEYS / 16; k++) weights[k] = weights_of<T>(scores + 2 * k);
  };

  barrier_wait(&barriers.queries, 0);
  if (tiles > 0) {
    barrier_wait(&barriers.keys[0], 0);
    multiply_keys<T>(queries, shared.keys(0), scores);
    products_arrived<0>(scores);
    release(&barriers.keys_free[0]);
    soften_tile(0);
    take_weights();
  }
#pragma unroll 1
  for (int tile = 1; tile < tiles; tile++) {
    int stage = stage_of(tile), before = stage_of(tile - 1);
    barrier_wait(&barriers.keys[stage], parity_of(tile));
    multiply_keys<T>(queries, shared.keys(stage), scores);
    barrier_wait(&barriers.values[before], parity_of(tile - 1));
    multiply_values<T>(weights, shared.values(before), sums);
    products_arrived<1>(scores);
    release(&barriers.keys_free[stage]);
    soften_tile(tile);
    products_arrived<0>(sums);
    release(&barriers.values_free[before]);
#pragma unroll
    for (int r = 0; r < 2; r++) scale_row(sums, r, rescale[r]);
    take_weights();
  }
  if (tiles > 0) {
    int last = stage_of(tiles - 1);
    barrier_wait(&barriers.values[last], parity_of(tiles - 1));
    multiply_values<T>(weights, shared.values(last), sums);
    products_arrived<0>(sums);
  }
  store_rows(a.out, a.rows, a.heads * SIZE, row, head, total, sums);
}

template <typename T> __device__ __forceinline__ void run(const AttentionHopper<T>& a) {
#if HOPPER
  Shared shared;
  Barriers& barriers = *shared.barriers;
  if (threadIdx.x == 0) {
    barrier_init(&barriers.queries, 1);
    for (int s = 0; s < STAGES; s++) {
      barrier_init(&barriers.keys[s], 1);
      barrier_init(&barriers.values[s], 1);
      barrier_init(&barriers.keys_free[s], RELEASES);
      barrier_init(&barriers.values_free[s], RELEASES);
    }
    barriers_made();
  }
  __syncthreads();
  // The last rows see the most keys: they start first.
  int head = blockIdx.x, first_row = static_cast<int>(gridDim.y - 1 - blockIdx.y) * ROWS;
  int tiles = ceil_div(visible(a, min(first_row + ROWS, a.rows) - 1), KEYS);
  share_out([&] { produce(a, shared, head, first_row, tiles); },
            [&] { consume(a, shared, head, first_row, tiles); });
#else
  __trap();
#endif
}

}  // namespace attention::boxes

template <typename T> __device__ void attention_hopper_128(const AttentionHopper<T>& a) { attention::boxes::run(a); }

EXPORT_ALONE(attention_hopper_128_float16, attention_hopper_128<float16>, AttentionHopper<float16>,
             hopper::THREADS)
EXPORT_ALONE(attention_hopper_128_bfloat16, attention_hopper_128<bfloat16>, AttentionHopper<bfloat16>,
             hopper::THREADS)

// Launch: grid (heads, ⌈rows / 128⌉), 384 threads, SHARED_BYTES (164936) of shared memory. `out` is a multiple of 4 bytes;
// what the tensor maps need is CUDA's to say: addresses and rows that are multiples of 16 bytes.
