// How much attention each key receives of many queries, all of which see it: out[key] = mean over queries and heads of
// softmax(q_h · k_h / √size), in float32. score_tokens.cu does the same for one query.
//
//   attention_received_levels  a query's and head's level, and the inverse of its sum of weights
//   attention_received_sums    each head's weights of a key, summed over queries
//   attention_received_mean    their sums over heads, in order, divided by how many there were
//
// Both of the former have rows of their own and meet all others tile by tile: queries that meet keys, then keys that
// meet queries. So each sum has one owner and an order that shapes alone decide, and no weight is ever written out;
// products are computed twice instead. Heads of 64 and 128 channels of two-byte numbers go through tensor cores, all
// else through float32 arithmetic.
#include "attention_plain.cuh"
#include "attention_tiles.cuh"

template <typename T> struct AttentionReceived {
  const T* queries;  // (rows, q_columns), of which the first heads·size columns are read
  const T* keys;     // (key_count, kv_heads·size)
  float* levels;     // (heads, rows, 2)
  float* sums;       // (heads, key_count)
  int rows;
  int q_columns;
  int key_count;
  int heads;
  int kv_heads;
  int size;
  float scale;  // log2(e) / √size
};

struct AttentionReceivedMean {
  const float* sums;  // (heads, key_count)
  float* out;         // (1, key_count)
  int key_count;
  int heads;
  int weights;  // heads · queries
};

namespace attention::received {

// A query's level and the inverse of its sum of weights.
typedef Pack<float, 2> Level;

// Rows of one head: queries, or keys.
template <typename T> struct Rows {
  const T* first;
  int columns, count;

  __device__ __forceinline__ Rows from(int row) const {
    return {first + static_cast<int64_t>(row) * columns, columns, count - row};
  }
};

template <typename T> __device__ __forceinline__ Rows<T> queries_of(const AttentionReceived<T>& a, int head) {
  return {a.queries + head * a.size, a.q_columns, a.rows};
}

template <typename T> __device__ __forceinline__ Rows<T> keys_of(const AttentionReceived<T>& a, int head) {
  return {a.keys + head / (a.heads / a.kv_heads) * a.size, a.kv_heads * a.size, a.key_count};
}

template <typename T> __device__ __forceinline__ Level* levels_of(const AttentionReceived<T>& a, int head) {
  return reinterpret_cast<Level*>(a.levels) + static_cast<int64_t>(head) * a.rows;
}

__device__ __forceinline__ float quad_sum(float x) {
  x += __shfl_xor_sync(ALL_LANES, x, 1);
  return x + __shfl_xor_sync(ALL_LANES, x, 2);
}

// On tensor cores: a block has 64 rows of its own, 16 a warp, and meets 64 others at a time.
constexpr int TILE_ROWS = 64;
constexpr int WARP_TILE_ROWS = TILE_ROWS / (plain::THREADS / WARP);
typedef float Scores[TILE_ROWS / 8][4];

// The first of a lane's two rows among the block's own; the other is eight further.
__device__ __forceinline__ int lane_row() {
  return threadIdx.x / WARP * WARP_TILE_ROWS + threadIdx.x % WARP / 4;
}

// Calls work(scores, first) for the warp's own rows and each tile of others from `first` on; those behind the last are
// zeros.
template <typename T, int SIZE, typename Work>
__device__ __forceinline__ void each_tile(const Rows<T>& own, const Rows<T>& others, Work work) {
  constexpr int TILE = TILE_ROWS * SIZE * 2;  // Bytes.
  auto load = [](const Rows<T>& rows, unsigned char* tile) {
    load_tile<T, SIZE, TILE_ROWS, plain::THREADS>(rows.first, rows.columns, rows.count, tile);
  };
  // The own rows pass through the second stage, before others come there.
  unsigned char* stage = shared_memory();
  unsigned char* next = stage + TILE;
  load(own, next);
  copies_sent();
  load(others, stage);
  copies_sent();
  copies_arrived<1>();
  __syncthreads();
  unsigned rows[SIZE / 16][4];
#pragma unroll
  for (int c = 0; c < SIZE / 16; c++) {
    load_matrices(rows[c], square<SIZE>(next, threadIdx.x / WARP * WARP_TILE_ROWS, 2 * c));
  }
  for (int first = 0; first < others.count; first += TILE_ROWS) {
    copies_arrived<0>();
    __syncthreads();  // These others are there, and nobody uses the other stage any more.
    if (first + TILE_ROWS < others.count) load(others.from(first + TILE_ROWS), next);
    copies_sent();
    Scores scores = {};
#pragma unroll
    for (int c = 0; c < SIZE / 16; c++) {
#pragma unroll
      for (int n = 0; n < TILE_ROWS / 16; n++) {
        unsigned matrices[4];
        load_matrices(matrices, columns<SIZE>(stage, 16 * n, 2 * c));
        multiply_add_pair<T>(scores + 2 * n, rows[c], matrices);
      }
    }
    work(scores, first);
    unsigned char* used = stage;
    stage = next;
    next = used;
  }
}

template <typename T, int SIZE> __device__ __forceinline__ void find_levels(const AttentionReceived<T>& a) {
  int head = blockIdx.x, first = blockIdx.y * TILE_ROWS;
  float highest[2] = {-INFINITY, -INFINITY}, total[2] = {};
  const int sees[2] = {a.key_count, a.key_count};
  each_tile<T, SIZE>(queries_of(a, head).from(first), keys_of(a, head), [&](Scores& scores, int key) {
    if (key + TILE_ROWS > a.key_count) hide(scores, key, sees);
#pragma unroll
    for (int r = 0; r < 2; r++) soften<float>(scores, r, a.scale, highest[r], total[r]);
  });
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float all = quad_sum(total[r]);
    int row = first + lane_row() + 8 * r;
    if (threadIdx.x % 4 == 0 && row < a.rows) levels_of(a, head)[row] = {{highest[r], 1 / all}};
  }
}

template <typename T, int SIZE> __device__ __forceinline__ void sum_weights(const AttentionReceived<T>& a) {
  int head = blockIdx.x, first = blockIdx.y * TILE_ROWS, pair = threadIdx.x % 4 * 2;
  const Level* levels = levels_of(a, head);
  float sums[2] = {};
  each_tile<T, SIZE>(keys_of(a, head).from(first), queries_of(a, head), [&](const Scores& scores, int query) {
#pragma unroll
    for (int n = 0; n < TILE_ROWS / 8; n++) {
#pragma unroll
      for (int i = 0; i < 2; i++) {
        int row = query + 8 * n + pair + i;
        Level level = row < a.rows ? levels[row] : Level{};
#pragma unroll
        for (int r = 0; r < 2; r++) {
          sums[r] = fmaf(weight(scores[n][2 * r + i], a.scale, level.at[0]), level.at[1], sums[r]);
        }
      }
    }
  });
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float all = quad_sum(sums[r]);
    int key = first + lane_row() + 8 * r;
    if (threadIdx.x % 4 == 0 && key < a.key_count) a.sums[static_cast<int64_t>(head) * a.key_count + key] = all;
  }
}

// In float32 arithmetic: work(products, first) for the warp's own rows and the lane's other, of which only those before
// others.count mean anything.
template <typename T, typename Work>
__device__ __forceinline__ void each_tile(const Rows<T>& own, const Rows<T>& others, int size, Work work) {
  float* rows = reinterpret_cast<float*>(shared_memory());  // (ROWS, size + 1)
  float* tile = rows + plain::ROWS * (size + 1);            // (KEYS, size + 1)
  plain::load_tile(own.first, own.columns, 0, min(plain::ROWS, own.count), size, rows);
  rows += threadIdx.x / WARP * plain::WARP_ROWS * (size + 1);
  for (int first = 0; first < others.count; first += plain::KEYS) {
    __syncthreads();  // The tile before has been used.
    plain::load_tile(others.first, others.columns, first, min(plain::KEYS, others.count - first), size, tile);
    __syncthreads();
    float products[plain::WARP_ROWS];
    plain::multiply(rows, tile, size, products);
    work(products, first);
  }
}

__device__ void mean(const AttentionReceivedMean& a) {
  int key = blockIdx.x * blockDim.x + threadIdx.x;
  if (key >= a.key_count) return;
  float sum = 0;
  for (int head = 0; head < a.heads; head++) sum += a.sums[static_cast<int64_t>(head) * a.key_count + key];
  a.out[key] = sum / static_cast<float>(a.weights);
}

}  // namespace attention::received

template <typename T> __device__ void attention_received_levels_plain(const AttentionReceived<T>& a) {
  using namespace attention;
  int head = blockIdx.x, first = blockIdx.y * plain::ROWS, lane = threadIdx.x % WARP;
  float highest[plain::WARP_ROWS], total[plain::WARP_ROWS] = {};
#pragma unroll
  for (int r = 0; r < plain::WARP_ROWS; r++) highest[r] = -INFINITY;
  received::Rows<T> own = received::queries_of(a, head).from(first);
  received::each_tile(own, received::keys_of(a, head), a.size, [&](const float (&products)[plain::WARP_ROWS], int key) {
#pragma unroll
    for (int r = 0; r < plain::WARP_ROWS; r++) {
      float product = key + lane < a.key_count ? products[r] : -INFINITY;
      float higher = fmaxf(highest[r], level(warp_max(product), a.scale));
      total[r] = total[r] * correction(highest[r], higher) + warp_sum(weight(product, a.scale, higher));
      highest[r] = higher;
    }
  });
#pragma unroll
  for (int r = 0; r < plain::WARP_ROWS; r++) {
    int row = first + threadIdx.x / WARP * plain::WARP_ROWS + r;
    if (lane == 0 && row < a.rows) received::levels_of(a, head)[row] = {{highest[r], 1 / total[r]}};
  }
}

template <typename T> __device__ void attention_received_sums_plain(const AttentionReceived<T>& a) {
  using namespace attention;
  int head = blockIdx.x, first = blockIdx.y * plain::ROWS, lane = threadIdx.x % WARP;
  const received::Level* levels = received::levels_of(a, head);
  float sums[plain::WARP_ROWS] = {};
  received::Rows<T> own = received::keys_of(a, head).from(first);
  received::each_tile(own, received::queries_of(a, head), a.size,
                      [&](const float (&products)[plain::WARP_ROWS], int query) {
    if (query + lane >= a.rows) return;
    received::Level level = levels[query + lane];
#pragma unroll
    for (int r = 0; r < plain::WARP_ROWS; r++) {
      sums[r] = fmaf(weight(products[r], a.scale, level.at[0]), level.at[1], sums[r]);
    }
  });
#pragma unroll
  for (int r = 0; r < plain::WARP_ROWS; r++) {
    float all = warp_sum(sums[r]);
    int key = first + threadIdx.x / WARP * plain::WARP_ROWS + r;
    if (lane == 0 && key < a.key_count) a.sums[static_cast<int64_t>(head) * a.key_count + key] = all;
  }
}

template <typename T> __device__ void attention_received_levels_64(const AttentionReceived<T>& a) {
  attention::received::find_levels<T, 64>(a);
}
template <typename T> __device__ void attention_received_levels_128(const AttentionReceived<T>& a) {
  attention::received::find_levels<T, 128>(a);
}
template <typename T> __device__ void attention_received_sums_64(const AttentionReceived<T>& a) {
  attention::received::sum_weights<T, 64>(a);
}
template <typename T> __device__ void attention_received_sums_128(const AttentionReceived<T>& a) {
  attention::received::sum_weights<T, 128>(a);
}

EXPORT_SHORT_TYPES(attention_received_levels_64, AttentionReceived, attention::plain::THREADS)
EXPORT_SHORT_TYPES(attention_received_levels_128, AttentionReceived, attention::plain::THREADS)
EXPORT_SHORT_TYPES(attention_received_sums_64, AttentionReceived, attention::plain::THREADS)
EXPORT_SHORT_TYPES(attention_received_sums_128, AttentionReceived, attention::plain::THREADS)
EXPORT_EACH_TYPE(attention_received_levels_plain, AttentionReceived, attention::plain::THREADS)
EXPORT_EACH_TYPE(attention_received_sums_plain, AttentionReceived, attention::plain::THREADS)
EXPORT(attention_received_mean, attention::received::mean, AttentionReceivedMean, 256)

// Launch:
//   levels_64, _128  grid (heads, ⌈rows / 64⌉), 128 threads, 2 · 64 · size · 2 bytes of shared memory; queries and keys
//                    begin at multiples of 16 bytes, and q_columns is a multiple of 8
//   sums_64, _128    the same with ⌈key_count / 64⌉
//   levels_plain     grid (heads, ⌈rows / 16⌉), 128 threads, 4 · (16 + 32) · (size + 1) bytes of shared memory
//   sums_plain       the same with ⌈key_count / 16⌉
//   mean             grid ⌈key_count / threads⌉, at most 256 threads
