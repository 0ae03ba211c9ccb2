// How much one query attends to each key: out[key] = mean over heads of softmax(q_h · k_h / √size), in float32
// (PyramidDrop, Xing et al. 2024, section 3.2). Two kernels: products, with the softmax of each tile of keys; and the
// mean, under what each head's tiles come to together.
#include "attention.cuh"
#include "key_tile.cuh"

template <typename T> struct TokenProducts {
  const T* query;   // (1, ≥ heads·size)
  const T* keys;    // (key_count, kv_heads·size)
  float* products;  // (heads, key_count): q_h · k_h
  float* tiles;     // (heads, ⌈key_count / 32⌉, 2): a tile's level, and the sum of weights under it
  int key_count;
  int heads;
  int kv_heads;
  int size;
  float scale;  // log2(e) / √size
};

struct TokenScores {
  const float* products;  // (heads, key_count)
  const float* tiles;     // (heads, ⌈key_count / 32⌉, 2)
  float* out;             // (1, key_count)
  int key_count;
  int heads;
  float scale;
};

namespace scoring {

constexpr int MEAN_THREADS = 512;
constexpr int MEAN_KEYS = 128;
constexpr int PARTS = MEAN_THREADS / MEAN_KEYS;  // of the heads, a thread each for a key

// The level and the inverse sum of weights of each head, a warp a head.
__device__ __forceinline__ void combine_tiles(const TokenScores& a, float* levels) {
  int lane = threadIdx.x % WARP, tiles = ceil_div(a.key_count, key_tile::KEYS);
  for (int head = threadIdx.x / WARP; head < a.heads; head += MEAN_THREADS / WARP) {
    const float* own = a.tiles + static_cast<int64_t>(head) * tiles * 2;
    float level = -INFINITY;
    for (int t = lane; t < tiles; t += WARP) level = fmaxf(level, own[2 * t]);
    level = warp_max(level);
    float total = 0;
    for (int t = lane; t < tiles; t += WARP) {
      total = fmaf(own[2 * t + 1], attention::correction(own[2 * t], level), total);
    }
    total = warp_sum(total);
    if (lane == 0) {
      levels[2 * head] = level;
      levels[2 * head + 1] = 1 / total;
    }
  }
}

// Heads are added part by part, in each part in their order.
__device__ void mean(const TokenScores& a) {
  float* levels = reinterpret_cast<float*>(shared_memory());  // (heads, 2)
  float* parts = levels + 2 * a.heads;                        // (PARTS, MEAN_KEYS)
  int column = threadIdx.x % MEAN_KEYS, part = threadIdx.x / MEAN_KEYS;
  int key = blockIdx.x * MEAN_KEYS + column;
  combine_tiles(a, levels);
  __syncthreads();
  float sum = 0;
  if (key < a.key_count) {
#pragma unroll 4
    for (int head = part; head < a.heads; head += PARTS) {
      float product = a.products[static_cast<int64_t>(head) * a.key_count + key];
      sum = fmaf(attention::weight(product, a.scale, levels[2 * head]), levels[2 * head + 1], sum);
    }
  }
  parts[threadIdx.x] = sum;
  __syncthreads();
  if (part > 0 || key >= a.key_count) return;
  for (int p = 1; p < PARTS; p++) sum += parts[p * MEAN_KEYS + column];
  a.out[key] = sum / static_cast<float>(a.heads);
}

}  // namespace scoring

// A tile of keys of one key/value head a block, for all query heads that share it.
template <typename T> __device__ void score_tokens_products(const TokenProducts<T>& a) {
  int first = blockIdx.x * key_tile::KEYS, kv_head = blockIdx.y;
  int size = a.size, heads = a.heads / a.kv_heads, kv_columns = a.kv_heads * size;
  int count = min(key_tile::KEYS, a.key_count - first);
  unsigned char* tile = shared_memory();
  float* queries = reinterpret_cast<float*>(tile + key_tile::KEYS * key_tile::row_bytes<T>(size));  // (heads, padded)
  float* products = queries + heads * key_tile::padded<T>(size);                                    // (heads, KEYS)
  const T* keys = a.keys + static_cast<int64_t>(first) * kv_columns + kv_head * size;
  key_tile::load(keys, kv_columns, count, size, tile);
  key_tile::load_queries(a.query + kv_head * heads * size, heads, size, queries);
  copies_arrived<0>();
  __syncthreads();
  key_tile::multiply<T>(tile, queries, heads, count, size, products, key_tile::KEYS);
  __syncthreads();
  int lane = threadIdx.x % WARP;
  for (int h = threadIdx.x / WARP; h < heads; h += key_tile::THREADS / WARP) {
    int64_t head = static_cast<int64_t>(kv_head) * heads + h;
    float product = lane < count ? products[h * key_tile::KEYS + lane] : -INFINITY;
    float level = attention::level(warp_max(product), a.scale);
    float total = warp_sum(attention::weight(product, a.scale, level));
    if (lane < count) a.products[head * a.key_count + first + lane] = product;
    if (lane == 0) {
      float* own = a.tiles + (head * gridDim.x + blockIdx.x) * 2;
      own[0] = level;
      own[1] = total;
    }
  }
}

EXPORT_EACH_TYPE(score_tokens_products, TokenProducts, key_tile::THREADS)
EXPORT(score_tokens_mean, scoring::mean, TokenScores, scoring::MEAN_THREADS)

// Launch: score_tokens_products: grid (⌈key_count / 32⌉, kv_heads), 128 threads, shared memory for a tile of
//   32 · row_bytes(size) bytes and for each of the heads / kv_heads queries padded(size) + 32 floats;
// then score_tokens_mean: grid ⌈key_count / 128⌉, 512 threads, shared memory for heads · 2 + 512 floats.
