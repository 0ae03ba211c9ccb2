// Activations of whole tensors and their gradients, element by element, for training, which keeps what went in.
//
//   apply_activation      out = activation(x)
//   activation_gradient   dx = dy ∘ activation'(x)
//   apply_silu_times      out = silu(gate) ∘ up
//   silu_times_gradient   d_gate = dy ∘ up ∘ silu'(gate), d_up = dy ∘ silu(gate)
//
// A gradient may take the place of an operand of the same index, since a thread reads all that it needs first.
#include "linear.cuh"
#include "packs.cuh"

template <typename T> struct ApplyActivation {
  const T* x;  // (count)
  T* out;      // (count)
  int64_t count;
  linear::Activation activation;
};

template <typename T> struct ActivationGradient {
  const T* x;   // (count)
  const T* dy;  // (count)
  T* dx;        // (count); may be dy
  int64_t count;
  linear::Activation activation;
};

template <typename T> struct ApplySiluTimes {
  const T* gate;  // (count)
  const T* up;    // (count)
  T* out;         // (count)
  int64_t count;
};

template <typename T> struct SiluTimesGradient {
  const T* gate;  // (count)
  const T* up;    // (count)
  const T* dy;    // (count)
  T* d_gate;      // (count); may be gate
  T* d_up;        // (count); may be up
  int64_t count;
};

namespace activations {

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// The derivative of x·σ(scale·x).
__device__ __forceinline__ float sigmoid_weighted_slope(float x, float scale) {
  float s = sigmoid(scale * x);
  return s * (1.0f + scale * x * (1.0f - s));
}

__device__ __forceinline__ float slope(linear::Activation activation, float x) {
  if (activation == linear::Activation::GELU) {
    // Φ(x) + x·φ(x), of the normal distribution.
    return 0.5f * (1.0f + erff(x * 0.70710678f)) + x * 0.39894228f * expf(-0.5f * x * x);
  }
  return sigmoid_weighted_slope(x, 1.702f);
}

__device__ __forceinline__ int64_t first(int n) {
  return (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * n;
}

__device__ __forceinline__ int64_t step(int n) { return static_cast<int64_t>(gridDim.x) * blockDim.x * n; }

template <int N, typename T> __device__ void apply(const ApplyActivation<T>& a) {
  for (int64_t i = first(N); i < a.count; i += step(N)) {
    Pack<T, N> x = packs::load<N>(a.x + i);
    for (int j = 0; j < N; j++) x.at[j] = narrow<T>(linear::activate(a.activation, widen(x.at[j])));
    packs::store(a.out + i, x);
  }
}

template <int N, typename T> __device__ void gradient(const ActivationGradient<T>& a) {
  for (int64_t i = first(N); i < a.count; i += step(N)) {
    Pack<T, N> x = packs::load<N>(a.x + i), dy = packs::load<N>(a.dy + i);
    for (int j = 0; j < N; j++) x.at[j] = narrow<T>(widen(dy.at[j]) * slope(a.activation, widen(x.at[j])));
    packs::store(a.dx + i, x);
  }
}

template <int N, typename T> __device__ void apply(const ApplySiluTimes<T>& a) {
  for (int64_t i = first(N); i < a.count; i += step(N)) {
    Pack<T, N> gate = packs::load<N>(a.gate + i), up = packs::load<N>(a.up + i);
    for (int j = 0; j < N; j++) gate.at[j] = narrow<T>(linear::silu_times(widen(gate.at[j]), widen(up.at[j])));
    packs::store(a.out + i, gate);
  }
}

template <int N, typename T> __device__ void gradient(const SiluTimesGradient<T>& a) {
  for (int64_t i = first(N); i < a.count; i += step(N)) {
    Pack<T, N> gate = packs::load<N>(a.gate + i), up = packs::load<N>(a.up + i), dy = packs::load<N>(a.dy + i);
    for (int j = 0; j < N; j++) {
      float g = widen(gate.at[j]), u = widen(up.at[j]), d = widen(dy.at[j]);
      gate.at[j] = narrow<T>(d * u * sigmoid_weighted_slope(g, 1.0f));
      up.at[j] = narrow<T>(d * linear::sigmoid_weighted(g, 1.0f));
    }
    packs::store(a.d_gate + i, gate);
    packs::store(a.d_up + i, up);
  }
}

}  // namespace activations

template <typename T> __device__ void apply_activation(const ApplyActivation<T>& a) {
  constexpr int N = VECTOR<T>;
  if (packs::fit<N>(a.x, a.count) && packs::fit<N>(a.out, a.count)) {
    activations::apply<N>(a);
  } else {
    activations::apply<1>(a);
  }
}

template <typename T> __device__ void activation_gradient(const ActivationGradient<T>& a) {
  constexpr int N = VECTOR<T>;
  if (packs::fit<N>(a.x, a.count) && packs::fit<N>(a.dy, a.count) && packs::fit<N>(a.dx, a.count)) {
    activations::gradient<N>(a);
  } else {
    activations::gradient<1>(a);
  }
}

template <typename T> __device__ void apply_silu_times(const ApplySiluTimes<T>& a) {
  constexpr int N = VECTOR<T>;
  if (packs::fit<N>(a.gate, a.count) && packs::fit<N>(a.up, a.count) && packs::fit<N>(a.out, a.count)) {
    activations::apply<N>(a);
  } else {
    activations::apply<1>(a);
  }
}

template <typename T> __device__ void silu_times_gradient(const SiluTimesGradient<T>& a) {
  constexpr int N = VECTOR<T>;
  if (packs::fit<N>(a.gate, a.count) && packs::fit<N>(a.up, a.count) && packs::fit<N>(a.dy, a.count) &&
      packs::fit<N>(a.d_gate, a.count) && packs::fit<N>(a.d_up, a.count)) {
    activations::gradient<N>(a);
  } else {
    activations::gradient<1>(a);
  }
}

EXPORT_EACH_TYPE(apply_activation, ApplyActivation, 256)
EXPORT_EACH_TYPE(activation_gradient, ActivationGradient, 256)
EXPORT_EACH_TYPE(apply_silu_times, ApplySiluTimes, 256)
EXPORT_EACH_TYPE(silu_times_gradient, SiluTimesGradient, 256)

// Launch:
//   grid     any
//   threads  whole warps, at most 256
//   shared   none
