// out = silu(x · gateᵀ) ∘ (x · upᵀ) on compute capability 9.0.
//
// x (rows, inputs), w (2·outputs, inputs), gate stacked on up, out (rows, outputs), row-major. A block does one tile of
// 128 rows and 128 outputs after the other. Of its three warpgroups, one thread of the first has the copy engine fetch
// 64 inputs at a time of the tile's rows, gate rows and up rows, STAGES stages ahead and on into the next tile while
// the other two, 64 rows each, still finish the last. Both sums of an output lie in one thread.
#include "hopper.cuh"
#include "linear.cuh"

template <typename T> struct SwigluHopper {
  TensorMap x;  // (rows, inputs), in boxes of 128 rows
  TensorMap w;  // (2·outputs, inputs), in boxes of 128 rows
  T* out;       // (rows, outputs)
  int rows, inputs, outputs;
};

namespace swiglu::boxes {

using namespace ::hopper;

constexpr int OUTPUTS = BOX_ROWS;
constexpr int DEPTH = BOX_COLUMNS;  // inputs of a stage
constexpr int STAGES = 4;
constexpr int BAND = 16;            // row tiles whose blocks run side by side
constexpr int STAGE = 3 * BOX;      // rows of x, gate, up

struct Barriers {
  uint64_t there[STAGES], free[STAGES];
};
constexpr int SHARED_BYTES = BOX_ALIGNMENT + STAGES * STAGE + static_cast<int>(sizeof(Barriers));
static_assert(SHARED_BYTES == 197696, "CudaLinear asks for as much");

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

  __device__ __forceinline__ Tiles(int all_rows, int outputs)
      : rows(ceil_div(all_rows, ROWS)), count(ceil_div(all_rows, ROWS) * ceil_div(outputs, OUTPUTS)) {}

  __device__ __forceinline__ void place(int tile, int* row, int* output) const {
    int band = BAND * (count / rows), first = tile / band * BAND, height = min(BAND, rows - first);
    int inside = tile % band;
    *row = (first + inside % height) * ROWS;
    *output = inside / height * OUTPUTS;
  }
};

// What one thread does: all copies of a block.
template <typename T> __device__ __forceinline__ void produce(const SwigluHopper<T>& a, Stages stages, Tiles tiles) {
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
      copy_box(stages.box(2), &a.w, input, a.outputs + output, there);
      stages.next();
    }
  }
}

// Stores a lane's part of two rows; `column` is the first of a pair.
template <typename T>
__device__ __forceinline__ void store(const SwigluHopper<T>& a, int row, int column, float (&gate)[OUTPUTS / 8][4],
                                      float (&up)[OUTPUTS / 8][4]) {
#pragma unroll
  for (int r = 0; r < 2; r++) {
    if (row + 8 * r >= a.rows) continue;
    T* out = a.out + static_cast<int64_t>(row + 8 * r) * a.outputs + column;
#pragma unroll
    for (int n = 0; n < OUTPUTS / 8; n++) {
      // Outputs are an even number, and so are the columns.
      if (column + 8 * n < a.outputs) {
        *reinterpret_cast<unsigned*>(out + 8 * n) =
            pack_two<T>(linear::silu_times(gate[n][2 * r], up[n][2 * r]),
                        linear::silu_times(gate[n][2 * r + 1], up[n][2 * r + 1]));
      }
    }
  }
}

template <typename T> __device__ __forceinline__ void consume(const SwigluHopper<T>& a, Stages stages, Tiles tiles) {
  float gate[OUTPUTS / 8][4], up[OUTPUTS / 8][4];
  for (int tile = blockIdx.x; tile < tiles.count; tile += gridDim.x) {
    int before = -1;
#pragma unroll 1
    for (int input = 0; input < a.inputs; input += DEPTH) {
      barrier_wait(&stages.barriers->there[stages.now], stages.parity);
      const unsigned char* x = stages.box(0) + consumer() * GROUP_ROWS * ROW_BYTES;
      products_begin(gate, up);
#pragma unroll
      for (int k = 0; k < DEPTH / 16; k++) {
        bool add = input > 0 || k > 0;
        multiply_rows<T>(gate, x + 32 * k, stages.box(1) + 32 * k, add);
        multiply_rows<T>(up, x + 32 * k, stages.box(2) + 32 * k, add);
      }
      products_sent();
      // Those of the stage before are done now, while these run on.
      products_arrived<1>();
      if (before >= 0) release(&stages.barriers->free[before]);
      before = stages.now;
      stages.next();
    }
    products_arrived<0>(gate, up);
    release(&stages.barriers->free[before]);
    int row, output;
    tiles.place(tile, &row, &output);
    int pair = static_cast<int>(threadIdx.x) % 4;
    store(a, row + consumer() * GROUP_ROWS + row_of_lane(), output + 2 * pair, gate, up);
  }
}

template <typename T> __device__ __forceinline__ void run(const SwigluHopper<T>& a) {
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
  Tiles tiles(a.rows, a.outputs);
  share_out([&] { produce(a, stages, tiles); }, [&] { consume(a, stages, tiles); });
#else
  __trap();
#endif
}

}  // namespace swiglu::boxes

template <typename T> __device__ void swiglu_hopper(const SwigluHopper<T>& a) { swiglu::boxes::run(a); }

EXPORT_ALONE(swiglu_hopper_float16, swiglu_hopper<float16>, SwigluHopper<float16>, hopper::THREADS)
EXPORT_ALONE(swiglu_hopper_bfloat16, swiglu_hopper<bfloat16>, SwigluHopper<bfloat16>, hopper::THREADS)

// Launch: any grid, best a block a multiprocessor and no more than ⌈rows / 128⌉ · ⌈outputs / 128⌉; 384 threads;
// SHARED_BYTES (197696) of shared memory. x and w begin at multiples of 16 bytes, as do their rows; out at a multiple
// of 4, and outputs is even.
