// What the kernels of attention's gradients share: their arguments, and a row's softmax once its statistics are known.
#pragma once

#include "attention.cuh"

namespace attention::gradient {

// Of one row and head: P of a key is 2^(product·scale - level) · inverse, product·scale rounded.
struct RowStatistics {
  float level, inverse;
  float mean;  // D, the mean of dP
};

}  // namespace attention::gradient

template <typename T> struct AttentionGradient {
  Attention<T> forward;                            // its out is null
  const T* dy;                                     // (rows, heads·size)
  attention::gradient::RowStatistics* statistics;  // (heads, rows)
  T* dq;                                           // as q
  T* d_keys;                                       // (key_count, kv_heads·size)
  T* d_values;                                     // (key_count, kv_heads·size)
  float root;                                      // 1 / √size
};

namespace attention::gradient {

// As weight, but exactly 1 for the highest product: where only one key has weight, its dP is D to the bit, and dS is 0.
__device__ __forceinline__ float exact_weight(float product, float scale, float highest) {
  return exp2f(level(product, scale) - (highest == -INFINITY ? 0.0f : highest));
}

__device__ __forceinline__ float probability(const RowStatistics& row, float product, float scale) {
  return exact_weight(product, scale, row.level) * row.inverse;
}

}  // namespace attention::gradient
