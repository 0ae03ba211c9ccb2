// Adding to what is there, as gradients do. Numbers are widened, added in float32 and rounded once.
//
//   add_scaled    out += factor · x, element by element
//   add_columns   out[:, first .. first + columns) += factor · x, in float32
//   add_from_columns  out += x[:, first .. first + columns)
//   add_rows      out[rows[i]] += x[i]; no row twice
//   add_to_table  out[ids[i]] += x[i], ids as often as they come, in the order of i
//
// What a row number outside of out names is not there, so nothing is added for it.
#include "packs.cuh"

struct AddScaled {
  const void* x;  // (count)
  void* out;      // (count)
  int64_t count;
  float factor;
};

struct AddColumns {
  const float* x;  // (rows, columns)
  float* out;      // (rows, out_columns)
  int columns, out_columns, first;
  float factor;
};

template <typename T> struct AddFromColumns {
  const T* x;  // (rows, x_columns)
  T* out;      // (rows, columns)
  int x_columns, columns, first;
};

struct AddRows {
  const void* x;    // (rows, columns)
  const int* rows;  // (rows)
  void* out;        // (out_rows, columns)
  int columns, out_rows;
};

template <typename T> struct AddToTable {
  const T* x;      // (count, columns)
  const int* ids;  // (count)
  float* out;      // (out_rows, columns)
  int count, columns, out_rows;
};

namespace sums {

// Both types have packs of at most 16 bytes.
constexpr int N = 4;

template <int N, typename From, typename To>
__device__ __forceinline__ void add(const From* x, float factor, To* out) {
  Pack<From, N> from = packs::load<N>(x);
  Pack<To, N> to = packs::load<N>(out);
  for (int j = 0; j < N; j++) to.at[j] = narrow<To>(widen(to.at[j]) + factor * widen(from.at[j]));
  packs::store(out, to);
}

template <int N, typename From, typename To>
__device__ void add_all(const From* x, float factor, To* out, int64_t count) {
  int64_t first = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * N;
  int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x * N;
  for (int64_t i = first; i < count; i += step) add<N>(x + i, factor, out + i);
}

// One row, by the blocks that share it.
template <int N, typename From, typename To>
__device__ void add_row(const From* x, float factor, To* out, int columns) {
  int first = (blockIdx.y * blockDim.x + threadIdx.x) * N;
  for (int c = first; c < columns; c += gridDim.y * blockDim.x * N) add<N>(x + c, factor, out + c);
}

__device__ void add_columns(const AddColumns& a) {
  const float* x = a.x + static_cast<int64_t>(blockIdx.x) * a.columns;
  float* out = a.out + static_cast<int64_t>(blockIdx.x) * a.out_columns + a.first;
  add_row<1>(x, a.factor, out, a.columns);
}

}  // namespace sums

template <typename From, typename To> __device__ void add_scaled(const AddScaled& a) {
  constexpr int N = sums::N;
  const From* x = static_cast<const From*>(a.x);
  To* out = static_cast<To*>(a.out);
  if (packs::fit<N>(x, a.count) && packs::fit<N>(out, a.count)) {
    sums::add_all<N>(x, a.factor, out, a.count);
  } else {
    sums::add_all<1>(x, a.factor, out, a.count);
  }
}

template <typename T> __device__ void add_from_columns(const AddFromColumns<T>& a) {
  const T* x = a.x + static_cast<int64_t>(blockIdx.x) * a.x_columns + a.first;
  sums::add_row<1>(x, 1.0f, a.out + static_cast<int64_t>(blockIdx.x) * a.columns, a.columns);
}

template <typename From, typename To> __device__ void add_rows(const AddRows& a) {
  constexpr int N = sums::N;
  int to = a.rows[blockIdx.x];
  if (to < 0 || to >= a.out_rows) return;
  const From* x = static_cast<const From*>(a.x) + static_cast<int64_t>(blockIdx.x) * a.columns;
  To* out = static_cast<To*>(a.out) + static_cast<int64_t>(to) * a.columns;
  if (packs::fit<N>(x, a.columns) && packs::fit<N>(out, a.columns)) {
    sums::add_row<N>(x, 1.0f, out, a.columns);
  } else {
    sums::add_row<1>(x, 1.0f, out, a.columns);
  }
}

// The block of an id's first row adds all rows of that id, one after the other; those of the others find that they are
// not first and leave. Every warp looks through the ids for itself, so that none waits.
template <typename T> __device__ void add_to_table(const AddToTable<T>& a) {
  int row = blockIdx.x, lane = threadIdx.x % WARP;
  int column = blockIdx.y * blockDim.x + threadIdx.x;
  int id = a.ids[row];
  if (id < 0 || id >= a.out_rows) return;
  bool inside = column < a.columns;
  float* out = a.out + static_cast<int64_t>(id) * a.columns + column;
  float sum = inside ? *out : 0.0f;
  for (int first = 0; first < a.count; first += WARP) {
    int other = first + lane;
    unsigned same = __ballot_sync(ALL_LANES, other < a.count && a.ids[other] == id);
    for (; same != 0; same &= same - 1) {
      int i = first + __ffs(static_cast<int>(same)) - 1;
      if (i < row) return;
      if (inside) sum += widen(a.x[static_cast<int64_t>(i) * a.columns + column]);
    }
  }
  if (inside) *out = sum;
}

#define EXPORT_ADDITIONS(From, To, from, to)                                          \
  EXPORT(add_scaled_##from##_to_##to, (add_scaled<From, To>), AddScaled, 256)         \
  EXPORT(add_rows_##from##_to_##to, (add_rows<From, To>), AddRows, 256)

EXPORT_ADDITIONS(float, float, float32, float32)
EXPORT_ADDITIONS(float, float16, float32, float16)
EXPORT_ADDITIONS(float, bfloat16, float32, bfloat16)
EXPORT_ADDITIONS(float16, float, float16, float32)
EXPORT_ADDITIONS(float16, float16, float16, float16)
EXPORT_ADDITIONS(bfloat16, float, bfloat16, float32)
EXPORT_ADDITIONS(bfloat16, bfloat16, bfloat16, bfloat16)
EXPORT(add_columns, sums::add_columns, AddColumns, 256)
EXPORT_EACH_TYPE(add_from_columns, AddFromColumns, 256)
EXPORT_EACH_TYPE(add_to_table, AddToTable, 256)

// Launch: whole warps, at most 256 threads; no shared memory.
//   add_scaled             any grid
//   add_columns, add_from_columns, add_rows
//                          grid (rows, any number of blocks that share a row)
//   add_to_table           grid (count, ⌈columns / threads⌉)
