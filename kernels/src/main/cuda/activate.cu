// out = activation(x + bias), or out += x + bias: what a linear layer does with sums that another library's product
// left in float32.
//
// x (rows, outputs) in float32, bias (outputs), out (rows, outputs), row-major; out may be x. A thread takes eight
// neighbours of a row.
#include "linear.cuh"

namespace activate {

constexpr int THREADS = 256;
constexpr int RUN = 8;

template <typename T> struct Arguments {
  const float* x;  // (rows, outputs)
  int rows;
  linear::Epilogue<T> end;
};

template <typename T> __device__ void activate(const Arguments<T>& a) {
  int runs = ceil_div(a.end.outputs, RUN);
  int64_t run = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x;
  int64_t row = run / runs;
  if (row >= a.rows) return;
  int column = static_cast<int>(run % runs) * RUN;
  float sums[RUN];
  linear::load_run<RUN>(a.x + row * a.end.outputs + column, a.end.outputs - column, sums);
  linear::finish<RUN>(a.end, static_cast<int>(row), column, sums);
}

EXPORT_EACH_TYPE(activate, Arguments, THREADS)

}  // namespace activate

// Launch:
//   grid     ceil(rows · ceil(outputs / 8) / 256)
//   threads  256
//   shared   none
