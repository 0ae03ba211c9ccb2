// Moving rows.
//
//   gather_rows   out[i] = x[rows[i]]; an embedding is this, too, with token ids for row numbers
//   gather        out[i] = x[places[i]] for numbers
//   add           x += w
//   copy_columns  out[:, first .. first + columns) = x
//   patches       a picture's squares, a row each, channel by channel
//
// A row number outside x gives a row of NaN, a place outside x the number -1, which is no row of anything.
#include "packs.cuh"

template <typename T> struct GatherRows {
  const T* x;       // (x_rows, columns)
  const int* rows;  // (rows)
  T* out;           // (rows, columns)
  int x_rows, columns;
};

struct Gather {
  const int* x;       // (size)
  const int* places;  // (count)
  int* out;           // (count)
  int size, count;
};

template <typename T> struct Add {
  T* x;        // (rows, columns)
  const T* w;  // (rows, columns)
  int rows, columns;
};

template <typename T> struct CopyColumns {
  const T* x;  // (rows, columns)
  T* out;      // (rows, out_columns)
  int columns, out_columns, first;
};

template <typename T> struct Patches {
  const float* pixels;  // (pictures, channels, side, side)
  T* out;               // (pictures · (before + squares), columns)
  int channels, side;
  int patch;    // side of a square
  int before;   // rows of zeros before each picture's
  int columns;  // at least channels · patch²; zeros behind those
};

namespace rows {

// One row, by the blocks that share it.
template <int N, typename T> __device__ void copy(const T* x, T* out, int columns) {
  int first = (blockIdx.y * blockDim.x + threadIdx.x) * N;
  for (int c = first; c < columns; c += gridDim.y * blockDim.x * N) packs::store(out + c, packs::load<N>(x + c));
}

template <typename T> __device__ void fill(T* out, int columns, float x) {
  int first = blockIdx.y * blockDim.x + threadIdx.x;
  for (int c = first; c < columns; c += gridDim.y * blockDim.x) out[c] = narrow<T>(x);
}

template <int N, typename T> __device__ void add(T* x, const T* w, int64_t count) {
  int64_t first = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * N;
  int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x * N;
  for (int64_t i = first; i < count; i += step) {
    Pack<T, N> sum = packs::load<N>(x + i), term = packs::load<N>(w + i);
    for (int j = 0; j < N; j++) sum.at[j] = narrow<T>(widen(sum.at[j]) + widen(term.at[j]));
    packs::store(x + i, sum);
  }
}

__device__ void gather_numbers(const Gather& a) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= a.count) return;
  int place = a.places[i];
  a.out[i] = place >= 0 && place < a.size ? a.x[place] : -1;
}

}  // namespace rows

template <typename T> __device__ void gather_rows(const GatherRows<T>& a) {
  constexpr int N = VECTOR<T>;
  int from = a.rows[blockIdx.x];
  T* out = a.out + static_cast<int64_t>(blockIdx.x) * a.columns;
  if (from < 0 || from >= a.x_rows) {
    rows::fill(out, a.columns, NAN);
    return;
  }
  const T* x = a.x + static_cast<int64_t>(from) * a.columns;
  if (packs::fit<N>(a.x, a.columns) && packs::fit<N>(a.out, a.columns)) {
    rows::copy<N>(x, out, a.columns);
  } else {
    rows::copy<1>(x, out, a.columns);
  }
}

template <typename T> __device__ void add(const Add<T>& a) {
  constexpr int N = VECTOR<T>;
  int64_t count = static_cast<int64_t>(a.rows) * a.columns;
  if (packs::fit<N>(a.x, count) && packs::fit<N>(a.w, count)) {
    rows::add<N>(a.x, a.w, count);
  } else {
    rows::add<1>(a.x, a.w, count);
  }
}

template <typename T> __device__ void copy_columns(const CopyColumns<T>& a) {
  constexpr int N = VECTOR<T>;
  const T* x = a.x + static_cast<int64_t>(blockIdx.x) * a.columns;
  T* out = a.out + static_cast<int64_t>(blockIdx.x) * a.out_columns + a.first;
  if (a.first % N == 0 && packs::fit<N>(a.x, a.columns) && packs::fit<N>(a.out, a.out_columns)) {
    rows::copy<N>(x, out, a.columns);
  } else {
    rows::copy<1>(x, out, a.columns);
  }
}

template <typename T> __device__ void patches(const Patches<T>& a) {
  constexpr int N = 4;
  int across = a.side / a.patch, each = a.before + across * across;
  int square = static_cast<int>(blockIdx.x) % each - a.before;
  const float* picture = a.pixels + static_cast<int64_t>(blockIdx.x / each) * a.channels * a.side * a.side;
  T* out = a.out + static_cast<int64_t>(blockIdx.x) * a.columns;
  int x = square % across * a.patch, y = square / across * a.patch;
  auto at = [&](int column) {
    if (square < 0 || column >= a.channels * a.patch * a.patch) return 0.0f;
    int line = column / a.patch;
    return picture[(line / a.patch * a.side + y + line % a.patch) * a.side + x + column % a.patch];
  };
  int first = (blockIdx.y * blockDim.x + threadIdx.x) * N;
  bool fit = packs::fit<N>(a.out, a.columns);
  for (int column = first; column < a.columns; column += gridDim.y * blockDim.x * N) {
    if (fit) {
      Pack<T, N> run;
#pragma unroll
      for (int i = 0; i < N; i++) run.at[i] = narrow<T>(at(column + i));
      packs::store(out + column, run);
    } else {
      for (int i = column; i < min(column + N, a.columns); i++) out[i] = narrow<T>(at(i));
    }
  }
}

EXPORT_EACH_TYPE(gather_rows, GatherRows, 256)
EXPORT(gather, rows::gather_numbers, Gather, 256)
EXPORT_EACH_TYPE(add, Add, 256)
EXPORT_EACH_TYPE(copy_columns, CopyColumns, 256)
EXPORT_EACH_TYPE(patches, Patches, 256)

// Launch: whole warps, at most 256 threads; no shared memory.
//   gather_rows, copy_columns, patches  grid (rows, any number of blocks that share a row)
//   gather                     grid ⌈count / threads⌉
//   add                        any grid
