// out = activation(x · wᵀ + bias), and gated: out = silu(x · gateᵀ) ∘ (x · upᵀ), by the tiles of matmul.cuh.
//
// x (rows, inputs), w (outputs, inputs), out (rows, outputs), row-major. inputs is a multiple of 8, and x and w begin at
// multiples of 16 bytes.
#include "matmul.cuh"

namespace matmul {

using linear::Arguments;

// Copies rows of w as they are.
template <typename T, typename Shape, bool GATED> struct Copied {
  static constexpr int STEP = Shape::THREADS / CHUNKS, APART = linear::output_of<GATED, GROUP>(STEP);
  static_assert(STEP % (2 * GROUP) == 0, "a thread copies gate rows only, or up rows only");

  Source<T> source;
  int inputs;

  __device__ __forceinline__ Copied(const Arguments<T>& a, Place tile) : inputs(a.inputs) {
    int n = threadIdx.x / CHUNKS, first = tile.column + linear::output_of<GATED, GROUP>(n);
    unsigned inside = 0;
#pragma unroll
    for (int i = 0; i < Shape::WEIGHTS / STEP; i++) inside |= (first + i * APART < a.end.outputs ? 1u : 0u) << i;
    int row = first + (linear::is_up<GATED, GROUP>(n) ? a.end.outputs : 0);
    source = {a.w + static_cast<int64_t>(row) * a.inputs + threadIdx.x % CHUNKS * 8, APART * a.inputs, inside};
  }

  __device__ __forceinline__ void send(int k, T* tile) {
    bool deep = k * DEPTH + static_cast<int>(threadIdx.x) % CHUNKS * 8 < inputs;
    matmul::send<Shape::WEIGHTS, STEP>(source, deep, tile);
  }

  __device__ __forceinline__ void arrive(T*) const {}
};

template <typename T, typename Shape, bool GATED> __device__ __forceinline__ void copied(const Arguments<T>& a) {
  multiply<T, Shape, GATED, Copied<T, Shape, GATED>>(a);
}

template <typename T> __device__ void matmul_128x256(const Arguments<T>& a) { copied<T, Large, false>(a); }
template <typename T> __device__ void matmul_64x128(const Arguments<T>& a) { copied<T, Small, false>(a); }
template <typename T> __device__ void swiglu_128x256(const Arguments<T>& a) { copied<T, Large, true>(a); }
template <typename T> __device__ void swiglu_64x128(const Arguments<T>& a) { copied<T, Small, true>(a); }

EXPORT_SHORT_TYPES(matmul_128x256, Arguments, Large::THREADS)
EXPORT_SHORT_TYPES(matmul_64x128, Arguments, Small::THREADS)
EXPORT_SHORT_TYPES(swiglu_128x256, Arguments, Large::THREADS)
EXPORT_SHORT_TYPES(swiglu_64x128, Arguments, Small::THREADS)

}  // namespace matmul

// Launch, for a tile of R×W; a gated product has W / 2 outputs a tile:
//   grid     ceil(rows / R) · ceil(outputs / W)
//   threads  256 for 128×256, 128 for 64×128
//   shared   3 stages · (R + W) · 64 inputs · 2 bytes: 147456 and 73728
