// Attention of many rows with heads of 64, 72 or 128 channels on compute capability 9.0 (FlashAttention-3, Shah et al.
// 2024). Three warpgroups: one thread of the first has the copy engine fetch 128 keys and their values at a time, two
// stages ahead; the other two have 64 queries each. While a warpgroup's weights are multiplied with the values, it
// fetches the products with the next keys and makes weights of them. Scores and weights never leave registers.
//
// Weights are rounded to T before they meet the values, as in every other kernel of this kind: bfloat16 is off by up to
// 2⁻⁸ of each. The sum that they are divided by is taken before.
//
// A tile of a head is boxes of 64 channels. Where its last box has more channels than the head, those are zeros: they add
// nothing to scores, and what they sum up from values is not stored.
//
// Several sequences of one length may lie one behind the other; queries, keys and values may be columns of wider rows.
// Values that some rows of a block see have to be finite; those that none sees may be anything.
#include "attention_rows.cuh"
#include "hopper.cuh"

template <typename T> struct AttentionHopper {
  TensorMap q;          // (sequences, rows, heads, size), in boxes of 128 rows
  TensorMap keys;       // (sequences, key_count, kv_heads, size), in boxes of 128 rows
  TensorMap values;     // the same
  const int* last_key;  // (sequences, rows): the last key each row sees; null where `causal` says it
  T* out;               // (sequences, rows, heads·size)
  int rows, key_count;
  int heads, kv_heads;
  int section;  // how many heads' blocks run side by side, for L2 to hold what they read
  int causal;   // as in Attention
  float scale;  // log2(e) / √size
};

namespace attention::boxes {

using namespace ::hopper;

constexpr int KEYS = BOX_ROWS;
constexpr int STAGES = 2;
template <int SIZE> constexpr int BOXES = ceil_div(SIZE, BOX_COLUMNS);
template <int SIZE> constexpr int TILE = BOXES<SIZE> * BOX;
template <int SIZE> constexpr int SUMS = BOXES<SIZE> * BOX_COLUMNS / 8;  // eights of channels that values have

struct Barriers {
  uint64_t queries;
  uint64_t keys[STAGES], values[STAGES];                // there
  uint64_t keys_free[STAGES], values_free[STAGES];      // no longer read
  uint64_t cleared[CONSUMERS];                          // values that no row sees
};

// A block's shared memory: a tile of queries, STAGES of keys, STAGES of values, barriers.
template <int SIZE> struct Shared {
  unsigned char* tiles;
  Barriers* barriers;

  __device__ __forceinline__ Shared()
      : tiles(first_box()), barriers(reinterpret_cast<Barriers*>(tiles + (1 + 2 * STAGES) * TILE<SIZE>)) {}

  __device__ __forceinline__ unsigned char* queries() const { return tiles; }
  __device__ __forceinline__ unsigned char* keys(int stage) const { return tiles + (1 + stage) * TILE<SIZE>; }
  __device__ __forceinline__ unsigned char* values(int stage) const {
    return tiles + (1 + STAGES + stage) * TILE<SIZE>;
  }
};
template <int SIZE>
constexpr int SHARED_BYTES = BOX_ALIGNMENT + (1 + 2 * STAGES) * TILE<SIZE> + static_cast<int>(sizeof(Barriers));
static_assert(SHARED_BYTES<64> == 83032 && SHARED_BYTES<72> == 164952 && SHARED_BYTES<128> == 164952,
              "CudaAttention asks for as much");

// Which rows of which head a block does, and of how many keys.
struct Part {
  int sequence, head, first_row;
  int most;  // keys that one of its rows sees

  __device__ __forceinline__ int tiles() const { return ceil_div(most, KEYS); }
};

// Which stage holds a tile, and the parity of its use.
__device__ __forceinline__ int stage_of(int tile) { return tile % STAGES; }
__device__ __forceinline__ unsigned parity_of(int tile) { return tile / STAGES % 2; }

template <typename T> __device__ __forceinline__ int visible(const AttentionHopper<T>& a, int sequence, int row) {
  if (a.last_key != nullptr) {
    int last = a.last_key[static_cast<int64_t>(sequence) * a.rows + row];
    return last >= 0 && last < a.key_count ? last + 1 : 0;
  }
  return a.causal != 0 ? max(0, a.key_count - a.rows + row + 1) : a.key_count;
}

// Blocks start in about their order: section by section, and in each those of the last rows first, which see the most
// keys. Every warp calls this with all its lanes.
template <typename T> __device__ __forceinline__ Part part_of_block(const AttentionHopper<T>& a) {
  int row_tiles = gridDim.y, block = blockIdx.y * a.heads + blockIdx.x;
  int first = block / (a.section * row_tiles) * a.section, inside = block % (a.section * row_tiles);
  int here = min(a.section, a.heads - first);
  Part part{static_cast<int>(blockIdx.z), first + inside % here, (row_tiles - 1 - inside / here) * ROWS, 0};
  int end = min(part.first_row + ROWS, a.rows);
  if (a.last_key == nullptr) {
    part.most = visible(a, part.sequence, end - 1);
  } else {
    for (int row = part.first_row + static_cast<int>(threadIdx.x) % WARP; row < end; row += WARP) {
      part.most = max(part.most, visible(a, part.sequence, row));
    }
    part.most = warp_most(part.most);
  }
  return part;
}

template <int SIZE>
__device__ __forceinline__ void copy_tile(unsigned char* to, const TensorMap* map, int head, int row, int sequence,
                                          uint64_t* there) {
  barrier_expect(there, TILE<SIZE>);
#pragma unroll
  for (int i = 0; i < BOXES<SIZE>; i++) {
    copy_box(to + i * BOX, map, i * BOX_COLUMNS, head, row, sequence, there);
  }
}

// What one thread does: all copies of a block.
template <typename T, int SIZE>
__device__ __forceinline__ void produce(const AttentionHopper<T>& a, const Shared<SIZE>& shared, const Part& part) {
  int kv_head = part.head / (a.heads / a.kv_heads);
  Barriers& barriers = *shared.barriers;
  copy_tile<SIZE>(shared.queries(), &a.q, part.head, part.first_row, part.sequence, &barriers.queries);
#pragma unroll 1
  for (int tile = 0; tile < part.tiles(); tile++) {
    int stage = stage_of(tile);
    // A barrier's first phase is that of its first use, so the phase before counts as over.
    barrier_wait(&barriers.keys_free[stage], parity_of(tile) ^ 1);
    copy_tile<SIZE>(shared.keys(stage), &a.keys, kv_head, tile * KEYS, part.sequence, &barriers.keys[stage]);
    barrier_wait(&barriers.values_free[stage], parity_of(tile) ^ 1);
    copy_tile<SIZE>(shared.values(stage), &a.values, kv_head, tile * KEYS, part.sequence, &barriers.values[stage]);
  }
}

// scores = queries · keysᵀ, begun.
template <typename T, int SIZE>
__device__ __forceinline__ void multiply_keys(const unsigned char* queries, const unsigned char* keys,
                                              float (&scores)[KEYS / 8][4]) {
  products_begin(scores);
#pragma unroll
  for (int c = 0; c < ceil_div(SIZE, 16); c++) {
    int at = c * 16 / BOX_COLUMNS * BOX + c * 16 % BOX_COLUMNS * 2;
    multiply_rows<T>(scores, queries + at, keys + at, c > 0);
  }
  products_sent();
}

// sums += weights · values, begun.
template <typename T, int SIZE>
__device__ __forceinline__ void multiply_values(const unsigned (&weights)[KEYS / 16][4], const unsigned char* values,
                                                float (&sums)[SUMS<SIZE>][4]) {
  products_begin(sums);
#pragma unroll
  for (int k = 0; k < KEYS / 16; k++) multiply_columns<T>(sums, weights[k], values + 16 * k * ROW_BYTES, BOX);
  products_sent();
}

// Rows of the last tile of values that no row of the block sees become zeros, as those behind the last key are. Each
// warpgroup does it for itself; writing the same zeros while the other reads them changes nothing.
template <int SIZE>
__device__ __forceinline__ void clear_values(unsigned char* values, int from, uint64_t* cleared) {
  constexpr int CHUNK = 16, CHUNKS = ROW_BYTES / CHUNK;
  Pack<float, 4> zeros{};
  for (int i = static_cast<int>(threadIdx.x) % GROUP; i < (KEYS - from) * CHUNKS * BOXES<SIZE>; i += GROUP) {
    int row = from + i / CHUNKS % (KEYS - from), box = i / CHUNKS / (KEYS - from);
    *reinterpret_cast<Pack<float, 4>*>(values + box * BOX + row * ROW_BYTES + i % CHUNKS * CHUNK) = zeros;
  }
  show_to_products();
  barrier_arrive(cleared);
  barrier_wait(cleared, 0);
}

template <typename T, int SIZE>
__device__ __forceinline__ void consume(const AttentionHopper<T>& a, const Shared<SIZE>& shared, const Part& part) {
  Barriers& barriers = *shared.barriers;
  const unsigned char* queries = shared.queries() + consumer() * GROUP_ROWS * ROW_BYTES;
  int row = part.first_row + consumer() * GROUP_ROWS + row_of_lane();
  // Rows behind the last one do as it does.
  int sees[2] = {visible(a, part.sequence, min(row, a.rows - 1)), visible(a, part.sequence, min(row + 8, a.rows - 1))};
  int all_see = warp_least(min(sees[0], sees[1])), tiles = part.tiles();

  float scores[KEYS / 8][4], sums[SUMS<SIZE>][4] = {};
  float highest[2] = {-INFINITY, -INFINITY}, total[2] = {}, rescale[2];
  unsigned weights[KEYS / 16][4];
  auto soften_tile = [&](int tile) {
    if ((tile + 1) * KEYS > all_see) hide(scores, tile * KEYS, sees);
#pragma unroll
    for (int r = 0; r < 2; r++) rescale[r] = soften<T>(scores, r, a.scale, highest[r], total[r]);
  };
  auto take_weights = [&] {
#pragma unroll
    for (int k = 0; k < KEYS / 16; k++) round_weights<T>(scores + 2 * k, weights[k]);
  };
  auto scale_sums = [&] {
#pragma unroll
    for (int r = 0; r < 2; r++) scale_row(sums, r, rescale[r]);
  };

  barrier_wait(&barriers.queries, 0);
  if (tiles > 0) {
    barrier_wait(&barriers.keys[0], 0);
    multiply_keys<T, SIZE>(queries, shared.keys(0), scores);
    products_arrived<0>(scores);
    release(&barriers.keys_free[0]);
    soften_tile(0);
    take_weights();
  }
#pragma unroll 1
  for (int tile = 1; tile < tiles; tile++) {
    int stage = stage_of(tile), before = stage_of(tile - 1);
    barrier_wait(&barriers.keys[stage], parity_of(tile));
    multiply_keys<T, SIZE>(queries, shared.keys(stage), scores);
    scale_sums();  // While these products run.
    barrier_wait(&barriers.values[before], parity_of(tile - 1));
    multiply_values<T, SIZE>(weights, shared.values(before), sums);
    products_arrived<1>(scores);
    release(&barriers.keys_free[stage]);
    soften_tile(tile);
    products_arrived<0>(sums);
    release(&barriers.values_free[before]);
    take_weights();
  }
  if (tiles > 0) {
    int last = stage_of(tiles - 1);
    scale_sums();
    barrier_wait(&barriers.values[last], parity_of(tiles - 1));
    if (a.last_key != nullptr && part.most < a.key_count && part.most % KEYS != 0) {
      clear_values<SIZE>(shared.values(last), part.most % KEYS, &barriers.cleared[consumer()]);
    }
    multiply_values<T, SIZE>(weights, shared.values(last), sums);
    products_arrived<0>(sums);
  }
  T* out = a.out + static_cast<int64_t>(part.sequence) * a.rows * a.heads * SIZE;
  store_rows<SIZE>(out, a.rows, a.heads * SIZE, row, part.head, total, sums);
}

template <typename T, int SIZE> __device__ __forceinline__ void run(const AttentionHopper<T>& a) {
#if HOPPER
  Shared<SIZE> shared;
  Barriers& barriers = *shared.barriers;
  if (threadIdx.x == 0) {
    barrier_init(&barriers.queries, 1);
    for (int s = 0; s < STAGES; s++) {
      barrier_init(&barriers.keys[s], 1);
      barrier_init(&barriers.values[s], 1);
      barrier_init(&barriers.keys_free[s], RELEASES);
      barrier_init(&barriers.values_free[s], RELEASES);
    }
    for (int c = 0; c < CONSUMERS; c++) barrier_init(&barriers.cleared[c], GROUP);
    barriers_made();
  }
  __syncthreads();
  Part part = part_of_block(a);
  share_out([&] { produce(a, shared, part); }, [&] { consume(a, shared, part); });
#else
  __trap();
#endif
}

}  // namespace attention::boxes

template <typename T> __device__ void attention_hopper_64(const AttentionHopper<T>& a) {
  attention::boxes::run<T, 64>(a);
}

template <typename T> __device__ void attention_hopper_72(const AttentionHopper<T>& a) {
  attention::boxes::run<T, 72>(a);
}

template <typename T> __device__ void attention_hopper_128(const AttentionHopper<T>& a) {
  attention::boxes::run<T, 128>(a);
}

EXPORT_ALONE(attention_hopper_64_float16, attention_hopper_64<float16>, AttentionHopper<float16>, hopper::THREADS)
EXPORT_ALONE(attention_hopper_64_bfloat16, attention_hopper_64<bfloat16>, AttentionHopper<bfloat16>, hopper::THREADS)
EXPORT_ALONE(attention_hopper_72_float16, attention_hopper_72<float16>, AttentionHopper<float16>, hopper::THREADS)
EXPORT_ALONE(attention_hopper_72_bfloat16, attention_hopper_72<bfloat16>, AttentionHopper<bfloat16>, hopper::THREADS)
EXPORT_ALONE(attention_hopper_128_float16, attention_hopper_128<float16>, AttentionHopper<float16>, hopper::THREADS)
EXPORT_ALONE(attention_hopper_128_bfloat16, attention_hopper_128<bfloat16>, AttentionHopper<bfloat16>, hopper::THREADS)

// Launch: grid (heads, ⌈rows / 128⌉, sequences), 384 threads, SHARED_BYTES of shared memory: 83032 for heads of 64
// channels, 164952 for others. `out` is a multiple of 4 bytes; what the tensor maps need is CUDA's to say: addresses and
// rows that are multiples of 16 bytes.
