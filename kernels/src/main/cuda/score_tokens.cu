// How much one query attends to each key: out[key] = mean over heads of softmax(q_h · k_h / √size), in float32
// (PyramidDrop, Xing et al. 2024, section 3.2). Three kernels: products; each head's level and total; the mean.
#include "attention.cuh"
#include "key_tile.cuh"

template <typename T> struct TokenProducts {
  const T* query;   // (1, ≥ heads·size)
  const T* keys;    // (key_count, kv_heads·size)
  float* products;  // (heads, key_count): q_h · k_h
  int key_count;
  int heads;
  int kv_heads;
  int size;
};

struct TokenScores {
  const float* products;  // (heads, key_count)
  float* totals;          // (heads, 2): level, and the sum of weights under it
  float* out;             // (1, key_count)
  int key_count;
  int heads;
  float scale;  // log2(e) / √size
};

namespace scoring {

constexpr int TOTAL_THREADS = 256;
constexpr int MEAN_THREADS = 128;

// A head a block.
__device__ void totals(const TokenScores& a) {
  float* scratch = reinterpret_cast<float*>(shared_memory());  // (2, warps)
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
  const float* products = a.products + static_cast<int64_t>(blockIdx.x) * a.key_count;
  float highest = -INFINITY;
  for (int key = threadIdx.x; key < a.key_count; key += TOTAL_THREADS) highest = fmaxf(highest, products[key]);
  highest = warp_max(highest);
  if (lane == 0) scratch[warp] = highest;
  __syncthreads();
  float level = attention::level(warp_max(scratch[lane % (TOTAL_THREADS / WARP)]), a.scale);
  float total = 0;
  for (int key = threadIdx.x; key < a.key_count; key += TOTAL_THREADS) {
    total += attention::weight(products[key], a.scale, level);
  }
  total = block_sum(total, scratch + TOTAL_THREADS / WARP);
  if (threadIdx.x == 0) {
    a.totals[2 * blockIdx.x] = level;
    a.totals[2 * blockIdx.x + 1] = total;
  }
}

// A key a thread; heads are added in their order.
__device__ void mean(const TokenScores& a) {
  int key = blockIdx.x * MEAN_THREADS + threadIdx.x;
  if (key >= a.key_count) return;
  float sum = 0;
  for (int head = 0; head < a.heads; head++) {
    float product = a.products[static_cast<int64_t>(head) * a.key_count + key];
    sum += attention::weight(product, a.scale, a.totals[2 * head]) / a.totals[2 * head + 1];
  }
  a.out[key] = sum / static_cast<float>(a.heads);
}

}  // namespace scoring

// A tile of keys of one key/value head a block, for all query heads that share it.
template <typename T> __device__ void score_tokens_products(const TokenProducts<T>& a) {
  int first = blockIdx.x * key_tile::KEYS, kv_head = blockIdx.y;
  int size = a.size, heads = a.heads / a.kv_heads, kv_columns = a.kv_heads * size;
  int count = min(key_tile::KEYS, a.key_count - first);
  unsigned char* tile = shared_memory();
  float* queries = reinterpret_cast<float*>(tile + key_tile::KEYS * key_tile::row_bytes<T>(size));
  const T* keys = a.keys + static_cast<int64_t>(first) * kv_columns + kv_head * size;
  key_tile::load(keys, kv_columns, count, size, tile);
  key_tile::load_queries(a.query + kv_head * heads * size, heads, size, queries);
  copies_arrived<0>();
  __syncthreads();
  float* products = a.products + static_cast<int64_t>(kv_head) * heads * a.key_count + first;
  key_tile::multiply<T>(tile, queries, heads, count, size, products, a.key_count);
}

EXPORT_EACH_TYPE(score_tokens_products, TokenProducts, key_tile::THREADS)
EXPORT(score_tokens_totals, scoring::totals, TokenScores, scoring::TOTAL_THREADS)
EXPORT(score_tokens_mean, scoring::mean, TokenScores, scoring::MEAN_THREADS)

// Launch: score_tokens_products: grid (⌈key_count / 32⌉, kv_heads), 128 threads, shared memory for a tile of
//   32 · row_bytes(size) bytes and heads / kv_heads queries of padded(size) floats;
// then score_tokens_totals: grid (heads), 256 threads, 64 bytes;
// then score_tokens_mean: grid (⌈key_count / 128⌉), 128 threads, no shared memory.
