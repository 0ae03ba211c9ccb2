// Gradients of attention, head by head (Dao et al. 2022, algorithm 4, cut into three kernels without atomics):
//
//   P = softmax(q · keysᵀ / √size), dP = dy · valuesᵀ, D = Σ over keys of P∘dP, dS = P∘(dP - D) / √size
//   dq = dS · keys, d_keys = dSᵀ · q, d_values = Pᵀ · dy; keys and values add up what all heads that share them give
//
//   attention_gradient_rows    what turns scores into P, and D, of each row and head
//   attention_gradient_query   dq; a block has 32 rows of one head and meets all keys they see
//   attention_gradient_keys    d_keys, d_values; a block has 32 keys of one head and meets all rows that see them, of one
//                              query head after the other
//
// All in float32 arithmetic, so P and dP need not be rounded. A block has 32 rows of its own, a warp eight of them, and
// meets tiles of 32 others: first a lane has one of these and multiplies it with its warp's rows, then it has every 32nd
// channel of the sums. What a row doesn't see may be NaN; it gets no weight, and where nobody sees it, it isn't loaded.
#include "attention_gradient.cuh"
#include "packs.cuh"

namespace attention::gradient {

constexpr int THREADS = 128;
constexpr int WARPS = THREADS / WARP;
constexpr int TILE = WARP;
constexpr int EACH = TILE / WARPS;  // rows of its block's that a warp has
constexpr int MOST_CHANNELS = 128;
constexpr int LANE_CHANNELS = MOST_CHANNELS / WARP;
constexpr int N = 4;

// Rows in shared memory are padded with zeros to whole packs, and one pack further apart: lanes that read a row each
// meet no conflict.
struct Width {
  int size, padded, stride;
};

__device__ __forceinline__ Width width_of(int size) {
  int padded = ceil_div(size, N) * N;
  return {size, padded, padded + N};
}

__device__ __forceinline__ int warp() { return threadIdx.x / WARP; }
__device__ __forceinline__ int lane() { return threadIdx.x % WARP; }

// Rows of one head into shared memory, zeros from `count` on.
template <typename T>
__device__ __forceinline__ void load_tile(const T* from, int columns, int first, int count, Width width, float* tile) {
  for (int row = warp(); row < TILE; row += WARPS) {
    const T* at = from + static_cast<int64_t>(first + row) * columns;
    for (int c = lane(); c < width.padded; c += WARP) {
      tile[row * width.stride + c] = row < count && c < width.size ? widen(at[c]) : 0.0f;
    }
  }
}

// products[r] = row r of the warp's own · the lane's row of the tile. Two sums are half as long as one, and round less.
__device__ __forceinline__ void multiply(const float* own, const float* tile, Width width, float (&products)[EACH]) {
  const float* mine = tile + lane() * width.stride;
  float even[EACH] = {}, odd[EACH] = {};
  for (int c = 0; c < width.padded; c += N) {
    Pack<float, N> b = packs::load<N>(mine + c);
#pragma unroll
    for (int r = 0; r < EACH; r++) {
      Pack<float, N> a = packs::load<N>(own + r * width.stride + c);
      even[r] = fmaf(a.at[0], b.at[0], even[r]);
      odd[r] = fmaf(a.at[1], b.at[1], odd[r]);
      even[r] = fmaf(a.at[2], b.at[2], even[r]);
      odd[r] = fmaf(a.at[3], b.at[3], odd[r]);
    }
  }
#pragma unroll
  for (int r = 0; r < EACH; r++) products[r] = even[r] + odd[r];
}

// sums[r][i] += Σ over the tile's rows of weights[r][row] · channel lane + 32·i of that row; `weights` (EACH, TILE).
__device__ __forceinline__ void add_weighted(const float* weights, const float* tile, Width width,
                                             float (&sums)[EACH][LANE_CHANNELS]) {
  for (int row = 0; row < TILE; row += N) {
    float x[N][LANE_CHANNELS];
#pragma unroll
    for (int n = 0; n < N; n++) {
#pragma unroll
      for (int i = 0; i < LANE_CHANNELS; i++) {
        int channel = lane() + i * WARP;
        x[n][i] = channel < width.size ? tile[(row + n) * width.stride + channel] : 0.0f;
      }
    }
#pragma unroll
    for (int r = 0; r < EACH; r++) {
      Pack<float, N> w = packs::load<N>(weights + r * TILE + row);
#pragma unroll
      for (int n = 0; n < N; n++) {
#pragma unroll
        for (int i = 0; i < LANE_CHANNELS; i++) sums[r][i] = fmaf(w.at[n], x[n][i], sums[r][i]);
      }
    }
  }
}

// The warp's rows times a factor, those before `count`.
template <typename T>
__device__ __forceinline__ void store_rows(const float (&sums)[EACH][LANE_CHANNELS], float factor, T* out, int columns,
                                           int first, int count, int size) {
#pragma unroll
  for (int r = 0; r < EACH; r++) {
    if (r >= count) break;
    T* at = out + static_cast<int64_t>(first + r) * columns;
#pragma unroll
    for (int i = 0; i < LANE_CHANNELS; i++) {
      int channel = lane() + i * WARP;
      if (channel < size) at[channel] = narrow<T>(sums[r][i] * factor);
    }
  }
}

// The four tiles of a block: its own rows, and those it meets.
struct Tiles {
  float *own, *own_slopes;      // q and dy, or keys and values
  float *other, *other_slopes;  // keys and values, or q and dy
  float* weights;               // (EACH, TILE) of this warp, as often as a kernel needs it
};

__device__ __forceinline__ Tiles tiles_of(Width width, int weights) {
  float* all = reinterpret_cast<float*>(shared_memory());
  int tile = TILE * width.stride;
  return {all, all + tile, all + 2 * tile, all + 3 * tile, all + 4 * tile + warp() * weights * EACH * TILE};
}

// What blocks of rows have in common.
template <typename T> struct QueryBlock {
  int head, first_row, kv_columns, kv_column;
  int most;      // keys that any row of the block sees
  int warp_row;  // the first of this warp's
  int sees;      // keys that row lane % EACH of this warp sees; the others ask that lane
};

template <typename T>
__device__ __forceinline__ QueryBlock<T> load_queries(const AttentionGradient<T>& a, Width width, const Tiles& tiles) {
  const Attention<T>& f = a.forward;
  QueryBlock<T> b;
  b.head = blockIdx.x;
  b.first_row = blockIdx.y * TILE;
  b.kv_columns = f.kv_heads * f.size;
  b.kv_column = b.head / (f.heads / f.kv_heads) * f.size;
  b.most = most_visible(f, b.first_row, TILE);
  b.warp_row = b.first_row + warp() * EACH;
  int row = b.warp_row + lane() % EACH;
  b.sees = row < f.rows ? visible(f, row) : 0;
  int count = min(TILE, f.rows - b.first_row);
  load_tile(f.q + b.head * f.size, f.q_columns, b.first_row, count, width, tiles.own);
  load_tile(a.dy + b.head * f.size, f.heads * f.size, b.first_row, count, width, tiles.own_slopes);
  return b;
}

// The next tile of keys and values, once all have used the one before.
template <typename T>
__device__ __forceinline__ void load_keys(const Attention<T>& f, const QueryBlock<T>& b, int key, Width width,
                                          const Tiles& tiles) {
  int count = min(TILE, b.most - key);
  __syncthreads();
  load_tile(f.keys + b.kv_column, b.kv_columns, key, count, width, tiles.other);
  load_tile(f.values + b.kv_column, b.kv_columns, key, count, width, tiles.other_slopes);
  __syncthreads();
}

}  // namespace attention::gradient

template <typename T> __device__ void attention_gradient_rows(const AttentionGradient<T>& a) {
  using namespace attention;
  using namespace attention::gradient;
  const Attention<T>& f = a.forward;
  Width width = width_of(f.size);
  Tiles tiles = tiles_of(width, 0);
  QueryBlock<T> b = load_queries(a, width, tiles);
  int own = warp() * EACH * width.stride;
  float highest[EACH], total[EACH], slopes[EACH];
#pragma unroll
  for (int r = 0; r < EACH; r++) {
    highest[r] = -INFINITY;
    total[r] = slopes[r] = 0;
  }
  for (int key = 0; key < b.most; key += TILE) {
    load_keys(f, b, key, width, tiles);
    float products[EACH], d[EACH];
    multiply(tiles.own + own, tiles.other, width, products);
    multiply(tiles.own_slopes + own, tiles.other_slopes, width, d);
#pragma unroll
    for (int r = 0; r < EACH; r++) {
      bool seen = key + lane() < __shfl_sync(ALL_LANES, b.sees, r);
      float product = seen ? products[r] : -INFINITY;
      float higher = fmaxf(highest[r], level(warp_max(product), f.scale));
      float rescale = correction(highest[r], higher);
      float w = exact_weight(product, f.scale, higher);
      total[r] = total[r] * rescale + w;
      slopes[r] = slopes[r] * rescale + (seen ? w * d[r] : 0.0f);
      highest[r] = higher;
    }
  }
#pragma unroll
  for (int r = 0; r < EACH; r++) {
    float inverse = 1.0f / warp_sum(total[r]);
    float mean = warp_sum(slopes[r]) * inverse;
    int row = b.warp_row + r;
    if (lane() == 0 && row < f.rows) {
      a.statistics[static_cast<int64_t>(b.head) * f.rows + row] = {highest[r], inverse, mean};
    }
  }
}

template <typename T> __device__ void attention_gradient_query(const AttentionGradient<T>& a) {
  using namespace attention;
  using namespace attention::gradient;
  const Attention<T>& f = a.forward;
  Width width = width_of(f.size);
  Tiles tiles = tiles_of(width, 1);
  QueryBlock<T> b = load_queries(a, width, tiles);
  int own = warp() * EACH * width.stride;
  float sums[EACH][LANE_CHANNELS] = {};
  RowStatistics of = {};
  int row = b.warp_row + lane() % EACH;
  if (row < f.rows) of = a.statistics[static_cast<int64_t>(b.head) * f.rows + row];
  for (int key = 0; key < b.most; key += TILE) {
    load_keys(f, b, key, width, tiles);
    float products[EACH], d[EACH];
    multiply(tiles.own + own, tiles.other, width, products);
    multiply(tiles.own_slopes + own, tiles.other_slopes, width, d);
    __syncwarp();  // The weights before have been used.
#pragma unroll
    for (int r = 0; r < EACH; r++) {
      bool seen = key + lane() < __shfl_sync(ALL_LANES, b.sees, r);
      RowStatistics row = {__shfl_sync(ALL_LANES, of.level, r), __shfl_sync(ALL_LANES, of.inverse, r),
                           __shfl_sync(ALL_LANES, of.mean, r)};
      float p = probability(row, products[r], f.scale);
      tiles.weights[r * TILE + lane()] = seen ? p * (d[r] - row.mean) : 0.0f;
    }
    __syncwarp();
    add_weighted(tiles.weights, tiles.other, width, sums);
  }
#pragma unroll
  for (int r = 0; r < EACH; r++) {
    // As its output, the gradient of a row that sees nothing is none.
    if (__shfl_sync(ALL_LANES, b.sees, r) > 0) continue;
#pragma unroll
    for (int i = 0; i < LANE_CHANNELS; i++) sums[r][i] = NAN;
  }
  store_rows(sums, a.root, a.dq + b.head * f.size, f.q_columns, b.warp_row, f.rows - b.warp_row, f.size);
}

template <typename T> __device__ void attention_gradient_keys(const AttentionGradient<T>& a) {
  using namespace attention;
  using namespace attention::gradient;
  const Attention<T>& f = a.forward;
  Width width = width_of(f.size);
  Tiles tiles = tiles_of(width, 2);
  float* slope_weights = tiles.weights + EACH * TILE;
  int kv_head = blockIdx.x, first_key = blockIdx.y * TILE;
  int kv_columns = f.kv_heads * f.size, kv_column = kv_head * f.size;
  int group = f.heads / f.kv_heads;
  int count = min(TILE, f.key_count - first_key);
  load_tile(f.keys + kv_column, kv_columns, first_key, count, width, tiles.own);
  load_tile(f.values + kv_column, kv_columns, first_key, count, width, tiles.own_slopes);
  int own = warp() * EACH * width.stride, warp_key = first_key + warp() * EACH;
  float d_keys[EACH][LANE_CHANNELS] = {}, d_values[EACH][LANE_CHANNELS] = {};
  for (int head = kv_head * group; head < (kv_head + 1) * group; head++) {
    for (int first_row = 0; first_row < f.rows; first_row += TILE) {
      int row = first_row + lane();
      int sees = row < f.rows ? visible(f, row) : 0;
      if (warp_most(sees) <= first_key) continue;
      int rows = min(TILE, f.rows - first_row);
      __syncthreads();  // The rows before have been used.
      load_tile(f.q + head * f.size, f.q_columns, first_row, rows, width, tiles.other);
      load_tile(a.dy + head * f.size, f.heads * f.size, first_row, rows, width, tiles.other_slopes);
      __syncthreads();
      RowStatistics of = {};
      if (row < f.rows) of = a.statistics[static_cast<int64_t>(head) * f.rows + row];
      float products[EACH], d[EACH];
      multiply(tiles.own + own, tiles.other, width, products);
      multiply(tiles.own_slopes + own, tiles.other_slopes, width, d);
#pragma unroll
      for (int r = 0; r < EACH; r++) {
        bool seen = warp_key + r < sees;
        float p = probability(of, products[r], f.scale);
        tiles.weights[r * TILE + lane()] = seen ? p : 0.0f;
        slope_weights[r * TILE + lane()] = seen ? p * (d[r] - of.mean) : 0.0f;
      }
      __syncwarp();
      add_weighted(tiles.weights, tiles.other_slopes, width, d_values);
      add_weighted(slope_weights, tiles.other, width, d_keys);
    }
  }
  store_rows(d_keys, a.root, a.d_keys + kv_column, kv_columns, warp_key, f.key_count - warp_key, f.size);
  store_rows(d_values, 1.0f, a.d_values + kv_column, kv_columns, warp_key, f.key_count - warp_key, f.size);
}

EXPORT_EACH_TYPE(attention_gradient_rows, AttentionGradient, attention::gradient::THREADS)
EXPORT_EACH_TYPE(attention_gradient_query, AttentionGradient, attention::gradient::THREADS)
EXPORT_EACH_TYPE(attention_gradient_keys, AttentionGradient, attention::gradient::THREADS)

// Launch: 128 threads, and shared memory of 4 · 4 · 32 · (size, rounded up to a multiple of 4, + 4) bytes and, for each
// kind of weights, 4096 more:
//   attention_gradient_rows   grid (heads, ⌈rows / 32⌉), no weights
//   attention_gradient_query  grid (heads, ⌈rows / 32⌉), one kind
//   attention_gradient_keys   grid (kv_heads, ⌈key_count / 32⌉), two kinds
