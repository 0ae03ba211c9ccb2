// Attention of a few rows: the keys that a row sees are split over blocks, which leave partial softmaxes; the last of
// them combines these ("Flash-Decoding", Dao et al. 2023). All query heads of a key/value head share its tiles of keys
// and values.
//
// In a decode step the last key that a row sees is its own: attention_decode_step turns queries and that key, puts key
// and value where they belong in the cache, and attends, all in one. Each block turns the queries it needs; the block
// that has the row's own key takes it from the fused product and writes it into the cache, which no other block reads
// there.
//
// How many keys a row sees is read from device memory, and what is visible is shared out evenly among the splits, so
// that one launch recorded for a cache's capacity serves every step.
#include "attention.cuh"
#include "key_tile.cuh"
#include "last_block.cuh"
#include "rotary.cuh"

template <typename T> struct AttentionDecode {
  Attention<T> attention;
  float* sums;        // (rows, heads, splits, size): values by weight, under the split's level; null for one split
  float* totals;      // (rows, heads, splits, 2): the level, and the sum of weights; null for one split
  unsigned* arrived;  // (rows, kv_heads): zeros, before and behind a launch
  int splits;
};

// Queries are the first columns of a fused product, (rows, q_columns): queries, keys, values, as they are before they
// are turned. Each row's own key is the last that it sees.
template <typename T> struct DecodeStep {
  AttentionDecode<T> decode;
  T* keys;  // the cache's, those of the attention
  T* values;
  RotaryTable table;
};

namespace attention::decode {

constexpr int THREADS = key_tile::THREADS;

// Keys that are all in the cache, and queries that are as they should be.
template <typename T> struct Cached {
  // Where the block's own key would be.
  __device__ __forceinline__ int own_key() const { return 0x7fffffff; }
  __device__ __forceinline__ void load_queries(const T* q, int heads, int size, float* queries) const {
    key_tile::load_queries(q, heads, size, queries);
  }
  __device__ __forceinline__ void take_key(unsigned char*, int, int) const {}
  __device__ __forceinline__ void take_value(unsigned char*, int, int) const {}
};

// A row whose queries are to be turned and whose own key is to be stored.
template <typename T> struct Fresh {
  const DecodeStep<T>& step;
  const T* x;  // the row of the fused product
  int row, kv_head, own;

  __device__ __forceinline__ Fresh(const DecodeStep<T>& s, int r, int h, int own_key)
      : step(s), x(s.decode.attention.q + static_cast<int64_t>(r) * s.decode.attention.q_columns), row(r), kv_head(h),
        own(own_key) {}

  __device__ __forceinline__ int own_key() const { return own; }

  __device__ __forceinline__ void load_queries(const T* q, int heads, int size, float* queries) const {
    int columns = key_tile::padded<T>(size), position = step.table.positions[row];
#pragma unroll 1
    for (int i = threadIdx.x; i < heads * columns; i += THREADS) {
      int head = i / columns, channel = i % columns;
      queries[i] =
          channel < size ? widen(rotary::turned(q + head * size, channel, size, step.table, position)) : 0.0f;
    }
  }

  // Into row `at` of a tile, and into the cache.
  __device__ __forceinline__ void take_key(unsigned char* tile, int at, int size) const {
    const T* key = x + step.decode.attention.heads * size + kv_head * size;
    take(tile, at, size, step.keys,
         [&](int channel) { return rotary::turned(key, channel, size, step.table, step.table.positions[row]); });
  }

  __device__ __forceinline__ void take_value(unsigned char* tile, int at, int size) const {
    const T* value = x + (step.decode.attention.heads + step.decode.attention.kv_heads) * size + kv_head * size;
    take(tile, at, size, step.values, [&](int channel) { return value[channel]; });
  }

  template <typename Number>
  __device__ __forceinline__ void take(unsigned char* tile, int at, int size, T* cache, Number number) const {
    T* to = reinterpret_cast<T*>(tile + at * key_tile::row_bytes<T>(size));
    T* stored = cache + static_cast<int64_t>(own) * step.decode.attention.kv_columns + kv_head * size;
#pragma unroll 1
    for (int channel = threadIdx.x; channel < key_tile::padded<T>(size); channel += THREADS) {
      T fresh = channel < size ? number(channel) : narrow<T>(0.0f);
      to[channel] = fresh;
      if (channel < size) stored[channel] = fresh;
    }
  }
};

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

// What a head's splits count in its result: their weights under one level, divided by all weights together. Splits
// without keys have zeros at the lowest level. One warp.
template <typename T>
__device__ __forceinline__ void share_out_splits(const AttentionDecode<T>& d, int64_t first, float* shares) {
  int lane = threadIdx.x % WARP;
  const float* totals = d.totals + 2 * first;
  float highest = -INFINITY, total = 0;
  for (int s = lane; s < d.splits; s += WARP) highest = fmaxf(highest, totals[2 * s]);
  highest = warp_max(highest);
  for (int s = lane; s < d.splits; s += WARP) {
    shares[s] = correction(totals[2 * s], highest);
    total = fmaf(totals[2 * s + 1], shares[s], total);
  }
  total = warp_sum(total);
  for (int s = lane; s < d.splits; s += WARP) shares[s] /= total;
}

// A channel of a head: its splits, in their order. Many loads are under way at once, for nothing else hides how long
// they take.
template <typename T>
__device__ __forceinline__ float combined(const AttentionDecode<T>& d, int64_t first, int channel, const float* shares) {
  const float* sums = d.sums + first * d.attention.size + channel;
  float sum = 0;
#pragma unroll 16
  for (int s = 0; s < d.splits; s++) sum = fmaf(sums[s * d.attention.size], shares[s], sum);
  return sum;
}

// A block's keys of one row, and what is left to do behind the last of its blocks.
template <typename T, typename Source>
__device__ __forceinline__ void run(const AttentionDecode<T>& d, const Source& source) {
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
  float* shares = rescale + heads;                                     // (heads, splits)
  unsigned* before = reinterpret_cast<unsigned*>(shares + heads * d.splits);  // for is_last_block

  int64_t sees = attention::visible(a, row);
  int begin = static_cast<int>(sees * split / d.splits), end = static_cast<int>(sees * (split + 1) / d.splits);
  int cached = min(end, source.own_key());
  auto load = [&](const T* from, int key, unsigned char* tile) {
    const T* first = from + static_cast<int64_t>(key) * kv_columns + kv_head * size;
    key_tile::load(first, kv_columns, max(0, min(key_tile::KEYS, cached - key)), size, tile);
  };
  // Whether the row's own key is in the tile that begins with this one.
  auto has_own = [&](int key) { return cached < end && key <= cached && cached < key + key_tile::KEYS; };
  auto load_keys = [&](int key) {
    load(a.keys, key, keys);
    if (has_own(key)) source.take_key(keys, cached - key, size);
  };
  auto load_values = [&](int key) {
    load(a.values, key, values);
    if (has_own(key)) source.take_value(values, cached - key, size);
  };
  load_keys(begin);
  load_values(begin);
  const T* q = a.q + static_cast<int64_t>(row) * a.q_columns + kv_head * heads * size;
  source.load_queries(q, heads, size, queries);
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
    load_keys(key + key_tile::KEYS);
    for (int h = threadIdx.x / WARP; h < heads; h += THREADS / WARP) {
      soften(weights + h * key_tile::KEYS, count, a.scale, totals + 2 * h, rescale + h);
    }
    copies_arrived<1>();
    __syncthreads();
    add_values<T>(values, weights, rescale, heads, count, size, sums);
    __syncthreads();
    load_values(key + key_tile::KEYS);
  }
  __syncthreads();  // Totals, if there was no key.

  T* out = a.out + (static_cast<int64_t>(row) * a.heads + kv_head * heads) * size;
  if (d.splits == 1) {
    for (int i = threadIdx.x; i < heads * size; i += THREADS) out[i] = narrow<T>(sums[i] / totals[i / size * 2 + 1]);
    return;
  }
  // The first split of this block's first head.
  int64_t first = (static_cast<int64_t>(row) * a.heads + kv_head * heads) * d.splits;
  for (int h = 0; h < heads; h++) {
    int64_t partial = first + h * d.splits + split;
    for (int channel = threadIdx.x; channel < size; channel += THREADS) {
      d.sums[partial * size + channel] = sums[h * size + channel];
    }
    if (threadIdx.x < 2) d.totals[2 * partial + threadIdx.x] = totals[2 * h + threadIdx.x];
  }
  if (!is_last_block(d.arrived + row * a.kv_heads + kv_head, d.splits, before)) return;
  for (int h = threadIdx.x / WARP; h < heads; h += THREADS / WARP) {
    share_out_splits(d, first + h * d.splits, shares + h * d.splits);
  }
  __syncthreads();
  for (int i = threadIdx.x; i < heads * size; i += THREADS) {
    int h = i / size;
    out[i] = narrow<T>(combined(d, first + h * d.splits, i % size, shares + h * d.splits));
  }
}

}  // namespace attention::decode

template <typename T> __device__ void attention_decode(const AttentionDecode<T>& d) {
  attention::decode::run(d, attention::decode::Cached<T>());
}

template <typename T> __device__ void attention_decode_step(const DecodeStep<T>& s) {
  int row = blockIdx.z;
  attention::decode::Fresh<T> own(s, row, blockIdx.y, attention::visible(s.decode.attention, row) - 1);
  attention::decode::run(s.decode, own);
}

EXPORT_EACH_TYPE(attention_decode, AttentionDecode, attention::decode::THREADS)
EXPORT_EACH_TYPE(attention_decode_step, DecodeStep, attention::decode::THREADS)

// Launch:
//   grid     (splits, kv_heads, rows)
//   threads  128
//   shared   two tiles of 32 · row_bytes(size) bytes; for each of the heads / kv_heads heads padded(size) + size + 32 + 3
//            + splits floats; one more number
