// out = silu(gate) ∘ up, element by element: the end of a gated product whose sums another library's product left in
// float32, or rounded to T.
//
// sums (rows, 2·outputs), a row's gates before its ups; out (rows, outputs), row-major. A thread takes
// eight neighbours of a row.
#include "linear.cuh"

namespace gating {

constexpr int THREADS = 256;
constexpr int RUN = 8;

template <typename T> struct Arguments {
  const float* sums;  // (rows, 2·outputs), or null
  const T* rounded;   // the same in T, where sums is null
  int rows;
  linear::Epilogue<T> end;  // without a bias
};

// Gates and ups of a run of outputs, of which there are `count`.
template <typename S>
__device__ __forceinline__ void load_pairs(const S* sums, int outputs, int count, float (&gate)[RUN], float (&up)[RUN]) {
  linear::load_run<RUN>(sums, count, gate);
  linear::load_run<RUN>(sums + outputs, count, up);
}

template <typename T> __device__ void silu_times(const Arguments<T>& a) {
  int outputs = a.end.outputs, runs = ceil_div(outputs, RUN);
  int64_t run = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x;
  int64_t row = run / runs;
  if (row >= a.rows) return;
  int column = static_cast<int>(run % runs) * RUN;
  int64_t from = row * 2 * outputs + column;
  float gate[RUN], up[RUN];
  if (a.sums != nullptr) {
    load_pairs(a.sums + from, outputs, outputs - column, gate, up);
  } else {
    load_pairs(a.rounded + from, outputs, outputs - column, gate, up);
  }
#pragma unroll
  for (int i = 0; i < RUN; i++) gate[i] = linear::silu_times(gate[i], up[i]);
  linear::finish<RUN>(a.end, static_cast<int>(row), column, gate);
}

EXPORT_EACH_TYPE(silu_times, Arguments, THREADS)

}  // namespace gating

// Launch:
//   grid     ceil(rows · ceil(outputs / 8) / 256)
//   threads  256
//   shared   none
