// A tile of out = activation(x · wᵀ + bias), or of out = silu(x · gateᵀ) ∘ (x · upᵀ), on tensor cores, whatever brings
// w into shared memory.
//
// A block owns a tile of outputs and walks along the inputs: copies fill STAGES stages of shared memory in turn, so that
// two are on their way while one is multiplied. Each warp keeps its part of the tile in registers, and the fragments of
// the next 16 inputs are loaded while those of the last are multiplied. A gated block's weight rows are eight gate rows,
// the eight up rows that belong to them, and so on, which gives both sums of an output to the same thread.
//
// inputs is a multiple of 8, and x begins at a multiple of 16 bytes.
#pragma once

#include "linear.cuh"
#include "tensor_core.cuh"

namespace matmul {

constexpr int DEPTH = 64;          // inputs of a stage: a row of it is 128 bytes, all banks of shared memory
constexpr int CHUNKS = DEPTH / 8;  // 16 bytes each
constexpr int STAGES = 3;
constexpr int BAND = 16;           // row tiles whose blocks run side by side
constexpr int GROUP = 8;           // the width of one tensor-core product
constexpr int RUN = 8;             // outputs a thread stores at a time

// A block's tile, in rows of x and of w, and a warp's.
template <int ROWS_, int WEIGHTS_, int WARP_ROWS_, int WARP_WEIGHTS_> struct Tile {
  static constexpr int ROWS = ROWS_, WEIGHTS = WEIGHTS_, WARP_ROWS = WARP_ROWS_, WARP_WEIGHTS = WARP_WEIGHTS_;
  static constexpr int ACROSS = WEIGHTS / WARP_WEIGHTS;
  static constexpr int THREADS = ROWS / WARP_ROWS * ACROSS * WARP;
  static constexpr int STAGE = (ROWS + WEIGHTS) * DEPTH;
};

// 64×64 a warp reads as little shared memory a product as registers allow. At 600 TFLOP/s a tile of 128×256 reads 7
// TB/s from L2, one of 128×128 would 9. The small tile is for products that fill no GPU with large ones.
typedef Tile<128, 256, 64, 64> Large;
typedef Tile<64, 128, 32, 64> Small;

// Where a stage holds 8 inputs of a row: turned by the row, so that eight rows of a column lie in different banks.
template <typename T> __device__ __forceinline__ T* place(T* tile, int row, int chunk) {
  return tile + row * DEPTH + (chunk ^ row % CHUNKS) * 8;
}

// Which tile this block owns. Blocks run in about this order, so those side by side share rows of w and, a band high,
// of x: w comes from memory once a band, and both stay in L2 meanwhile.
struct Place {
  int row, column;
};

template <typename Shape, int COLUMNS> __device__ __forceinline__ Place place_of_block(int rows, int outputs) {
  int row_tiles = ceil_div(rows, Shape::ROWS), band = BAND * ceil_div(outputs, COLUMNS), block = blockIdx.x;
  int first = block / band * BAND, height = min(BAND, row_tiles - first), inside = block % band;
  return {(first + inside % height) * Shape::ROWS, inside / height * COLUMNS};
}

// What one thread copies of a tile: 8 inputs of every STEP-th row, further along with every stage.
template <typename T> struct Source {
  const T* next;    // in the first of its rows
  int stride;       // from one of its rows to the next
  unsigned inside;  // a bit a row
};

template <typename T, typename Shape, typename W>
__device__ __forceinline__ Source<T> rows_to_copy(const linear::Arguments<T, W>& a, Place tile) {
  constexpr int STEP = Shape::THREADS / CHUNKS;
  int first = tile.row + threadIdx.x / CHUNKS;
  unsigned inside = 0;
#pragma unroll
  for (int i = 0; i < Shape::ROWS / STEP; i++) inside |= (first + i * STEP < a.rows ? 1u : 0u) << i;
  const T* next = a.x + static_cast<int64_t>(first) * a.inputs + threadIdx.x % CHUNKS * 8;
  return {next, STEP * a.inputs, inside};
}

// Sends for the next DEPTH inputs of a tile of ROWS rows; zeros where there are none. `deep` says whether this
// thread's inputs are inside.
template <int ROWS, int STEP, typename T> __device__ __forceinline__ void send(Source<T>& source, bool deep, T* to) {
  const T* from = source.next;
  T* at = place(to, threadIdx.x / CHUNKS, threadIdx.x % CHUNKS);
#pragma unroll
  for (int i = 0; i < ROWS / STEP; i++) {
    copy_async(at + i * STEP * DEPTH, from, deep && (source.inside >> i & 1) != 0);
    from += source.stride;
  }
  source.next += DEPTH;
}

// What a warp multiplies in one go: 16 inputs of all its rows.
template <typename Shape> struct Fragments {
  unsigned x[Shape::WARP_ROWS / 16][4];
  unsigned w[Shape::WARP_WEIGHTS / 8][2];
};

// `row` and `weight` are the warp's first in the stage, `step` counts 16 inputs.
template <typename T, typename Shape>
__device__ __forceinline__ void load_fragments(T* stage, int row, int weight, int step, Fragments<Shape>& f) {
  int lane = threadIdx.x % WARP;
#pragma unroll
  for (int m = 0; m < Shape::WARP_ROWS / 16; m++) {
    load_matrices(f.x[m], place(stage, row + m * 16 + lane % 16, 2 * step + lane / 16));
  }
  T* weights = stage + Shape::ROWS * DEPTH;
#pragma unroll
  for (int n = 0; n < Shape::WARP_WEIGHTS / 8; n += 2) {
    unsigned two[4];
    load_matrices(two, place(weights, weight + n * 8 + lane / 16 * 8 + lane % 8, 2 * step + lane / 8 % 2));
    f.w[n][0] = two[0];
    f.w[n][1] = two[1];
    f.w[n + 1][0] = two[2];
    f.w[n + 1][1] = two[3];
  }
}

// Stores the warp's part of the tile, 16 rows at a time by way of shared memory, so that a thread gets outputs side by
// side. (row, column) is its first output.
template <typename T, typename Shape, bool GATED>
__device__ __forceinline__ void store_tile(const linear::Epilogue<T>& end, int rows, int row, int column,
                                           const float (&sums)[Shape::WARP_ROWS / 16][Shape::WARP_WEIGHTS / 8][4]) {
  constexpr int COLUMNS = GATED ? Shape::WARP_WEIGHTS / 2 : Shape::WARP_WEIGHTS, RUNS = COLUMNS / RUN;
  constexpr int STRIDE = COLUMNS + 8;  // the eight rows that are written together lie in different banks
  int lane = threadIdx.x % WARP, g = lane / 4, t = lane % 4;
  float* mine = reinterpret_cast<float*>(shared_memory()) + threadIdx.x / WARP * 16 * STRIDE;
#pragma unroll
  for (int m = 0; m < Shape::WARP_ROWS / 16; m++) {
#pragma unroll
    for (int n = 0; n < COLUMNS / 8; n++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        Pack<float, 2> two;
#pragma unroll
        for (int i = 0; i < 2; i++) {
          int d = 2 * half + i;
          two.at[i] = GATED ? linear::silu_times(sums[m][2 * n][d], sums[m][2 * n + 1][d]) : sums[m][n][d];
        }
        *reinterpret_cast<Pack<float, 2>*>(mine + (g + 8 * half) * STRIDE + n * 8 + 2 * t) = two;
      }
    }
    __syncwarp();
#pragma unroll 1
    for (int i = lane; i < 16 * RUNS; i += WARP) {
      int r = i / RUNS, c = i % RUNS * RUN;
      if (row + m * 16 + r < rows && column + c < end.outputs) {
        float run[RUN];
        linear::load_run<RUN>(mine + r * STRIDE + c, RUN, run);
        linear::finish<RUN>(end, row + m * 16 + r, column + c, run);
      }
    }
    __syncwarp();
  }
}

// Weights bring the tile's rows of w, stage by stage: `send` begins to, and `arrive` ends, for the stage sent last, what
// is no asynchronous copy. All threads meet between that and the stage's first product.
template <typename T, typename Shape, bool GATED, typename Weights, typename W>
__device__ __forceinline__ void multiply(const linear::Arguments<T, W>& a) {
  constexpr int COLUMNS = GATED ? Shape::WEIGHTS / 2 : Shape::WEIGHTS;
  constexpr int STEPS = DEPTH / 16;
  T* stages = reinterpret_cast<T*>(shared_memory());
  int warp = threadIdx.x / WARP;
  int warp_row = warp / Shape::ACROSS * Shape::WARP_ROWS, warp_weight = warp % Shape::ACROSS * Shape::WARP_WEIGHTS;
  Place tile = place_of_block<Shape, COLUMNS>(a.rows, a.end.outputs);
  int count = ceil_div(a.inputs, DEPTH);
  Source<T> rows = rows_to_copy<T, Shape>(a, tile);
  Weights weights(a, tile);
  auto weights_of = [&](int slot) { return stages + slot * Shape::STAGE + Shape::ROWS * DEPTH; };
  auto send_stage = [&](int k, int slot) {
    bool deep = k * DEPTH + static_cast<int>(threadIdx.x) % CHUNKS * 8 < a.inputs;
    send<Shape::ROWS, Shape::THREADS / CHUNKS>(rows, deep, stages + slot * Shape::STAGE);
    weights.send(k, weights_of(slot));
  };

#pragma unroll
  for (int s = 0; s < STAGES - 1; s++) {
    if (s < count) send_stage(s, s);
    if (s < STAGES - 2) weights.arrive(weights_of(s));
    copies_sent();
  }
  copies_arrived<STAGES - 2>();
  __syncthreads();

  float sums[Shape::WARP_ROWS / 16][Shape::WARP_WEIGHTS / 8][4] = {};
  Fragments<Shape> fragments[2];
  load_fragments<T, Shape>(stages, warp_row, warp_weight, 0, fragments[0]);
  int now = 0, free = STAGES - 1;
#pragma unroll 1
  for (int k = 0; k < count; k++) {
#pragma unroll
    for (int step = 0; step < STEPS; step++) {
      if (step < STEPS - 1) {
        load_fragments<T, Shape>(stages + now * Shape::STAGE, warp_row, warp_weight, step + 1,
                                 fragments[(step + 1) % 2]);
      } else {
        // The next stage is there for everyone, and nobody reads this one any more: its fragments are all loaded.
        copies_arrived<STAGES - 2>();
        __syncthreads();
        free = now;
        now = now + 1 < STAGES ? now + 1 : 0;
        if (k + 1 < count) {
          load_fragments<T, Shape>(stages + now * Shape::STAGE, warp_row, warp_weight, 0, fragments[0]);
        }
      }
#pragma unroll
      for (int m = 0; m < Shape::WARP_ROWS / 16; m++) {
#pragma unroll
        for (int n = 0; n < Shape::WARP_WEIGHTS / 8; n++) {
          multiply_add<T>(sums[m][n], fragments[step % 2].x[m], fragments[step % 2].w[n]);
        }
      }
      if (step == 0) {
        // Here registers are free: one set of fragments is used up.
        if (k + STAGES - 2 < count) weights.arrive(weights_of(free > 0 ? free - 1 : STAGES - 1));
        if (k + STAGES - 1 < count) send_stage(k + STAGES - 1, free);
        copies_sent();
      }
    }
  }
  // That last barrier left all of shared memory free.
  int column = tile.column + (GATED ? warp_weight / 2 : warp_weight);
  store_tile<T, Shape, GATED>(a.end, a.rows, tile.row + warp_row, column, sums);
}

}  // namespace matmul
