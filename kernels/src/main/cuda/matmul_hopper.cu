// Products on compute capability 9.0:
//
//   matmul_hopper  out = activation(x · wᵀ + bias), or out += x · wᵀ + bias
//   swiglu_hopper  out = silu(x · gateᵀ) ∘ (x · upᵀ), gate stacked on up in w
//
// x (rows, inputs), w (outputs or 2·outputs, inputs), out (rows, outputs), row-major. A block does one tile of 128 rows
// and two boxes of w after the other: neighbours of each other, or the gates and the ups of as many outputs. Of its
// three warpgroups, one thread of the first has the copy engine fetch 64 inputs at a time of the tile's rows and of both
// boxes, some stages ahead and on into the next tile while the other two, 64 rows each, still finish the last. Both
// boxes are the right side of one product. Sums go from registers through the epilogue to out, rounded once.
#include "hopper.cuh"
#include "linear.cuh"

template <typename T> struct MatmulHopper {
  TensorMap x;  // (rows, inputs), in boxes of 128 rows
  TensorMap w;  // (outputs or 2·outputs, inputs), in boxes of 128 rows, of a gated product 112
  int rows, inputs;
  linear::Epilogue<T> end;  // of a gated product `out` alone
};

namespace matmul_boxes {

using namespace ::hopper;

constexpr int DEPTH = BOX_COLUMNS;  // inputs of a stage
constexpr int BAND = 16;            // row tiles whose blocks run side by side

// Rows of w in a box. 636 rows of 11008 gated outputs are 495 tiles of 112, which 132 multiprocessors do in 3.75 rounds;
// of 128 they would be 430, 3.3 rounds, and the last as long as the others.
template <bool GATED> constexpr int HALF = GATED ? 112 : 128;
template <bool GATED> constexpr int OUTPUTS = GATED ? HALF<GATED> : 2 * HALF<GATED>;
template <bool GATED> constexpr int SUMS = 2 * HALF<GATED> / 8;  // products of eight columns
template <bool GATED> constexpr int HALF_BYTES = HALF<GATED> * ROW_BYTES;
// Rows of x, then both boxes of w.
template <bool GATED> using Stages = hopper::Stages<BOX + 2 * HALF_BYTES<GATED>, GATED ? 5 : 4>;
static_assert(Stages<false>::SHARED_BYTES == 197696 && Stages<true>::SHARED_BYTES == 226384,
              "LinearKernels asks for as much");

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
__device__ __forceinline__ void produce(const MatmulHopper<T>& a, Stages<GATED> stages, Tiles tiles) {
  int apart = GATED ? a.end.outputs : HALF<GATED>;
  for (int tile = blockIdx.x; tile < tiles.count; tile += gridDim.x) {
    int row, output;
    tiles.place(tile, &row, &output);
    for (int input = 0; input < a.inputs; input += DEPTH) {
      uint64_t* there = stages.fill();
      copy_box(stages.at(), &a.x, input, row, there);
      copy_box(stages.at() + BOX, &a.w, input, output, there);
      copy_box(stages.at() + BOX + HALF_BYTES<GATED>, &a.w, input, apart + output, there);
      stages.next();
    }
  }
}

// linear::silu_times, exact enough for results of two bytes, in a third of its instructions: no products run meanwhile.
__device__ __forceinline__ float silu_times(float gate, float up) {
#ifdef __CUDACC__
  return __fdividef(gate, 1.0f + __expf(-gate)) * up;
#else
  return linear::silu_times(gate, up);
#endif
}

// Stores a lane's part of two rows; `column` is the first of a pair.
template <bool GATED, typename T>
__device__ __forceinline__ void store(const MatmulHopper<T>& a, int row, int column, float (&sums)[SUMS<GATED>][4]) {
  constexpr int PAIRS = OUTPUTS<GATED> / 8;
#pragma unroll
  for (int r = 0; r < 2; r++) {
    if (row + 8 * r >= a.rows) continue;
#pragma unroll
    for (int n = 0; n < PAIRS; n++) {
      if (column + 8 * n >= a.end.outputs) continue;
      float pair[2] = {sums[n][2 * r], sums[n][2 * r + 1]};
      if constexpr (GATED) {
        // Outputs are an even number, and so are the columns.
        int64_t at = static_cast<int64_t>(row + 8 * r) * a.end.outputs + column + 8 * n;
        float(&up)[4] = sums[PAIRS + n];
        *reinterpret_cast<unsigned*>(a.end.out + at) =
            pack_two<T>(silu_times(pair[0], up[2 * r]), silu_times(pair[1], up[2 * r + 1]));
      } else {
        linear::finish<2>(a.end, row + 8 * r, column + 8 * n, pair);
      }
    }
  }
}

template <bool GATED, typename T>
__device__ __forceinline__ void consume(const MatmulHopper<T>& a, Stages<GATED> stages, Tiles tiles) {
  float sums[SUMS<GATED>][4];
  for (int tile = blockIdx.x; tile < tiles.count; tile += gridDim.x) {
    int before = -1;
#pragma unroll 1
    for (int input = 0; input < a.inputs; input += DEPTH) {
      stages.await();
      const unsigned char* x = stages.at() + consumer() * GROUP_ROWS * ROW_BYTES;
      products_begin(sums);
#pragma unroll
      for (int k = 0; k < DEPTH / 16; k++) {
        multiply_rows<T>(sums, x + 32 * k, stages.at() + BOX + 32 * k, input > 0 || k > 0);
      }
      products_sent();
      // Those of the stage before are done now, while these run on.
      products_arrived<1>();
      if (before >= 0) release(stages.free(before));
      before = stages.now;
      stages.next();
    }
    products_arrived<0>(sums);
    release(stages.free(before));
    int row, output;
    tiles.place(tile, &row, &output);
    int column = output + static_cast<int>(threadIdx.x) % 4 * 2;
    store<GATED>(a, row + consumer() * GROUP_ROWS + row_of_lane(), column, sums);
  }
}

template <bool GATED, typename T> __device__ __forceinline__ void run(const MatmulHopper<T>& a) {
#if HOPPER
  Stages<GATED> stages;
  if (threadIdx.x == 0) {
    stages.make(RELEASES);
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

// Launch: any grid, best a block a multiprocessor and no more than ⌈rows / 128⌉ · ⌈outputs / 256⌉, or 112 if gated; 384
// threads; SHARED_BYTES of shared memory (197696, gated 226384). x and w begin at multiples of 16 bytes, as do their
// rows. A gated product's out begins at a multiple of 4, and its outputs are even.
