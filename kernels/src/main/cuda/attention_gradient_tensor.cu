// The gradients of attention on tensor cores, for bfloat16 and head sizes 64 and 128: the three kernels of
// attention_gradient.cu, whose formulas stand there.
//
// A block has 64 rows of its own, a warp 16 of them, and meets tiles of 32 others. Products with its own rows stay in
// registers: made P and dS, they are the left side of the products that follow. bfloat16 rounds these by up to 2⁻⁸, so
// what rounding leaves is multiplied, too (attention_rows.cuh). float16 would also need them lifted into its range, and
// dS has no bound: it takes the other kernels.
//
// What no row of a block sees isn't loaded; what some of them see is multiplied with 0 for the others, so it has to be
// finite.
#include "attention_gradient.cuh"
#include "attention_tiles.cuh"

namespace attention::tensor_gradient {

using gradient::probability;
using gradient::RowStatistics;

constexpr int THREADS = 128;
constexpr int WARP_ROWS = 16;
constexpr int OWN = THREADS / WARP * WARP_ROWS;
constexpr int OTHER = 32;

__device__ __forceinline__ int warp() { return threadIdx.x / WARP; }
__device__ __forceinline__ int lane() { return threadIdx.x % WARP; }

// Products of a warp's rows with the others, in the form of C in tensor_core.cuh: a lane has two rows, eight apart.
typedef float Scores[OTHER / 8][4];

// The other row that a score belongs to.
__device__ __forceinline__ int other_of(int n, int i) { return 8 * n + 2 * (lane() % 4) + i % 2; }

// The four tiles of a block, in bytes of their own.
template <int SIZE> struct Tiles {
  unsigned char *own, *own_slopes;      // q and dy, or keys and values
  unsigned char *other, *other_slopes;  // keys and values, or q and dy
  unsigned char* behind;

  static __device__ __forceinline__ Tiles here() {
    constexpr int OWN_BYTES = OWN * SIZE * 2, OTHER_BYTES = OTHER * SIZE * 2;
    unsigned char* all = shared_memory();
    unsigned char* others = all + 2 * OWN_BYTES;
    return {all, all + OWN_BYTES, others, others + OTHER_BYTES, others + 2 * OTHER_BYTES};
  }
};

template <typename T, int SIZE>
__device__ __forceinline__ void multiply(const unsigned char* own, const unsigned char* other, Scores& scores) {
#pragma unroll
  for (int n = 0; n < OTHER / 8; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) scores[n][i] = 0;
  }
#pragma unroll
  for (int c = 0; c < SIZE / 16; c++) {
    unsigned rows[4];
    load_matrices(rows, square<SIZE>(own, warp() * WARP_ROWS, 2 * c));
#pragma unroll
    for (int n = 0; n < OTHER / 16; n++) {
      unsigned others[4];
      load_matrices(others, columns<SIZE>(other, 16 * n, 2 * c));
      multiply_add_pair<T>(scores + 2 * n, rows, others);
    }
  }
}

// A lane's part of two rows of one head, times a factor.
template <typename T, int N>
__device__ __forceinline__ void store(const float (&sums)[N][4], float factor, T* out, int columns, int row, int rows) {
#pragma unroll
  for (int r = 0; r < 2; r++) {
    if (row + 8 * r >= rows) continue;
    T* to = out + static_cast<int64_t>(row + 8 * r) * columns + 2 * (lane() % 4);
#pragma unroll
    for (int n = 0; n < N; n++) {
      *reinterpret_cast<unsigned*>(to + 8 * n) = pack_two<T>(sums[n][2 * r] * factor, sums[n][2 * r + 1] * factor);
    }
  }
}

// Over the four lanes that share a row.
__device__ __forceinline__ float row_sum(float x) {
  x += __shfl_xor_sync(ALL_LANES, x, 1);
  return x + __shfl_xor_sync(ALL_LANES, x, 2);
}

__device__ __forceinline__ float row_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 1));
  return fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 2));
}

// A block of rows of one head, which meets keys.
template <typename T, int SIZE> struct QueryBlock {
  const AttentionGradient<T>& a;
  Tiles<SIZE> tiles;
  int head, first_row, kv_columns, kv_column;
  int most;     // keys that any row of the block sees
  int row;      // the lane's first; the other is 8 behind it
  int sees[2];  // keys that each of them sees

  __device__ __forceinline__ explicit QueryBlock(const AttentionGradient<T>& a) : a(a), tiles(Tiles<SIZE>::here()) {
    const Attention<T>& f = a.forward;
    // The last rows see the most keys: they start first.
    head = blockIdx.x;
    first_row = static_cast<int>(gridDim.y - 1 - blockIdx.y) * OWN;
    kv_columns = f.kv_heads * SIZE;
    kv_column = head / (f.heads / f.kv_heads) * SIZE;
    most = most_visible(f, first_row, OWN);
    row = first_row + warp() * WARP_ROWS + lane() / 4;
    for (int r = 0; r < 2; r++) sees[r] = row + 8 * r < f.rows ? visible(f, row + 8 * r) : 0;
    int64_t from = static_cast<int64_t>(first_row);
    int count = f.rows - first_row, dy_columns = f.heads * SIZE;
    load_tile<T, SIZE, OWN, THREADS>(f.q + from * f.q_columns + head * SIZE, f.q_columns, count, tiles.own);
    load_tile<T, SIZE, OWN, THREADS>(a.dy + from * dy_columns + head * SIZE, dy_columns, count, tiles.own_slopes);
  }

  // The next keys and values, once all have used the ones before; their products with the lane's rows.
  __device__ __forceinline__ void meet(int key, Scores& scores, Scores& slopes) const {
    __syncthreads();
    int64_t from = static_cast<int64_t>(key) * kv_columns + kv_column;
    load_tile<T, SIZE, OTHER, THREADS>(a.forward.keys + from, kv_columns, most - key, tiles.other);
    load_tile<T, SIZE, OTHER, THREADS>(a.forward.values + from, kv_columns, most - key, tiles.other_slopes);
    copies_sent();
    copies_arrived<0>();
    __syncthreads();
    multiply<T, SIZE>(tiles.own, tiles.other, scores);
    multiply<T, SIZE>(tiles.own_slopes, tiles.other_slopes, slopes);
  }

  // Where the statistics of the lane's row r lie; null if there is none.
  __device__ __forceinline__ RowStatistics* statistics(int r) const {
    if (row + 8 * r >= a.forward.rows) return nullptr;
    return a.statistics + static_cast<int64_t>(head) * a.forward.rows + row + 8 * r;
  }
};

template <typename T, int SIZE> __device__ __forceinline__ void rows(const AttentionGradient<T>& a) {
  QueryBlock<T, SIZE> b(a);
  float highest[2] = {-INFINITY, -INFINITY}, total[2] = {}, mean[2] = {};
  for (int key = 0; key < b.most; key += OTHER) {
    Scores scores, slopes;
    b.meet(key, scores, slopes);
    hide(scores, key, b.sees);
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float product = -INFINITY;
#pragma unroll
      for (int n = 0; n < OTHER / 8; n++) product = fmaxf(product, fmaxf(scores[n][2 * r], scores[n][2 * r + 1]));
      float higher = fmaxf(highest[r], level(row_max(product), a.forward.scale));
      float rescale = correction(highest[r], higher);
      highest[r] = higher;
      total[r] *= rescale;
      mean[r] *= rescale;
#pragma unroll
      for (int n = 0; n < OTHER / 8; n++) {
#pragma unroll
        for (int i = 2 * r; i < 2 * r + 2; i++) {
          float w = gradient::exact_weight(scores[n][i], a.forward.scale, higher);
          total[r] += w;
          mean[r] = fmaf(w, slopes[n][i], mean[r]);
        }
      }
    }
  }
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float inverse = 1.0f / row_sum(total[r]), sum = row_sum(mean[r]);
    RowStatistics* to = b.statistics(r);
    if (lane() % 4 == 0 && to != nullptr) *to = {highest[r], inverse, sum * inverse};
  }
}

template <typename T, int SIZE> __device__ __forceinline__ void query(const AttentionGradient<T>& a) {
  QueryBlock<T, SIZE> b(a);
  RowStatistics of[2] = {};
#pragma unroll
  for (int r = 0; r < 2; r++) {
    if (b.statistics(r) != nullptr) of[r] = *b.statistics(r);
  }
  float sums[SIZE / 8][4] = {};
  for (int key = 0; key < b.most; key += OTHER) {
    Scores scores, slopes;
    b.meet(key, scores, slopes);
#pragma unroll
    for (int n = 0; n < OTHER / 8; n++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const RowStatistics& row = of[i / 2];
        float p = probability(row, scores[n][i], a.forward.scale);
        scores[n][i] = key + other_of(n, i) < b.sees[i / 2] ? p * (slopes[n][i] - row.mean) : 0.0f;
      }
    }
    add_values<T, SIZE, OTHER>(scores, b.tiles.other, sums);
  }
#pragma unroll
  for (int n = 0; n < SIZE / 8; n++) {
#pragma unroll
    // As its output, the gradient of a row that sees nothing is none.
    for (int i = 0; i < 4; i++) sums[n][i] = b.sees[i / 2] > 0 ? sums[n][i] : NAN;
  }
  store(sums, a.root, a.dq + b.head * SIZE, a.forward.q_columns, b.row, a.forward.rows);
}

// A row that keys meet, in shared memory.
struct MetRow {
  RowStatistics of;
  int sees;
};

template <typename T, int SIZE> __device__ __forceinline__ void keys(const AttentionGradient<T>& a) {
  const Attention<T>& f = a.forward;
  Tiles<SIZE> tiles = Tiles<SIZE>::here();
  MetRow* met = reinterpret_cast<MetRow*>(tiles.behind);
  int kv_head = blockIdx.x, first_key = blockIdx.y * OWN;
  int group = f.heads / f.kv_heads, dy_columns = f.heads * SIZE;
  int kv_columns = f.kv_heads * SIZE, kv_column = kv_head * SIZE;
  int64_t own = static_cast<int64_t>(first_key) * kv_columns + kv_column;
  load_tile<T, SIZE, OWN, THREADS>(f.keys + own, kv_columns, f.key_count - first_key, tiles.own);
  load_tile<T, SIZE, OWN, THREADS>(f.values + own, kv_columns, f.key_count - first_key, tiles.own_slopes);
  int key = first_key + warp() * WARP_ROWS + lane() / 4;
  float d_keys[SIZE / 8][4] = {}, d_values[SIZE / 8][4] = {};
  for (int head = kv_head * group; head < (kv_head + 1) * group; head++) {
    for (int first_row = 0; first_row < f.rows; first_row += OTHER) {
      int row = first_row + lane();
      int sees = row < f.rows ? visible(f, row) : 0;
      if (warp_most(sees) <= first_key) continue;
      __syncthreads();  // The rows before have been used.
      const T* q = f.q + static_cast<int64_t>(first_row) * f.q_columns + head * SIZE;
      const T* dy = a.dy + static_cast<int64_t>(first_row) * dy_columns + head * SIZE;
      load_tile<T, SIZE, OTHER, THREADS>(q, f.q_columns, f.rows - first_row, tiles.other);
      load_tile<T, SIZE, OTHER, THREADS>(dy, dy_columns, f.rows - first_row, tiles.other_slopes);
      copies_sent();
      if (warp() == 0) {
        MetRow here = {{}, sees};
        if (row < f.rows) here.of = a.statistics[static_cast<int64_t>(head) * f.rows + row];
        met[lane()] = here;
      }
      copies_arrived<0>();
      __syncthreads();
      Scores scores, slopes;
      multiply<T, SIZE>(tiles.own, tiles.other, scores);
      multiply<T, SIZE>(tiles.own_slopes, tiles.other_slopes, slopes);
#pragma unroll
      for (int n = 0; n < OTHER / 8; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const MetRow& row = met[other_of(n, i)];
          bool seen = key + 8 * (i / 2) < row.sees;
          float p = probability(row.of, scores[n][i], f.scale);
          scores[n][i] = seen ? p : 0.0f;
          slopes[n][i] = seen ? p * (slopes[n][i] - row.of.mean) : 0.0f;
        }
      }
      add_values<T, SIZE, OTHER>(scores, tiles.other_slopes, d_values);
      add_values<T, SIZE, OTHER>(slopes, tiles.other, d_keys);
    }
  }
  store(d_keys, a.root, a.d_keys + kv_column, kv_columns, key, f.key_count);
  store(d_values, 1.0f, a.d_values + kv_column, kv_columns, key, f.key_count);
}

}  // namespace attention::tensor_gradient

#define EXPORT_GRADIENT(part, size)                                                                  \
  template <typename T> __device__ void attention_gradient_##part##_##size(const AttentionGradient<T>& a) { \
    attention::tensor_gradient::part<T, size>(a);                                                    \
  }                                                                                                  \
  EXPORT(attention_gradient_##part##_##size##_bfloat16, attention_gradient_##part##_##size<bfloat16>, \
         AttentionGradient<bfloat16>, attention::tensor_gradient::THREADS)

EXPORT_GRADIENT(rows, 64)
EXPORT_GRADIENT(rows, 128)
EXPORT_GRADIENT(query, 64)
EXPORT_GRADIENT(query, 128)
EXPORT_GRADIENT(keys, 64)
EXPORT_GRADIENT(keys, 128)

// Launch: 128 threads. All pointers but those to float32 and int are multiples of 16 bytes, and q_columns is one of 8.
//   attention_gradient_rows, …_query  grid (heads, ⌈rows / 64⌉), 384 · size bytes of shared memory
//   attention_gradient_keys           grid (kv_heads, ⌈key_count / 64⌉), 512 more
