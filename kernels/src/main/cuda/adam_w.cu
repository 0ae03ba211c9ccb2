// One step of AdamW (Loshchilov and Hutter 2019), element by element:
//   value *= kept; m += (1 - beta1)·(g - m); v = beta2·v + (1 - beta2)·g²; value -= rate · m / (√v / root + epsilon)
// with g = scale · gradient. The value is kept in float32; where operations read another type, a copy follows it.
#include "packs.cuh"

template <typename T> struct AdamW {
  float* value;           // (count)
  const float* gradient;  // (count)
  float* first;           // (count): m, the running mean of gradients
  float* second;          // (count): v, that of their squares
  T* copy;                // (count): the value as operations read it; null where that is the value itself
  int64_t count;
  float scale;         // of gradients
  float beta1, beta2;  // what means keep
  float epsilon;
  float kept;  // of the value: 1 - learning rate · weight decay
  float rate;  // learning rate / (1 - beta1ᵗ)
  float root;  // √(1 - beta2ᵗ)
};

namespace adam {

template <int N, typename T> __device__ void run(const AdamW<T>& a) {
  int64_t begin = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * N;
  int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x * N;
  for (int64_t i = begin; i < a.count; i += step) {
    Pack<float, N> value = packs::load<N>(a.value + i), gradient = packs::load<N>(a.gradient + i);
    Pack<float, N> first = packs::load<N>(a.first + i), second = packs::load<N>(a.second + i);
    Pack<T, N> copy;
    for (int j = 0; j < N; j++) {
      float g = a.scale * gradient.at[j];
      first.at[j] = a.beta1 * first.at[j] + (1.0f - a.beta1) * g;
      second.at[j] = a.beta2 * second.at[j] + (1.0f - a.beta2) * g * g;
      value.at[j] = value.at[j] * a.kept - a.rate * first.at[j] / (sqrtf(second.at[j]) / a.root + a.epsilon);
      copy.at[j] = narrow<T>(value.at[j]);
    }
    packs::store(a.value + i, value);
    packs::store(a.first + i, first);
    packs::store(a.second + i, second);
    if (a.copy != nullptr) packs::store(a.copy + i, copy);
  }
}

}  // namespace adam

template <typename T> __device__ void adam_w(const AdamW<T>& a) {
  constexpr int N = 4;
  if (packs::fit<N>(a.value, a.count) && packs::fit<N>(a.gradient, a.count) && packs::fit<N>(a.first, a.count) &&
      packs::fit<N>(a.second, a.count) && packs::fit<N>(a.copy, a.count)) {
    adam::run<N>(a);
  } else {
    adam::run<1>(a);
  }
}

EXPORT_EACH_TYPE(adam_w, AdamW, 256)

// Launch:
//   grid     any
//   threads  whole warps, at most 256
//   shared   none
