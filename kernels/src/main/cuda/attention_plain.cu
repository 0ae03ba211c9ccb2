// Attention in float32 arithmetic for any head size up to 256: the reference for the other kernels, and what prefill
// takes where they don't fit. Blocks of queries meet tiles of keys with a running softmax (Dao et al. 2022).
#include "attention_plain.cuh"

namespace attention::plain {

constexpr int MOST_CHANNELS = 256;
constexpr int LANE_CHANNELS = MOST_CHANNELS / WARP;

// A key's weights for all rows of a warp.
using KeyWeights = Pack<float, WARP_ROWS>;

}  // namespace attention::plain

template <typename T> __device__ void attention_plain(const Attention<T>& a) {
  using namespace attention;
  using namespace attention::plain;
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
  int size = a.size, stride = size + 1;
  // (warps, KEYS) weights; (ROWS, size + 1) queries; (KEYS, size + 1) keys, then values.
  KeyWeights* weights = reinterpret_cast<KeyWeights*>(shared_memory());
  float* queries = reinterpret_cast<float*>(weights + THREADS);
  float* tile = queries + ROWS * stride;
  weights += warp * KEYS;

  int head = blockIdx.x, first_row = blockIdx.y * ROWS;
  int kv_columns = a.kv_columns, kv_column = head / (a.heads / a.kv_heads) * size;
  load_tile(a.q + head * size, a.q_columns, first_row, min(ROWS, a.rows - first_row), size, queries);
  queries += warp * WARP_ROWS * stride;
  first_row += warp * WARP_ROWS;

  int sees[WARP_ROWS];
  float highest[WARP_ROWS], total[WARP_ROWS], sums[WARP_ROWS][LANE_CHANNELS] = {};
#pragma unroll
  for (int r = 0; r < WARP_ROWS; r++) {
    sees[r] = first_row + r < a.rows ? visible(a, first_row + r) : 0;
    highest[r] = -INFINITY;
    total[r] = 0;
  }

  int most = most_visible(a, static_cast<int>(blockIdx.y) * ROWS, ROWS);
  for (int key = 0; key < most; key += KEYS) {
    int here = min(KEYS, most - key);
    __syncthreads();  // The values before have been used.
    load_tile(a.keys + kv_column, kv_columns, key, here, size, tile);
    __syncthreads();

    float products[WARP_ROWS];
    multiply(queries, tile, size, products);
#pragma unroll
    for (int r = 0; r < WARP_ROWS; r++) {
      float product = key + lane < sees[r] ? products[r] : -INFINITY;
      float higher = fmaxf(highest[r], level(warp_max(product), a.scale));
      float rescale = correction(highest[r], higher);
      float w = weight(product, a.scale, higher);
      weights[lane].at[r] = w;
      total[r] = total[r] * rescale + warp_sum(w);
      highest[r] = higher;
#pragma unroll
      for (int i = 0; i < LANE_CHANNELS; i++) sums[r][i] *= rescale;
    }

    __syncthreads();  // The keys have been used.
    load_tile(a.values + kv_column, kv_columns, key, here, size, tile);
    __syncthreads();

    // A lane has every 32nd channel. What a row doesn't see is left out, not multiplied by zero: it may be NaN.
    for (int j = 0; j < here; j++) {
      float v[LANE_CHANNELS];
#pragma unroll
      for (int i = 0; i < LANE_CHANNELS; i++) {
        int channel = lane + i * WARP;
        v[i] = channel < size ? tile[j * stride + channel] : 0.0f;
      }
      KeyWeights w = weights[j];
#pragma unroll
      for (int r = 0; r < WARP_ROWS; r++) {
        if (key + j < sees[r]) {
#pragma unroll
          for (int i = 0; i < LANE_CHANNELS; i++) sums[r][i] = fmaf(w.at[r], v[i], sums[r][i]);
        }
      }
    }
  }

#pragma unroll
  for (int r = 0; r < WARP_ROWS; r++) {
    if (first_row + r >= a.rows) break;
    T* out = a.out + static_cast<int64_t>(first_row + r) * a.heads * size + head * size;
#pragma unroll
    for (int i = 0; i < LANE_CHANNELS; i++) {
      int channel = lane + i * WARP;
      if (channel < size) out[channel] = narrow<T>(sums[r][i] / total[r]);
    }
  }
}

EXPORT_EACH_TYPE(attention_plain, Attention, attention::plain::THREADS)

// Launch: grid (heads, ⌈rows / 16⌉), 128 threads, 2048 + 4 · (16 + 32) · (size + 1) bytes of shared memory.
