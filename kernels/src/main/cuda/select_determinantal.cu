// Rows that are relevant and unlike each other (CDPruner, Zhang et al. 2025): again and again the one that makes the
// determinant of the chosen rows' kernel r_i · cos(i, j) · r_j largest, by the incremental Cholesky factorisation of
// Chen et al. 2018. A choice adds a column to the factor, which says what the chosen row accounts for of each row:
//
//   column[i] = (cos(best, i) - Σ over columns before of column[best] · column[i]) / √left[best],  left[i] -= column[i]²
//
// One block would take ever longer over that sum, so columns are made in panels of `depth`:
//
//   select_determinantal  the choices of a panel, in one block that holds its columns in shared memory
//   subtract_panel        what the panel accounts for, off the matrix of all products, by all multiprocessors
//
// All is kept in the scale of the products that the rows of scale_rows have, and a row's own product is its squared
// length: rounded as the others are, it makes equal rows leave nothing of each other.
#include "greedy.cuh"

struct SelectDeterminantal {
  const float* products;   // (rows, rows), less what panels before account for
  const float* relevance;  // (rows)
  float* left;             // (rows): of each row's own 1
  float* inverse;          // (rows): 1 / its length, NaN for rows without a direction
  float* ranked;           // (rows): its relevance, NaN if it is not to be ranked, or chosen::MARK
  float* panel;            // (depth, rows)
  int* state;              // columns in the panel; whether the determinant is 0
  int* out;                // (all choices)
  int rows;
  int first;  // choices before this panel
  int depth;  // choices of this panel
  int last;   // 1: out is to be written
};

struct SubtractPanel {
  float* products;     // (rows, rows)
  const float* panel;  // (depth, rows)
  const int* state;
  int rows;
};

namespace determinantal {

// Less than this left of a row's 1 is nothing.
constexpr float LEAST_LEFT = 1.0f / 65536;

// In `ranked`, for rows that are chosen; no relevance is negative.
constexpr float MARK = -1;

// By √(r²·left), which is ordered alike and vanishes later.
__device__ __forceinline__ unsigned rank(float ranked, float left, bool singular) {
  if (isnan(ranked)) return greedy::NOT_A_NUMBER;
  if (ranked == MARK) return greedy::CHOSEN;
  return radix::ordered(singular || left < LEAST_LEFT ? 0.0f : ranked * sqrtf(left));
}

// Whether a row of that rank makes the determinant 0.
__device__ __forceinline__ bool adds_nothing(unsigned rank) { return rank <= radix::ordered(0.0f); }

__device__ void select(const SelectDeterminantal& a) {
  greedy::Shared& shared = *reinterpret_cast<greedy::Shared*>(shared_memory());
  float* left = reinterpret_cast<float*>(shared_memory() + sizeof(greedy::Shared));  // (rows)
  float* inverse = left + a.rows;                                                    // (rows)
  float* ranked = inverse + a.rows;                                                  // (rows)
  float* panel = ranked + a.rows;                                                    // (depth, rows)
  bool singular = a.first > 0 && a.state[1] != 0;
  greedy::Candidate own = greedy::none();
  for (int i = threadIdx.x; i < a.rows; i += greedy::THREADS) {
    if (a.first == 0) {
      left[i] = 1;
      inverse[i] = 1 / sqrtf(a.products[static_cast<int64_t>(i) * a.rows + i]);
      ranked[i] = isnan(inverse[i]) ? inverse[i] : a.relevance[i];
    } else {
      left[i] = a.left[i];
      inverse[i] = a.inverse[i];
      ranked[i] = a.ranked[i];
    }
    own = greedy::better(own, rank(ranked[i], left[i], singular), i);
  }
  int columns = 0;
  for (int step = 0; step < a.depth; step++) {
    greedy::Candidate chosen = greedy::best_of_block(own, step, shared);
    int best = static_cast<int>(chosen.row);
    singular = singular || adds_nothing(chosen.rank);
    const float* products = a.products + static_cast<int64_t>(best) * a.rows;
    float* column = panel + columns * a.rows;
    float root = singular ? 1.0f : sqrtf(left[best]) / inverse[best];
    own = greedy::none();
    // A thread alone writes its rows' numbers, and none that others read of the chosen row.
    greedy::each_row(products, a.rows, [&](int i, float sum) {
      if (!singular) {
#pragma unroll 4
        for (int u = 0; u < columns; u++) sum = fmaf(-panel[u * a.rows + best], panel[u * a.rows + i], sum);
        sum = isnan(sum) ? 0.0f : sum / root;
        float share = sum * inverse[i];
        column[i] = sum;
        a.panel[static_cast<int64_t>(columns) * a.rows + i] = sum;
        if (i != best && !isnan(share)) left[i] = fmaf(-share, share, left[i]);
      }
      if (i == best) ranked[i] = MARK;
      own = greedy::better(own, rank(ranked[i], left[i], singular), i);
    });
    if (!singular) columns++;
  }
  if (a.last != 0) {
    greedy::write_places(a.rows, [=](int row) { return ranked[row] == MARK; }, shared, a.out);
    return;
  }
  for (int i = threadIdx.x; i < a.rows; i += greedy::THREADS) {
    a.left[i] = left[i];
    a.inverse[i] = inverse[i];
    a.ranked[i] = ranked[i];
  }
  if (threadIdx.x == 0) {
    a.state[0] = columns;
    a.state[1] = singular ? 1 : 0;
  }
}

// A thread has a column of the matrix in TILE_ROWS of its rows, whose part of the panel lies in shared memory.
constexpr int THREADS = 256;
constexpr int TILE_ROWS = 32;
constexpr int N = 4;

__device__ void subtract(const SubtractPanel& a) {
  float* own = reinterpret_cast<float*>(shared_memory());  // (depth, TILE_ROWS)
  int columns = a.state[0], first = blockIdx.y * TILE_ROWS, column = blockIdx.x * THREADS + threadIdx.x;
  int count = min(TILE_ROWS, a.rows - first);
  for (int i = threadIdx.x; i < columns * TILE_ROWS; i += THREADS) {
    int row = i % TILE_ROWS;
    own[i] = row < count ? a.panel[static_cast<int64_t>(i / TILE_ROWS) * a.rows + first + row] : 0.0f;
  }
  __syncthreads();
  if (column >= a.rows) return;
  float* products = a.products + static_cast<int64_t>(first) * a.rows + column;
  float sums[TILE_ROWS];
#pragma unroll
  for (int r = 0; r < TILE_ROWS; r++) sums[r] = r < count ? products[static_cast<int64_t>(r) * a.rows] : 0.0f;
  for (int u = 0; u < columns; u++) {
    float other = -a.panel[static_cast<int64_t>(u) * a.rows + column];
#pragma unroll
    for (int r = 0; r < TILE_ROWS; r += N) {
      Pack<float, N> four = *reinterpret_cast<const Pack<float, N>*>(own + u * TILE_ROWS + r);
#pragma unroll
      for (int i = 0; i < N; i++) sums[r + i] = fmaf(other, four.at[i], sums[r + i]);
    }
  }
#pragma unroll
  for (int r = 0; r < TILE_ROWS; r++) {
    if (r < count) products[static_cast<int64_t>(r) * a.rows] = sums[r];
  }
}

}  // namespace determinantal

EXPORT(select_determinantal, determinantal::select, SelectDeterminantal, greedy::THREADS)
EXPORT(subtract_panel, determinantal::subtract, SubtractPanel, determinantal::THREADS)

// Launch, for each panel, the second not behind the last:
//   select_determinantal  one block of 1024 threads, 640 + 4 · (3 + depth) · rows bytes of shared memory
//   subtract_panel        grid (⌈rows / 256⌉, ⌈rows / 32⌉), 256 threads, 128 · depth bytes of shared memory
