// Tokens that go into others (VisionZip, Yang et al. 2024).
//
//   average_heads  out[row] = mean over heads of x[row]
//   nearest        out[i] = the place in targets whose row has the highest cosine with row others[i]
//   merge_rows     out[t] = x[targets[t]] + mean of all x[others[i]] with into[i] = t
//
// A row number outside x is a row of NaN; what goes into no target is left out.
#include "packs.cuh"

template <typename T> struct AverageHeads {
  const T* x;  // (rows, heads·size)
  float* out;  // (rows, size)
  int rows, heads, size;
};

struct Nearest {
  const float* x;      // (rows, columns), as scale_rows leaves them; columns is a multiple of 4
  const int* targets;  // (target_count)
  const int* others;   // (other_count)
  int* out;            // (other_count)
  int rows, columns, target_count, other_count;
};

template <typename T> struct MergeRows {
  const T* x;          // (rows, columns)
  const int* targets;  // (targets)
  const int* others;   // (other_count)
  const int* into;     // (other_count)
  T* out;              // (targets, columns)
  int rows, columns, other_count;
};

namespace merging {

constexpr int THREADS = 128;
constexpr int EACH = 4;  // others a warp
constexpr int N = 4;     // channels an access
constexpr int DEEP = 4;  // rows on their way to a sum

// A lane has every 32nd target, and the highest cosines with its warp's others; an other's own length doesn't order
// them. All cosines are sums in one order, so those with equal rows are equal.
__device__ void nearest(const Nearest& a) {
  int lane = threadIdx.x % WARP, first = (blockIdx.x * (THREADS / WARP) + threadIdx.x / WARP) * EACH;
  if (first >= a.other_count) return;
  // Rows outside are read as row 0, and what comes of it is NaN.
  int columns = a.rows > 0 ? a.columns : 0;
  auto inside = [&](int number) { return number >= 0 && number < a.rows; };
  auto row_of = [&](int number) { return a.x + static_cast<int64_t>(inside(number) ? number : 0) * columns; };
  int numbers[EACH], places[EACH] = {};
  const float* own[EACH];
  float highest[EACH];
#pragma unroll
  for (int e = 0; e < EACH; e++) {
    numbers[e] = first + e < a.other_count ? a.others[first + e] : -1;
    own[e] = row_of(numbers[e]);
    highest[e] = -INFINITY;
  }
  for (int t = lane; t < a.target_count; t += WARP) {
    int number = a.targets[t];
    const float* target = row_of(number);
    float dots[EACH][2] = {}, squares[2] = {};
#pragma unroll 2
    for (int c = 0; c < columns; c += N) {
      Pack<float, N> y = packs::load<N>(target + c);
#pragma unroll
      for (int i = 0; i < N; i++) squares[i % 2] = fmaf(y.at[i], y.at[i], squares[i % 2]);
#pragma unroll
      for (int e = 0; e < EACH; e++) {
        Pack<float, N> x = packs::load<N>(own[e] + c);
#pragma unroll
        for (int i = 0; i < N; i++) dots[e][i % 2] = fmaf(x.at[i], y.at[i], dots[e][i % 2]);
      }
    }
    float length = inside(number) ? sqrtf(squares[0] + squares[1]) : NAN;
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      float cosine = inside(numbers[e]) ? (dots[e][0] + dots[e][1]) / length : NAN;
      if (cosine > highest[e]) {
        highest[e] = cosine;
        places[e] = t;
      }
    }
  }
#pragma unroll
  for (int e = 0; e < EACH; e++) {
    for (int step = WARP / 2; step > 0; step /= 2) {
      float other = __shfl_xor_sync(ALL_LANES, highest[e], step);
      int place = __shfl_xor_sync(ALL_LANES, places[e], step);
      if (other > highest[e] || (other == highest[e] && place < places[e])) {
        highest[e] = other;
        places[e] = place;
      }
    }
    if (lane == 0 && first + e < a.other_count) a.out[first + e] = places[e];
  }
}

template <int N, typename T>
__device__ __forceinline__ Pack<T, N> load_or_nan(const MergeRows<T>& a, int row, int column) {
  if (row < 0 || row >= a.rows) return packs::filled<T, N>(NAN);
  return packs::load<N>(a.x + static_cast<int64_t>(row) * a.columns + column);
}

// The others of one target, THREADS of all others at a time, in their order.
struct Found {
  int counts[THREADS / WARP];
  int rows[THREADS];
};
static_assert(sizeof(Found) == 528, "CudaMerging asks for as much");

// Looks at the others from `first` on; returns how many rows were found. Every thread of the block calls it.
template <typename T> __device__ __forceinline__ int find(const MergeRows<T>& a, int first, Found& found) {
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, i = first + threadIdx.x;
  bool here = i < a.other_count && a.into[i] == static_cast<int>(blockIdx.x);
  unsigned same = __ballot_sync(ALL_LANES, here);
  __syncthreads();  // The rows found before have been used.
  if (lane == 0) found.counts[warp] = __popc(same);
  __syncthreads();
  int before = 0, all = 0;
#pragma unroll
  for (int w = 0; w < THREADS / WARP; w++) {
    before += w < warp ? found.counts[w] : 0;
    all += found.counts[w];
  }
  if (here) found.rows[before + __popc(same & ((1u << lane) - 1))] = a.others[i];
  __syncthreads();
  return all;
}

template <int N, typename T> __device__ __forceinline__ void merge(const MergeRows<T>& a) {
  Found& found = *reinterpret_cast<Found*>(shared_memory());
  int column = (blockIdx.y * THREADS + threadIdx.x) * N;
  bool inside = column < a.columns;
  column = inside ? column : 0;  // What is outside does as the first does, and stores nothing.
  float sums[N] = {};
  int count = 0;
  for (int first = 0; first < a.other_count; first += THREADS) {
    int here = find(a, first, found);
    for (int i = 0; i < here; i += DEEP) {
      Pack<T, N> pieces[DEEP];
#pragma unroll
      for (int d = 0; d < DEEP; d++) pieces[d] = load_or_nan<N>(a, found.rows[min(i + d, here - 1)], column);
#pragma unroll
      for (int d = 0; d < DEEP; d++) {
#pragma unroll
        for (int n = 0; n < N; n++) sums[n] = i + d < here ? sums[n] + widen(pieces[d].at[n]) : sums[n];
      }
    }
    count += here;
  }
  Pack<T, N> own = load_or_nan<N>(a, a.targets[blockIdx.x], column);
  if (!inside) return;
#pragma unroll
  for (int n = 0; n < N; n++) {
    if (count > 0) own.at[n] = narrow<T>(widen(own.at[n]) + sums[n] / static_cast<float>(count));
  }
  packs::store(a.out + static_cast<int64_t>(blockIdx.x) * a.columns + column, own);
}

}  // namespace merging

template <typename T> __device__ void average_heads(const AverageHeads<T>& a) {
  int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= static_cast<int64_t>(a.rows) * a.size) return;
  const T* x = a.x + i / a.size * a.heads * a.size + i % a.size;
  float sum = 0;
#pragma unroll 4
  for (int head = 0; head < a.heads; head++) sum += widen(x[head * a.size]);
  a.out[i] = sum / static_cast<float>(a.heads);
}

template <typename T> __device__ void merge_rows(const MergeRows<T>& a) {
  constexpr int N = VECTOR<T>;
  if (packs::fit<N>(a.x, a.columns) && packs::fit<N>(a.out, a.columns)) {
    merging::merge<N>(a);
  } else {
    merging::merge<1>(a);
  }
}

EXPORT_EACH_TYPE(average_heads, AverageHeads, 256)
EXPORT(nearest, merging::nearest, Nearest, merging::THREADS)
EXPORT_EACH_TYPE(merge_rows, MergeRows, merging::THREADS)

// Launch:
//   average_heads  grid ⌈rows · size / threads⌉, at most 256 threads
//   nearest        grid ⌈other_count / 16⌉, 128 threads
//   merge_rows     grid (targets, ⌈columns / (128 · N)⌉), where N are the numbers in 16 bytes if x, out and their rows are
//                  whole such, else 1; 128 threads, 528 bytes of shared memory
