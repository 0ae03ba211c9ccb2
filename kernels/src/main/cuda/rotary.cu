// Rotary position embedding ("RoFormer", Su et al. 2021), with halves of a head turned against each other as in LLaMA:
// channels (c, c + size/2) of a head in row i turn by the angle of (position of row i, c).
//
//   rotate            turns the first heads of each row, in place
//   rotate_back       turns them by the same angles the other way, which is the gradient of rotate
//   store_key_values  turns keys, and copies them and the values into rows of a cache
//   rotate_and_store  does both for the heads of one fused product
//
// A position outside the table makes NaN of what it should have turned.
#include "rotary.cuh"

template <typename T> struct Rotate {
  T* x;                  // (rows, columns); the first heads · size columns are turned
  const float* cos;      // (table_rows, size / 2)
  const float* sin;      // (table_rows, size / 2)
  const int* positions;  // (rows)
  int columns, heads, size, table_rows;
};

template <typename T> struct StoreKeyValues {
  const T* x;            // (rows, first + 2 · columns): columns that are not read, keys, values
  T* keys;               // (cache_rows, columns)
  T* values;             // (cache_rows, columns)
  const int* to;         // (rows): rows of the cache, all different; one outside of it is not stored
  const float* cos;      // (table_rows, size / 2); null to store keys as they are
  const float* sin;      // (table_rows, size / 2)
  const int* positions;  // (rows); not read without a table
  int first, columns, size, table_rows, cache_rows;
};

template <typename T> struct RotateAndStore {
  int query_blocks;  // that share a row's queries; those behind them share its keys and values
  Rotate<T> queries;
  StoreKeyValues<T> cache;  // of the same x, behind the queries
};

namespace rotary {

constexpr int N = 4;

// Which of the blocks that share a row this is.
struct Share {
  int block, blocks;
};

__device__ __forceinline__ Share whole() {
  return {static_cast<int>(blockIdx.y), static_cast<int>(gridDim.y)};
}

enum class Way { FORTH, BACK };

template <int N, Way WAY, typename T> __device__ __forceinline__ void turn_row(const Rotate<T>& a, Share share) {
  int half = a.size / 2;
  int position = a.positions[blockIdx.x];
  T* row = a.x + static_cast<int64_t>(blockIdx.x) * a.columns;
  int first = (share.block * blockDim.x + threadIdx.x) * N;
  for (int i = first; i < a.heads * half; i += share.blocks * blockDim.x * N) {
    int pair = i % half;
    T* at = row + i / half * a.size + pair;
    Pack<T, N> low = packs::load<N>(at), high = packs::load<N>(at + half);
    Pack<float, N> cos = entries<N>(a.cos, a.table_rows, half, position, pair);
    Pack<float, N> sin = entries<N>(a.sin, a.table_rows, half, position, pair);
    for (int j = 0; j < N; j++) {
      float x = widen(low.at[j]), y = widen(high.at[j]);
      float c = cos.at[j], s = WAY == Way::FORTH ? sin.at[j] : -sin.at[j];
      low.at[j] = narrow<T>(x * c - y * s);
      high.at[j] = narrow<T>(y * c + x * s);
    }
    packs::store(at, low);
    packs::store(at + half, high);
  }
}

// Keys `column` to `column` + N of one row, turned.
template <int N, typename T>
__device__ __forceinline__ Pack<T, N> turned(const StoreKeyValues<T>& a, const T* keys, int position, int column) {
  int half = a.size / 2;
  int channel = column % a.size;
  bool low = channel < half;
  int pair = low ? channel : channel - half;
  Pack<T, N> x = packs::load<N>(keys + column);
  Pack<T, N> partner = packs::load<N>(keys + (low ? column + half : column - half));
  Pack<float, N> cos = entries<N>(a.cos, a.table_rows, half, position, pair);
  Pack<float, N> sin = entries<N>(a.sin, a.table_rows, half, position, pair);
  for (int j = 0; j < N; j++) {
    float other = widen(partner.at[j]);
    x.at[j] = narrow<T>(widen(x.at[j]) * cos.at[j] + (low ? -other : other) * sin.at[j]);
  }
  return x;
}

template <int N, typename T> __device__ __forceinline__ void store_row(const StoreKeyValues<T>& a, Share share) {
  int to = a.to[blockIdx.x];
  if (to < 0 || to >= a.cache_rows) return;
  int position = a.cos == nullptr ? 0 : a.positions[blockIdx.x];
  const T* from = a.x + static_cast<int64_t>(blockIdx.x) * (a.first + 2 * a.columns) + a.first;
  T* keys = a.keys + static_cast<int64_t>(to) * a.columns;
  T* values = a.values + static_cast<int64_t>(to) * a.columns;
  int first = (share.block * blockDim.x + threadIdx.x) * N;
  for (int c = first; c < a.columns; c += share.blocks * blockDim.x * N) {
    packs::store(keys + c, a.cos == nullptr ? packs::load<N>(from + c) : turned<N>(a, from, position, c));
    packs::store(values + c, packs::load<N>(from + a.columns + c));
  }
}

template <Way WAY, typename T> __device__ __forceinline__ void turn(const Rotate<T>& a, Share share) {
  int half = a.size / 2;
  if (packs::fit<N>(a.x, a.columns) && packs::fit<N>(a.cos, half) && packs::fit<N>(a.sin, half)) {
    turn_row<N, WAY>(a, share);
  } else {
    turn_row<1, WAY>(a, share);
  }
}

template <typename T> __device__ __forceinline__ void store(const StoreKeyValues<T>& a, Share share) {
  int half = a.size / 2;
  bool tables = a.cos == nullptr || (packs::fit<N>(a.cos, half) && packs::fit<N>(a.sin, half));
  if (tables && a.first % N == 0 && packs::fit<N>(a.x, a.columns) && packs::fit<N>(a.keys, a.columns) &&
      packs::fit<N>(a.values, a.columns)) {
    store_row<N>(a, share);
  } else {
    store_row<1>(a, share);
  }
}

}  // namespace rotary

template <typename T> __device__ void rotate(const Rotate<T>& a) {
  rotary::turn<rotary::Way::FORTH>(a, rotary::whole());
}

template <typename T> __device__ void rotate_back(const Rotate<T>& a) {
  rotary::turn<rotary::Way::BACK>(a, rotary::whole());
}

template <typename T> __device__ void store_key_values(const StoreKeyValues<T>& a) {
  rotary::store(a, rotary::whole());
}

template <typename T> __device__ void rotate_and_store(const RotateAndStore<T>& a) {
  rotary::Share share = rotary::whole();
  if (share.block < a.query_blocks) {
    rotary::turn<rotary::Way::FORTH>(a.queries, {share.block, a.query_blocks});
  } else {
    rotary::store(a.cache, {share.block - a.query_blocks, share.blocks - a.query_blocks});
  }
}

EXPORT_EACH_TYPE(rotate, Rotate, 256)
EXPORT_EACH_TYPE(rotate_back, Rotate, 256)
EXPORT_EACH_TYPE(store_key_values, StoreKeyValues, 256)
EXPORT_EACH_TYPE(rotate_and_store, RotateAndStore, 256)

// Launch:
//   grid     (rows, any number of blocks that share a row); rotate_and_store: more than query_blocks of them
//   threads  whole warps, at most 256
//   shared   none
