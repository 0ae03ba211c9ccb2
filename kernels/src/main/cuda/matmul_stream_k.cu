// Products of some rows on compute capability 9.0, bound by reading the weights:
//
//   matmul_stream_k  out = activation(x · wᵀ + bias), or out += x · wᵀ + bias
//   swiglu_stream_k  out = silu(x · gateᵀ) ∘ (x · upᵀ), gate stacked on up in w
//
// x (rows, inputs), w (outputs or 2·outputs, inputs), out (rows, outputs), row-major. All rows of x, or each half of
// them, are the right side of a product, and 128 rows of w a block the left one, so that w is read once. Two blocks
// side by side, a pair, take 256 rows of w: each fetches half of x for both, so that x comes from L2 half as often.
//
// What there is to do, tiles times steps of 64 inputs, is shared out evenly, so that every multiprocessor reads to the
// end (stream-K; Osama et al. 2023, arXiv:2301.03598). A pair may begin and end within a tile. Sums of such tiles go
// through memory: the last warp to come adds those of all pairs up, in the order of inputs, whoever comes last.
#include "hopper.cuh"
#include "linear.cuh"

template <typename T> struct MatmulStreamK {
  TensorMap x;  // (rows, inputs), in boxes of half a product's columns
  TensorMap w;  // (outputs or 2·outputs, inputs), in boxes of 128 rows, of a gated product eight
  int rows, inputs;
  int parts;          // of the rows, each as many as a product has columns
  float4* sums;       // (pairs, 2, 2, columns / 8, 256), of tiles that pairs share
  unsigned* arrived;  // (pairs, 2, 2, 8), zeros before and after
  linear::Epilogue<T> end;
};

namespace stream_k {

using namespace ::hopper;

constexpr int PAIR = 2;             // blocks
constexpr int DEPTH = BOX_COLUMNS;  // inputs of a step
constexpr int WEIGHTS = ROWS;       // rows of w of a block
constexpr int WARPS = CONSUMERS * GROUP_WARPS;
constexpr int SUM_THREADS = CONSUMERS * GROUP;

// A gated product's 128 rows are eight gates, the ups of the same outputs, the next eight gates, and so on, so that a
// thread's two rows, eight apart, are one output.
constexpr int EIGHT = 8;
constexpr int EIGHT_BYTES = EIGHT * ROW_BYTES;
template <bool GATED> constexpr int OUTPUTS = GATED ? WEIGHTS / 2 : WEIGHTS;  // of a block

// Rows of w, then as many rows of x as a product has COLUMNS.
template <int COLUMNS> constexpr int STAGE = BOX + COLUMNS * ROW_BYTES;
constexpr int MOST_STAGES = 8, MOST_BYTES = 214 << 10;
template <int COLUMNS>
using Stages = hopper::Stages<STAGE<COLUMNS>, (MOST_BYTES / STAGE<COLUMNS> < MOST_STAGES ? MOST_BYTES / STAGE<COLUMNS> : MOST_STAGES)>;
static_assert(Stages<80>::SHARED_BYTES == 214144 && Stages<144>::SHARED_BYTES == 210016 &&
                  Stages<176>::SHARED_BYTES == 195664 && Stages<208>::SHARED_BYTES == 216144,
              "StreamK asks for as much");

// Which tiles and steps a pair has. Pairs of all parts take turns, so that those of one tile read its weights at about
// the same time. A worker is a pair among those of its part.
struct Share {
  int steps;    // of a tile
  int all;      // steps of a part
  int workers;  // of a part
  int part, worker;

  __device__ __forceinline__ Share(int inputs, int outputs, int parts, int tile_outputs)
      : steps(ceil_div(inputs, DEPTH)), all(steps * ceil_div(outputs, tile_outputs)) {
    int pair = static_cast<int>(blockIdx.x) / PAIR;
    workers = static_cast<int>(gridDim.x) / PAIR / parts;
    part = pair % parts;
    worker = pair / parts;
  }

  __device__ __forceinline__ int begin(int of_worker) const {
    return static_cast<int>(static_cast<int64_t>(all) * of_worker / workers);
  }

  // The worker that has a step: the last that begins no later.
  __device__ __forceinline__ int worker_of(int step) const {
    return static_cast<int>((static_cast<int64_t>(step + 1) * workers - 1) / all);
  }

  // Where a worker leaves its sums of a tile: it shares its first one, and its last, at most.
  __device__ __forceinline__ int place(int of_worker, int parts, int tile) const {
    int first = begin(of_worker) / steps == tile ? 0 : 1;
    int block = static_cast<int>(block_of_cluster());
    return ((of_worker * parts + part) * 2 + first) * PAIR + block;
  }
};

// What one thread does: copies of this block's rows of w, and of its half of x for both.
template <bool GATED, int COLUMNS, typename T>
__device__ __forceinline__ void produce(const MatmulStreamK<T>& a, Stages<COLUMNS> stages, Share share) {
  constexpr int HALF = COLUMNS / PAIR;
  int block = static_cast<int>(block_of_cluster());
  int row = share.part * COLUMNS + block * HALF;
  int first = share.begin(share.worker), left = share.begin(share.worker + 1) - first;
  int input = first % share.steps * DEPTH;
  int output = (first / share.steps * PAIR + block) * OUTPUTS<GATED>;
  for (; left > 0; left--) {
    uint64_t* there = stages.fill();
    if constexpr (GATED) {
      unsigned char* w = stages.at();
#pragma unroll 1
      for (int i = 0; i < OUTPUTS<GATED>; i += EIGHT, w += 2 * EIGHT_BYTES) {
        copy_box(w, &a.w, input, output + i, there);
        copy_box(w + EIGHT_BYTES, &a.w, input, a.end.outputs + output + i, there);
      }
    } else {
      copy_box(stages.at(), &a.w, input, output, there);
    }
    copy_box_to_all((1 << PAIR) - 1, stages.at() + BOX + block * HALF * ROW_BYTES, &a.x, input, row, there);
    stages.next();
    input += DEPTH;
    if (input >= a.inputs) {
      input = 0;
      output += PAIR * OUTPUTS<GATED>;
    }
  }
}

// A stage is free once consumers of both blocks are done, since each block's x comes from both.
__device__ __forceinline__ void release_pair(uint64_t* barrier) {
  unsigned lane = threadIdx.x % WARP;
  if (lane < PAIR) barrier_arrive(barrier, lane);
}

// Among four lanes, 4 apart in a warp, lane q gets number q of each.
__device__ __forceinline__ void transpose(float (&x)[4]) {
  constexpr int ONE = 4, TWO = 8;
  bool second = threadIdx.x & TWO, odd = threadIdx.x & ONE;
#pragma unroll
  for (int i = 0; i < 2; i++) {
    float come = __shfl_xor_sync(ALL_LANES, second ? x[i] : x[2 + i], TWO);
    x[i] = second ? come : x[i];
    x[2 + i] = second ? x[2 + i] : come;
  }
#pragma unroll
  for (int i = 0; i < 4; i += 2) {
    float come = __shfl_xor_sync(ALL_LANES, odd ? x[i] : x[i + 1], ONE);
    x[i] = odd ? come : x[i];
    x[i + 1] = odd ? x[i + 1] : come;
  }
}

// Stores a warp's sums, whose columns are rows of out: four outputs of a row at a time.
template <bool GATED, int COLUMNS, typename T>
__device__ __forceinline__ void store(const MatmulStreamK<T>& a, int first_row, int first_output,
                                      float (&sums)[COLUMNS / 8][4]) {
  constexpr int HALVES = GATED ? 1 : 2;  // a thread's two rows of w
  int lane = static_cast<int>(threadIdx.x) % WARP;
  int of_four = lane / 4 % 4;
  int warp_row = static_cast<int>(threadIdx.x) / WARP % GROUP_WARPS + consumer() * GROUP_WARPS;
#pragma unroll
  for (int n = 0; n < COLUMNS / 8; n += 2) {
    int row = first_row + 8 * (n + of_four / 2) + lane % 4 * 2 + of_four % 2;
#pragma unroll
    for (int half = 0; half < HALVES; half++) {
      float four[4];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        float(&of)[4] = sums[n + i / 2];
        four[i] = GATED ? linear::silu_times(of[i % 2], of[2 + i % 2]) : of[2 * half + i % 2];
      }
      transpose(four);
      int output = first_output + (warp_row * HALVES + half) * EIGHT + lane / 16 * 4;
      if (row < a.rows && output < a.end.outputs) linear::finish<4>(a.end, row, output, four);
    }
  }
}

// Leaves a warp's sums for others, and whether all sums of this tile are there now; then they are what it has.
template <int COLUMNS, typename T>
__device__ __forceinline__ bool add_up(const MatmulStreamK<T>& a, const Share& share, int tile,
                                       float (&sums)[COLUMNS / 8][4]) {
  int thread = static_cast<int>(threadIdx.x) - GROUP, warp = thread / WARP;
  auto at = [&](int worker) {
    return a.sums + static_cast<int64_t>(share.place(worker, a.parts, tile)) * (COLUMNS / 8) * SUM_THREADS + thread;
  };
  float4* own = at(share.worker);
#pragma unroll
  for (int n = 0; n < COLUMNS / 8; n++) own[n * SUM_THREADS] = {sums[n][0], sums[n][1], sums[n][2], sums[n][3]};
  int first = share.worker_of(tile * share.steps), last = share.worker_of((tile + 1) * share.steps - 1);
  __syncwarp();
  bool last_to_come = false;
  if (threadIdx.x % WARP == 0) {
    unsigned* arrived = a.arrived + share.place(first, a.parts, tile) * WARPS + warp;
    unsigned others = static_cast<unsigned>(last - first);
    __threadfence();
    last_to_come = atomicAdd(arrived, 1u) == others;
    if (last_to_come) *arrived = 0;
    __threadfence();
  }
  bool complete = __shfl_sync(ALL_LANES, last_to_come, 0);
  __syncwarp();
  if (!complete) return false;
#pragma unroll
  for (int n = 0; n < COLUMNS / 8; n++) sums[n][0] = sums[n][1] = sums[n][2] = sums[n][3] = 0.0f;
  for (int worker = first; worker <= last; worker++) {
    const float4* from = at(worker);
#pragma unroll
    for (int n = 0; n < COLUMNS / 8; n++) {
      float4 four = from[n * SUM_THREADS];
      sums[n][0] += four.x;
      sums[n][1] += four.y;
      sums[n][2] += four.z;
      sums[n][3] += four.w;
    }
  }
  return true;
}

template <bool GATED, int COLUMNS, typename T>
__device__ __forceinline__ void consume(const MatmulStreamK<T>& a, Stages<COLUMNS> stages, Share share) {
  float sums[COLUMNS / 8][4];
  int end = share.begin(share.worker + 1);
  for (int step = share.begin(share.worker); step < end;) {
    int tile = step / share.steps;
    int tile_end = min(end, (tile + 1) * share.steps);
    bool whole = step == tile * share.steps && tile_end == (tile + 1) * share.steps;
    int before = -1;
#pragma unroll 1
    for (int first = step; step < tile_end; step++) {
      stages.await();
      const unsigned char* w = stages.at() + consumer() * GROUP_ROWS * ROW_BYTES;
      products_begin(sums);
#pragma unroll
      for (int k = 0; k < DEPTH / 16; k++) {
        multiply_rows<T>(sums, w + 32 * k, stages.at() + BOX + 32 * k, step > first || k > 0);
      }
      products_sent();
      // Those of the step before are done now, while these run on.
      products_arrived<1>();
      if (before >= 0) release_pair(stages.free(before));
      before = stages.now;
      stages.next();
    }
    products_arrived<0>(sums);
    release_pair(stages.free(before));
    if (whole || add_up<COLUMNS>(a, share, tile, sums)) {
      int output = (tile * PAIR + static_cast<int>(block_of_cluster())) * OUTPUTS<GATED>;
      store<GATED, COLUMNS>(a, share.part * COLUMNS, output, sums);
    }
  }
}

template <bool GATED, int COLUMNS, typename T> __device__ __forceinline__ void run(const MatmulStreamK<T>& a) {
#if HOPPER
  Stages<COLUMNS> stages;
  if (threadIdx.x == 0) {
    stages.make(PAIR * RELEASES);
    cluster_barriers_made();
  }
  cluster_sync();
  Share share(a.inputs, a.end.outputs, a.parts, PAIR * OUTPUTS<GATED>);
  share_out([&] { produce<GATED, COLUMNS>(a, stages, share); }, [&] { consume<GATED, COLUMNS>(a, stages, share); });
  // Neither block ends while the other may still write to it.
  cluster_sync();
#else
  __trap();
#endif
}

}  // namespace stream_k

template <int COLUMNS, typename T> __device__ void matmul_stream_k(const MatmulStreamK<T>& a) {
  stream_k::run<false, COLUMNS>(a);
}
template <int COLUMNS, typename T> __device__ void swiglu_stream_k(const MatmulStreamK<T>& a) {
  stream_k::run<true, COLUMNS>(a);
}

#define EXPORT_STREAM_K(kernel, columns)                                                                          \
  EXPORT_PAIRS(kernel##_##columns##_float16, kernel<columns>, MatmulStreamK<float16>, hopper::THREADS)            \
  EXPORT_PAIRS(kernel##_##columns##_bfloat16, kernel<columns>, MatmulStreamK<bfloat16>, hopper::THREADS)
EXPORT_STREAM_K(matmul_stream_k, 80)
EXPORT_STREAM_K(matmul_stream_k, 144)
EXPORT_STREAM_K(matmul_stream_k, 176)
EXPORT_STREAM_K(matmul_stream_k, 208)
EXPORT_STREAM_K(swiglu_stream_k, 80)
EXPORT_STREAM_K(swiglu_stream_k, 144)
EXPORT_STREAM_K(swiglu_stream_k, 176)
EXPORT_STREAM_K(swiglu_stream_k, 208)
#undef EXPORT_STREAM_K

// Launch: pairs of blocks, 2 · parts · workers blocks, at least one step a worker: workers no more than
// ⌈inputs / 64⌉ · ⌈outputs / 256⌉ (gated ⌈outputs / 128⌉), and best a block a multiprocessor; 384 threads; SHARED_BYTES
// of shared memory. parts · columns is at least as many as the rows. x and w begin at multiples of 16 bytes, as do their
// rows. A gated product's outputs are a multiple of eight.
