// Attention of a few rows: the keys that a row sees are split over blocks, which leave partial softmaxes; the last of
// them combines these ("Flash-Decoding", Dao et al. 2023). All query heads of a key/value head share its tiles of keys
// and values.
//
// How many keys a row sees is read from device memory, and what is visible is shared out evenly among the splits, so
// that one launch recorded for a cache's capacity serves every step.
#include "attention.cuh"
#include "key_tile.cuh"
#include "last_block.cuh"

template <typename T> struct AttentionDecode {
  Attention<T> attention;
  float* sums;        // (rows, heads, splits, size): values by weight, under the split's level; null for one split
  float* totals;      // (rows, heads, splits, 2): the level, and the sum of weights; null for one split
  unsigned* arrived;  // (rows, kv_heads): zeros, before and behind a launch
  int splits;
};

namespace attention::decode {

constexpr int THREADS = key_tile::THREADS;

// The products of one head become weights; the head's level and total go on. One warp, a lane a key.
__device__ __forceinline__ void soften(float* products, int count, float scale, float* level_and_total,
                                       float* rescale) {
  int lane = threadIdx.x % WARP;
  float product = lane < count ? products[lane] : -INFINITY;
  float before = level_and_total[0];
  float higher = fmaxf(before, level(warp_max(product), scale));
  float w = weight(product, scale, higher);
  float total = warp_sum(w);
  products[lane] = w;
  __syncwarp();  // All lanes have read the level.
  if (lane == 0) {
    *rescale = correction(before, higher);
    level_and_total[0] = higher;
    level_and_total[1] = level_and_total[1] * *rescale + total;
  }
}

// sums[head, channel] = sums · rescale + weights · values. A thread has every 128th channel of all heads.
template <typename T>
__device__ __forceinline__ void add_values(const unsigned char* tile, const float* weights, const float* rescale,
                                           int heads, int count, int size, float* sums) {
  int stride = key_tile::row_bytes<T>(size);
  for (int channel = threadIdx.x; channel < size; channel += THREADS) {
    for (int first = 0; first < heads; first += key_tile::HEADS) {
      float own[key_tile::HEADS];
#pragma unroll
      for (int h = 0; h < key_tile::HEADS; h++) {
        own[h] = first + h < heads ? sums[(first + h) * size + channel] * rescale[first + h] : 0.0f;
      }
#pragma unroll 4
      for (int j = 0; j < count; j++) {
        float v = widen(reinterpret_cast<const T*>(tile + j * stride)[channel]);
#pragma unroll
        for (int h = 0; h < key_tile::HEADS; h++) {
          if (first + h < heads) own[h] = fmaf(weights[(first + h) * key_tile::KEYS + j], v, own[h]);
        }
      }
#pragma unroll
      for (int h = 0; h < key_tile::HEADS; h++) {
        if (first + h < heads) sums[(first + h) * size + channel] = own[h];
      }
    }
  }
}

// A channel of a head: its splits, in their order, under one level. Those without keys have zeros at the lowest level.
template <typename T>
__device__ __forceinline__ float combined(const AttentionDecode<T>& d, int row, int head, int channel) {
  int64_t first = (static_cast<int64_t>(row) * d.attention.heads + head) * d.splits;
  const float* totals = d.totals + 2 * first;
  const float* sums = d.sums + first * d.attention.size + channel;
  float highest = -INFINITY;
#pragma unroll 4
  for (int s = 0; s < d.splits; s++) highest = fmaxf(highest, totals[2 * s]);
  float sum = 0, total = 0;
#pragma unroll 4
  for (int s = 0; s < d.splits; s++) {
    float rescale = correction(totals[2 * s], highest);
    sum = fmaf(sums[s * d.attention.size], rescale, sum);
    total = fmaf(totals[2 * s + 1], rescale, total);
  }
  return sum / total;
}

}  // namespace attention::decode

template <typename T> __device__ void attention_decode(const AttentionDecode<T>& d) {
  using namespace attention::decode;
  const Attention<T>& a = d.attention;
  int split = blockIdx.x, kv_head = blockIdx.y, row = blockIdx.z;
  int size = a.size, heads = a.heads / a.kv_heads, kv_columns = a.kv_columns;

  int tile_bytes = key_tile::KEYS * key_tile::row_bytes<T>(size);
  unsigned char* keys = shared_memory();
  unsigned char* values = keys + tile_bytes;
  float* queries = reinterpret_cast<float*>(values + tile_bytes);      // (heads, padded size)
  float* weights = queries + heads * key_tile::padded<T>(size);        // (heads, KEYS)
  float* sums = weights + heads * key_tile::KEYS;                      // (heads, size)
  float* totals = sums + heads * size;                                 // (heads, 2): level, sum of weights
  float* rescale = totals + 2 * heads;                                 // (heads)
  unsigned* before = reinterpret_cast<unsigned*>(rescale + heads);     // for is_last_block

  int64_t sees = attention::visible(a, row);
  int begin = static_cast<int>(sees * split / d.splits), end = static_cast<int>(sees * (split + 1) / d.splits);
  auto load = [&](const T* from, int key, unsigned char* tile) {
    const T* first = from + static_cast<int64_t>(key) * kv_columns + kv_head * size;
    key_tile::load(first, kv_columns, max(0, min(key_tile::KEYS, end - key)), size, tile);
  };
  load(a.keys, begin, keys);
  load(a.values, begin, values);
  const T* q = a.q + static_cast<int64_t>(row) * a.q_columns + kv_head * heads * size;
  key_tile::load_queries(q, heads, size, queries);
  for (int channel = threadIdx.x; channel < size; channel += THREADS) {
    for (int h = 0; h < heads; h++) sums[h * size + channel] = 0;
  }
  for (int h = threadIdx.x; h < heads; h += THREADS) {
    totals[2 * h] = -INFINITY;
    totals[2 * h + 1] = 0;
  }

  for (int key = begin; key < end; key += key_tile::KEYS) {
    int count = min(key_tile::KEYS, end - key);
    copies_arrived<1>();
    __syncthreads();
    key_tile::multiply<T>(keys, queries, heads, count, size, weights, key_tile::KEYS);
    __syncthreads();
    // The next keys are on their way while these values are used, and the next values during the next products.
    load(a.keys, key + key_tile::KEYS, keys);
    for (int h = threadIdx.x / WARP; h < heads; h += THREADS / WARP) {
      soften(weights + h * key_tile::KEYS, count, a.scale, totals + 2 * h, rescale + h);
    }
    copies_arrived<1>();
    __syncthreads();
    add_values<T>(values, weights, rescale, heads, count, size, sums);
    __syncthreads();
    load(a.values, key + key_tile::KEYS, values);
  }
  __syncthreads();  // Totals, if there was no key.

  T* out = a.out + (static_cast<int64_t>(row) * a.heads + kv_head * heads) * size;
  if (d.splits == 1) {
    for (int i = threadIdx.x; i < heads * size; i += THREADS) out[i] = narrow<T>(sums[i] / totals[i / size * 2 + 1]);
    return;
  }
  for (int h = 0; h < heads; h++) {
    int64_t partial = (static_cast<int64_t>(row) * a.heads + kv_head * heads + h) * d.splits + split;
    for (int channel = threadIdx.x; channel < size; channel += THREADS) {
      d.sums[partial * size + channel] = sums[h * size + channel];
    }
    if (threadIdx.x < 2) d.totals[2 * partial + threadIdx.x] = totals[2 * h + threadIdx.x];
  }
  if (!is_last_block(d.arrived + row * a.kv_heads + kv_head, d.splits, before)) return;
  for (int i = threadIdx.x; i < heads * size; i += THREADS) {
    out[i] = narrow<T>(combined(d, row, kv_head * heads + i / size, i % size));
  }
}

EXPORT_EACH_TYPE(attention_decode, AttentionDecode, attention::decode::THREADS)

// Launch:
//   grid     (splits, kv_heads, rows)
//   threads  128
//   shared   two tiles of 32 · row_bytes(size) bytes; for each of the heads / kv_heads heads padded(size) + size + 32 + 3
//            floats; one more number
