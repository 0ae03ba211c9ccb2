// Products on compute capability 9.0:
//
//   matmul_hopper  out = activation(x · wᵀ + bias), or out += x · wᵀ + bias
//   swiglu_hopper  out = silu(x · gateᵀ) ∘ (x · upᵀ), gate stacked on up in w
//
// x (rows, inputs), w (outputs or 2·outputs, inputs), out (rows, outputs), row-major. A block does one tile of 128 rows
// and two times 128 rows of w after the other: neighbours of each other, or the gates and the ups of 128 outputs. Of its
// three warpgroups, one thread of the first has the copy engine fetch 64 inputs at a time of the tile's rows and of both
// halves, STAGES stages ahead and on into the next tile while the other two, 64 rows each, still finish the last. Sums
// go from registers through the epilogue to out, rounded once.
#include "hopper.cuh"
#include "linear.cuh"

template <typename T> struct MatmulHopper {
  TensorMap x;  // (rows, inputs), in boxes of 128 rows
  TensorMap w;  // (outputs or 2·outputs, inputs), in boxes of 128 rows
  int rows, inputs;
  linear::Epilogue<T> end;  // of a gated product `out` alone
};

namespace matmul_boxes {

using namespace ::hopper;

constexpr int HALF = BOX_ROWS;      // rows of w
template <bool GATED> constexpr int OUTPUTS = GATED ? HALF : 2 * HALF;
constexpr int DEPTH = BOX_COLUMNS;  // inputs of a stage
constexpr int STAGES = 4;
constexpr int BAND = 16;            // row tiles whose blocks run side by side
constexpr int STAGE = 3 * BOX;      // rows of x, both halves of w

struct Barriers {
  uint64_t there[STAGES], free[STAGES];
};
constexpr int SHARED_BYTES = BOX_ALIGNMENT + STAGES * STAGE + static_cast<int>(sizeof(Barriers));
static_assert(SHARED_BYTES == 197696, "LinearKernels asks for as much");

// The stages, used one after the other over all tiles of a block.
struct Stages {
  unsigned char* begin;
  Barriers* barriers;
  int now = 0;
  unsigned parity = 0;

  __device__ __forceinline__ Stages()
      : begin(first_box()), barriers(reinterpret_cast<Barriers*>(begin + STAGES * STAGE)) {}

  __device__ __forceinline__ unsigned char* box(int which) const { return begin + now * STAGE + which * BOX; }

  __device__ __forceinline__ void next() {
    if (++now == STAGES) {
      now = 0;
      parity ^= 1;
    }
  }
};

// Tiles in the order in which blocks take them. Those side by side share rows of w and, a band high, of x: w comes from
// memory once a band, and both stay in L2 meanwhile.
struct Tiles {
  int rows, count;  // of tiles
  int outputs;      // of a tile

  __device__ __forceinline__ Tiles(int all_rows, int all_outputs, int tile_outputs)
      : rows(ceil_div(all_rows, ROWS)), count(rows * ceil_div(all_outputs, tile_outputs)), outputs(tile_outputs) {}

  __device__ __forceinline__ void place(int tile, int* row, int* output) const {
    int band = BAND * (count / rows), first = tile / band * BAND, height = min(BAND, rows - first);
    int inside = tile % band;
    *row = (first + inside % height) * ROWS;
    *output = inside / height * outputs;
  }
};

// What one thread does: all copies of a block.
template <bool GATED, typename T>
__device__ __forceinline__ void produce(const MatmulHopper<T>& a, Stages stages, Tiles tiles) {
  int apart = GATED ? a.end.outputs : HALF;
  for (int tile = blockIdx.x; tile < tiles.count; tile += gridDim.x) {
    int row, output;
    tiles.place(tile, &row, &output);
    for (int input = 0; input < a.inputs; input += DEPTH) {
      // A barrier's first phase is that of its first use, so the phase before counts as over.
      barrier_wait(&stages.barriers->free[stages.now], stages.parity ^ 1);
      uint64_t* there = &stages.barriers->there[stages.now];
      barrier_expect(there, STAGE);
      copy_box(stages.box(0), &a.x, input, row, there);
      copy_box(stages.box(1), &a.w, input, output, there);
      copy_box(stages.box(2), &a.w, input, apart + output, there);
      stages.next();
    }
  }
}

// Stores a lane's part of two rows; `column` is the first of a pair.
template <typename T>
__device__ __forceinline__ void store_gated(const MatmulHopper<T>& a, int row, int column, float (&gate)[HALF / 8][4],
                                            float (&up)[HALF / 8][4]) {
#pragma unroll
  for (int r = 0; r < 2; r++) {
    if (row + 8 * r >= a.rows) continue;
    T* out = a.end.out + static_cast<int64_t>(row + 8 * r) * a.end.outputs + column;
#pragma unroll
    for (int n = 0; n < HALF / 8; n++) {
      // Outputs are an even number, and so are the columns.
      if (column + 8 * n < a.end.outputs) {
        *reinterpret_cast<unsigned*>(out + 8 * n) =
            pack_two<T>(linear::silu_times(gate[n][2 * r], up[n][2 * r]),
                        linear::silu_times(gate[n][2 * r + 1], up[n][2 * r + 1]));
      }
    }
  }
}

template <typename T>
__device__ __forceinline__ void store(const MatmulHopper<T>& a, int row, int column, float (&sums)[HALF / 8][4]) {
#pragma unroll
  for (int r = 0; r < 2; r++) {
    if (row + 8 * r >= a.rows) continue;
#pragma unroll
    for (int n = 0; n < HALF / 8; n++) {
      if (column + 8 * n < a.end.outputs) {
        float pair[2] = {sums[n][2 * r], sums[n][2 * r + 1]};
        linear::finish<2>(a.end, row + 8 * r, column + 8 * n, pair);
      }
    }
  }
}

template <bool GATED, typename T>
__device__ __forceinline__ void consume(const MatmulHopper<T>& a, Stages stages, Tiles tiles) {
  float left[HALF / 8][4], right[HALF / 8][4];
  for (int tile = blockIdx.x; tile < tiles.count; tile += gridDim.x) {
    int before = -1;
#pragma unroll 1
    for (int input = 0; input < a.inputs; input += DEPTH) {
      barrier_wait(&stages.barriers->there[stages.now], stages.parity);
      const unsigned char* x = stages.box(0) + consumer() * GROUP_ROWS * ROW_BYTES;
      products_begin(left, right);
#pragma unroll
      for (int k = 0; k < DEPTH / 16; k++) {
        bool add = input > 0 || k > 0;
        multiply_rows<T>(left, x + 32 * k, stages.box(1) + 32 * k, add);
        multiply_rows<T>(right, x + 32 * k, stages.box(2) + 32 * k, add);
      }
      products_sent();
      // Those of the stage before are done now, while these run on.
      products_arrived<1>();
      if (before >= 0) release(&stages.barriers->free[before]);
      before = stages.now;
      stages.next();
    }
    products_arrived<0>(left, right);
    release(&stages.barriers->free[before]);
    int row, output;
    tiles.place(tile, &row, &output);
    row += consumer() * GROUP_ROWS + row_of_lane();
    int column = output + static_cast<int>(threadIdx.x) % 4 * 2;
    if constexpr (GATED) {
      store_gated(a, row, column, left, right);
    } else {
      store(a, row, column, left);
      store(a, row, column + HALF, right);
    }
  }
}

template <bool GATED, typename T> __device__ __forceinline__ void run(const MatmulHopper<T>& a) {
#if HOPPER
  Stages stages;
  if (threadIdx.x == 0) {
    for (int s = 0; s < STAGES; s++) {
      barrier_init(&stages.barriers->there[s], 1);
      barrier_init(&stages.barriers->free[s], RELEASES);
    }
    barriers_made();
  }
  __syncthreads();
  Tiles tiles(a.rows, a.end.outputs, OUTPUTS<GATED>);
  share_out([&] { produce<GATED>(a, stages, tiles); }, [&] { consume<GATED>(a, stages, tiles); });
#else
  __trap();
#endif
}

}  // namespace matmul_boxes

template <typename T> __device__ void matmul_hopper(const MatmulHopper<T>& a) { matmul_boxes::run<false>(a); }
template <typename T> __device__ void swiglu_hopper(const MatmulHopper<T>& a) { matmul_boxes::run<true>(a); }

EXPORT_ALONE(matmul_hopper_float16, matmul_hopper<float16>, MatmulHopper<float16>, hopper::THREADS)
EXPORT_ALONE(matmul_hopper_bfloat16, matmul_hopper<bfloat16>, MatmulHopper<bfloat16>, hopper::THREADS)
EXPORT_ALONE(swiglu_hopper_float16, swiglu_hopper<float16>, MatmulHopper<float16>, hopper::THREADS)
EXPORT_ALONE(swiglu_hopper_bfloat16, swiglu_hopper<bfloat16>, MatmulHopper<bfloat16>, hopper::THREADS)

// Launch: any grid, best a block a multiprocessor and no more than ⌈rows / 128⌉ · ⌈outputs / 256⌉, or 128 if gated; 384
// threads; SHARED_BYTES (197696) of shared memory. x and w begin at multiples of 16 bytes, as do their rows. A gated
// product's out begins at a multiple of 4, and its outputs are even.
