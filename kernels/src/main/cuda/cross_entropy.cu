// Cross entropy of rows of logits, -log softmax(logits)[label], and its gradient, scale · (softmax(logits) - 1 at the
// label). A label of -1 is none: loss and gradient are 0. Any other outside of the row makes NaN of both.
#include "device.cuh"

template <typename T> struct CrossEntropy {
  const float* logits;  // (rows, columns)
  const int* labels;    // (rows)
  float* losses;        // (rows)
  T* d_logits;          // (rows, columns)
  int columns;
  float scale;
};

namespace loss {

constexpr int THREADS = 512;
constexpr int IGNORED = -1;

template <typename T> __device__ void fill(T* row, int columns, float x) {
  for (int c = threadIdx.x; c < columns; c += blockDim.x) row[c] = narrow<T>(x);
}

}  // namespace loss

template <typename T> __device__ void cross_entropy(const CrossEntropy<T>& a) {
  float* scratch = reinterpret_cast<float*>(shared_memory());
  int64_t begin = static_cast<int64_t>(blockIdx.x) * a.columns;
  const float* logits = a.logits + begin;
  T* d_logits = a.d_logits + begin;
  int label = a.labels[blockIdx.x];
  if (label < 0 || label >= a.columns) {
    float all = label == loss::IGNORED ? 0.0f : NAN;
    loss::fill(d_logits, a.columns, all);
    if (threadIdx.x == 0) a.losses[blockIdx.x] = all;
    return;
  }
  float highest = -INFINITY;
  for (int c = threadIdx.x; c < a.columns; c += blockDim.x) highest = fmaxf(highest, logits[c]);
  highest = block_max(highest, scratch);
  // Of all but the label, so that what a sure label leaves to the others isn't lost beside 1.
  float others = 0;
  for (int c = threadIdx.x; c < a.columns; c += blockDim.x) {
    if (c != label) others += expf(logits[c] - highest);
  }
  others = block_sum(others, scratch + WARP);
  float below = logits[label] - highest;
  float sum = others + expf(below);
  if (threadIdx.x == 0) a.losses[blockIdx.x] = below == 0.0f ? log1pf(others) : logf(sum) - below;
  for (int c = threadIdx.x; c < a.columns; c += blockDim.x) {
    d_logits[c] = narrow<T>(a.scale * (c == label ? -others : expf(logits[c] - highest)) / sum);
  }
}

EXPORT_EACH_TYPE(cross_entropy, CrossEntropy, loss::THREADS)

// Launch: grid (rows), whole warps and at most 512 threads, 256 bytes of shared memory.
