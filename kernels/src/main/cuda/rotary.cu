// Rotary position embedding ("RoFormer", Su et al. 2021), with halves of a head turned against each other as in LLaMA:
// channels (c, c + size/2) of a head in row i turn by the angle of (position of row i, c).
//
//   rotate_and_store  turns heads in place, and keys behind them on their way into a cache, where the values go as well
//   rotate_back       turns heads by the same angles the other way, which is the gradient of turning them in place
//   store_key_values  copies keys and values into a cache as they are
//
// A position outside the table makes NaN of what it should have turned.
//
// All is bytes on their way, so each thread has several accesses of 16 of them under way, and loads its entries of the
// tables once for all heads that it turns.
#include "rotary.cuh"

template <typename T> struct Rotate {
  T* x;                  // (rows, columns): from column `first` on heads turned in place, keys, values
  T* keys;               // (cache_rows, kv_columns)
  T* values;             // (cache_rows, kv_columns)
  const int* to;         // (rows): rows of the cache, all different; one outside of it is not stored
  const float* cos;      // (table_rows, size / 2)
  const float* sin;      // (table_rows, size / 2)
  const int* positions;  // (rows)
  int columns, first;
  int heads;       // turned in place
  int kv_columns;  // of keys, and of values; 0 where nothing is stored
  int size, table_rows, cache_rows;
};

namespace rotary {

constexpr int HEADS = 2;   // whose channels a thread has under way
constexpr int VALUES = 4;  // accesses of values that it has under way

enum class Way { FORTH, BACK };

// Which row of the cache belongs to this block's row; -1 for none.
template <typename T> __device__ __forceinline__ int cache_row(const Rotate<T>& a) {
  if (a.kv_columns == 0) return -1;
  int to = a.to[blockIdx.x];
  return to < a.cache_rows ? to : -1;
}

// Copies a row; blocks that share one take turns.
template <int N, typename T> __device__ __forceinline__ void copy(const T* from, T* to, int columns) {
  int step = static_cast<int>(gridDim.y * blockDim.x) * N;
  for (int c = static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x) * N; c < columns; c += VALUES * step) {
    Pack<T, N> here[VALUES];
#pragma unroll
    for (int i = 0; i < VALUES; i++) {
      if (c + i * step < columns) here[i] = packs::load<N>(from + c + i * step);
    }
#pragma unroll
    for (int i = 0; i < VALUES; i++) {
      if (c + i * step < columns) packs::store(to + c + i * step, here[i]);
    }
  }
}

// Turns the first `heads` heads of a row; those from a.heads on are keys, and go to `keys`. Neighbouring threads have
// neighbouring channels of a head, and as many heads side by side as a block has threads for.
template <int N, Way WAY, typename T>
__device__ __forceinline__ void turn(const Rotate<T>& a, T* row, T* keys, int heads) {
  int half = a.size / 2, threads = blockDim.x, thread = threadIdx.x;
  int width = min(half / N, threads), side_by_side = threads / width;
  if (thread / width >= side_by_side) return;  // no whole head is left for these
  int position = a.positions[blockIdx.x];
  int first = blockIdx.y * side_by_side + thread / width, step = gridDim.y * side_by_side;
  for (int pair = thread % width * N; pair < half; pair += width * N) {
    Pack<float, N> cos = entries<N>(a.cos, a.table_rows, half, position, pair);
    Pack<float, N> sin = entries<N>(a.sin, a.table_rows, half, position, pair);
    for (int head = first; head < heads; head += HEADS * step) {
      Pack<T, N> low[HEADS], high[HEADS];
#pragma unroll
      for (int i = 0; i < HEADS; i++) {
        const T* from = row + (head + i * step) * a.size + pair;
        if (head + i * step >= heads) break;
        low[i] = packs::load<N>(from);
        high[i] = packs::load<N>(from + half);
      }
#pragma unroll
      for (int i = 0; i < HEADS; i++) {
        int here = head + i * step;
        if (here >= heads) break;
#pragma unroll
        for (int j = 0; j < N; j++) {
          float x = widen(low[i].at[j]), y = widen(high[i].at[j]);
          float c = cos.at[j], s = WAY == Way::FORTH ? sin.at[j] : -sin.at[j];
          low[i].at[j] = narrow<T>(turned(x, -y, c, s));
          high[i].at[j] = narrow<T>(turned(y, x, c, s));
        }
        T* to = (here < a.heads ? row + here * a.size : keys + (here - a.heads) * a.size) + pair;
        packs::store(to, low[i]);
        packs::store(to + half, high[i]);
      }
    }
  }
}

template <int N, Way WAY, typename T> __device__ __forceinline__ void run(const Rotate<T>& a) {
  T* row = a.x + static_cast<int64_t>(blockIdx.x) * a.columns + a.first;
  int to = cache_row(a), heads = a.heads;
  T* keys = nullptr;
  if (to >= 0) {
    // Values first: they are on their way while the position is, and then its entries.
    int64_t begin = static_cast<int64_t>(to) * a.kv_columns;
    copy<N>(row + a.heads * a.size + a.kv_columns, a.values + begin, a.kv_columns);
    keys = a.keys + begin;
    heads += a.kv_columns / a.size;
  }
  turn<N, WAY>(a, row, keys, heads);
}

// Whether rows of x and of the cache can be cut into packs.
template <int N, typename T> __device__ __forceinline__ bool rows_fit(const Rotate<T>& a) {
  return packs::fit<N>(a.x + a.first, a.columns) &&
         (a.kv_columns == 0 || (packs::fit<N>(a.keys, a.kv_columns) && packs::fit<N>(a.values, a.kv_columns)));
}

template <Way WAY, typename T> __device__ __forceinline__ void run(const Rotate<T>& a) {
  constexpr int N = VECTOR<T>;
  int half = a.size / 2;
  if (rows_fit<N>(a) && packs::fit<N>(a.cos, half) && packs::fit<N>(a.sin, half)) {
    run<N, WAY>(a);
  } else {
    run<1, WAY>(a);
  }
}

template <int N, typename T> __device__ __forceinline__ void store(const Rotate<T>& a) {
  int to = cache_row(a);
  if (to < 0) return;
  const T* from = a.x + static_cast<int64_t>(blockIdx.x) * a.columns + a.first;
  int64_t begin = static_cast<int64_t>(to) * a.kv_columns;
  copy<N>(from, a.keys + begin, a.kv_columns);
  copy<N>(from + a.kv_columns, a.values + begin, a.kv_columns);
}

}  // namespace rotary

template <typename T> __device__ void rotate_and_store(const Rotate<T>& a) {
  rotary::run<rotary::Way::FORTH>(a);
}

template <typename T> __device__ void rotate_back(const Rotate<T>& a) {
  rotary::run<rotary::Way::BACK>(a);
}

template <typename T> __device__ void store_key_values(const Rotate<T>& a) {
  constexpr int N = VECTOR<T>;
  if (rotary::rows_fit<N>(a)) {
    rotary::store<N>(a);
  } else {
    rotary::store<1>(a);
  }
}

EXPORT_EACH_TYPE(rotate_and_store, Rotate, 128)
EXPORT_EACH_TYPE(rotate_back, Rotate, 128)
EXPORT_EACH_TYPE(store_key_values, Rotate, 128)

// Launch:
//   grid     (rows, any number of blocks that share a row)
//   threads  128
//   shared   none
