// Numbers of one type as the nearest of another: out[i] = x[i]. What is too large for float16 becomes infinite.
#include "packs.cuh"

struct Convert {
  const void* x;  // (count)
  void* out;      // (count)
  int count;
};

namespace conversion {

constexpr int N = 4;

template <int N, typename From, typename To> __device__ void run(const From* x, To* out, int count) {
  int64_t first = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * N;
  int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x * N;
  for (int64_t i = first; i < count; i += step) {
    Pack<From, N> from = packs::load<N>(x + i);
    Pack<To, N> to;
    for (int j = 0; j < N; j++) to.at[j] = narrow<To>(widen(from.at[j]));
    packs::store(out + i, to);
  }
}

}  // namespace conversion

template <typename From, typename To> __device__ void convert(const Convert& a) {
  constexpr int N = conversion::N;
  const From* x = static_cast<const From*>(a.x);
  To* out = static_cast<To*>(a.out);
  // A part of a weight may be odd in size and lie behind another such part.
  if (packs::fit<N>(x, a.count) && packs::fit<N>(out, a.count)) {
    conversion::run<N>(x, out, a.count);
  } else {
    conversion::run<1>(x, out, a.count);
  }
}

#define EXPORT_CONVERSION(From, To, from, to) EXPORT(convert_##from##_to_##to, (convert<From, To>), Convert, 256)

EXPORT_CONVERSION(float, float, float32, float32)
EXPORT_CONVERSION(float, float16, float32, float16)
EXPORT_CONVERSION(float, bfloat16, float32, bfloat16)
EXPORT_CONVERSION(float16, float, float16, float32)
EXPORT_CONVERSION(float16, float16, float16, float16)
EXPORT_CONVERSION(float16, bfloat16, float16, bfloat16)
EXPORT_CONVERSION(bfloat16, float, bfloat16, float32)
EXPORT_CONVERSION(bfloat16, float16, bfloat16, float16)
EXPORT_CONVERSION(bfloat16, bfloat16, bfloat16, bfloat16)

// Launch:
//   grid     any
//   threads  whole warps, at most 256
//   shared   none
