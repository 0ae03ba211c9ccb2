// Rows that are far from each other (DivPrune, Alvar et al. 2025), with 1 - cosine for a distance: first the one whose
// nearest other row is farthest, then again and again the one whose nearest chosen row is farthest.
//
//   nearest_others  each row's highest cosine with another row: a warp a row
//   select_diverse  all choices, in one block: a step is a search for the best row, and one row of the products
//
// Products are those of rows that scale_rows left, so a cosine is a product times both inverse lengths. All are summed
// in one order, whatever the two rows' places, so equal rows have equal cosines.
#include "greedy.cuh"

struct NearestOthers {
  const float* products;  // (rows, rows)
  const float* inverse;   // (rows), NaN for rows without a direction
  float* nearness;        // (rows), NaN for those rows; -∞ where no other row has one
  int rows;
};

struct SelectDiverse {
  const float* products;  // (rows, rows)
  const float* inverse;   // (rows)
  const float* nearness;  // (rows)
  int* out;               // (count)
  int rows, count;
};

namespace diverse {

constexpr int THREADS = 128;

__device__ __forceinline__ float cosine(float product, float inverse, float other) { return product * (inverse * other); }

__device__ void find_nearest(const NearestOthers& a) {
  int row = blockIdx.x * (THREADS / WARP) + threadIdx.x / WARP, lane = threadIdx.x % WARP;
  if (row >= a.rows) return;
  const float* products = a.products + static_cast<int64_t>(row) * a.rows;
  float own = a.inverse[row], highest = -INFINITY;
#pragma unroll 8
  for (int i = lane; i < a.rows; i += WARP) {
    // What is not a number is passed over.
    highest = fmaxf(highest, i == row ? -INFINITY : cosine(products[i], own, a.inverse[i]));
  }
  highest = warp_max(highest);
  if (lane == 0) a.nearness[row] = isnan(own) ? own : highest;
}

// By a row's highest cosine with those it is to be far from; ∞ marks it as chosen.
__device__ __forceinline__ unsigned rank(float nearness) {
  if (isnan(nearness)) return greedy::NOT_A_NUMBER;
  return nearness == INFINITY ? greedy::CHOSEN : radix::ordered(-nearness);
}

__device__ void select(const SelectDiverse& a) {
  greedy::Shared& shared = *reinterpret_cast<greedy::Shared*>(shared_memory());
  float* nearness = reinterpret_cast<float*>(shared_memory() + sizeof(greedy::Shared));  // (rows)
  float* inverse = nearness + a.rows;                                                    // (rows)
  greedy::Candidate own = greedy::none();
  for (int i = threadIdx.x; i < a.rows; i += greedy::THREADS) {
    nearness[i] = a.nearness[i];
    inverse[i] = a.inverse[i];
    own = greedy::better(own, rank(nearness[i]), i);
  }
  for (int step = 0; step < a.count; step++) {
    int best = static_cast<int>(greedy::best_of_block(own, step, shared).row);
    const float* products = a.products + static_cast<int64_t>(best) * a.rows;
    float length = inverse[best];
    own = greedy::none();
    // A thread alone reads and writes its rows' nearness.
    greedy::each_row(products, a.rows, [&](int i, float product) {
      float now = cosine(product, length, inverse[i]);
      nearness[i] = i == best ? INFINITY : step == 0 ? now : fmaxf(nearness[i], now);
      own = greedy::better(own, rank(nearness[i]), i);
    });
  }
  greedy::write_places(a.rows, [=](int row) { return nearness[row] == INFINITY; }, shared, a.out);
}

}  // namespace diverse

EXPORT(nearest_others, diverse::find_nearest, NearestOthers, diverse::THREADS)
EXPORT(select_diverse, diverse::select, SelectDiverse, greedy::THREADS)

// Launch:
//   nearest_others  grid ⌈rows / 4⌉, 128 threads
//   select_diverse  one block of 1024 threads, 640 + 8 · rows bytes of shared memory
