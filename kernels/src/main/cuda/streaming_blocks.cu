// The products of streaming.cu by weights in blocks: fewer bytes are read, and widened in registers to numbers that
// float32 has exactly. Sums of a block, or of the half of it that one access brings, are multiplied with its scale, or
// all of a row's with the row's. Of 4 bits there are so many numbers that arithmetic would bind, so zeros never meet them: Σ (q - zero)·x is Σ q·x less
// zero times the block's sum of x, which is the same for all rows of w and waits behind the panel.
//
// x (rows, inputs), out (rows, outputs), row-major; w (outputs, inputs) as blocks.cuh has it. A lane meets as many
// neighbouring inputs as 16 bytes of w hold numbers, so panels hold 16 bytes of x at places that eight lanes read
// without meeting in a bank. Behind the last input a panel is zero up to whole blocks, whatever fills those up.
//
// x may have any shape and address; for streaming_norm its rows are whole accesses.
#include "blocks.cuh"
#include "streaming.cuh"

namespace streaming_blocks {

using streaming::DEEP;
using streaming::MOST_ROWS;
using streaming::PANEL;
using streaming::THREADS;
using streaming::WEIGHTS;

template <typename T, typename F> using Arguments = linear::Arguments<T, blocks::Matrix<F>>;
template <typename T, typename F> using NormedArguments = streaming::NormedArguments<T, blocks::Matrix<F>>;

// Inputs of x in all banks of shared memory, of which a panel has a whole number.
template <typename T> constexpr int LINE = 128 / sizeof(T);

// Lanes read neighbouring accesses 2 to 8 apart: each group of eight is turned by its number.
template <typename T> struct Turned {
  static __device__ __forceinline__ int place(int input) {
    int access = input / VECTOR<T>;
    return (access ^ (access >> 3 & 7)) * VECTOR<T> + input % VECTOR<T>;
  }
};

// Sums of each block of 32 inputs of a panel, of which a row has `count`.
template <typename T>
__device__ __forceinline__ void sum_blocks(const T* panel, int stride, int rows, int count, float* sums) {
  for (int i = threadIdx.x; i < rows * count; i += THREADS) {
    int row = i / count, block = i % count;
    float sum = 0;
#pragma unroll
    for (int input = 0; input < blocks::SIZE; input += VECTOR<T>) {
      const T* at = panel + row * stride + Turned<T>::place(block * blocks::SIZE + input);
      Pack<T, VECTOR<T>> x = packs::load<VECTOR<T>>(at);
#pragma unroll
      for (int j = 0; j < VECTOR<T>; j++) sum += widen(x.at[j]);
    }
    sums[row * (stride / blocks::SIZE) + block] = sum;
  }
}

// x as it is.
template <typename T, typename F> struct Plain {
  static constexpr bool WHOLE = false;

  const Arguments<T, F>& a;

  __device__ __forceinline__ void begin(T* panel, int stride) const { fill(0, panel, stride); }

  __device__ __forceinline__ void fill(int first, T* panel, int stride) const {
    if (packs::fit<VECTOR<T>>(a.x, a.inputs)) {
      streaming::copy_rows<VECTOR<T>, Turned<T>>(a, first, panel, stride);
    } else {
      streaming::copy_rows<1, Turned<T>>(a, first, panel, stride);
    }
  }
};

template <typename T, typename F, bool GATED, typename Rows>
__device__ __forceinline__ void multiply(const Arguments<T, F>& a, const Rows& rows) {
  constexpr int N = blocks::ACCESS<F>, RUN = VECTOR<T>, STEP = WARP * N * DEEP;
  static_assert(PANEL % STEP == 0, "a panel is whole steps");
  T* panel = reinterpret_cast<T*>(shared_memory());
  int padded = blocks::per_row(a.inputs) * blocks::SIZE;
  int stride = ceil_div(Rows::WHOLE ? padded : min(PANEL, padded), LINE<T>) * LINE<T>;
  float* block_sums = reinterpret_cast<float*>(panel + a.rows * stride);
  int sums_stride = stride / blocks::SIZE;
  int lane = threadIdx.x % WARP;
  streaming::Pair<GATED> pair(a.end.outputs);
  blocks::Matrix<F> w[WEIGHTS];
#pragma unroll
  for (int j = 0; j < WEIGHTS; j++) w[j] = a.w.from(pair.row[j], a.inputs);

  blocks::Access pieces[WEIGHTS][DEEP] = {};
  typename F::Scale scales[WEIGHTS][DEEP];
  unsigned zeros[WEIGHTS][DEEP] = {};
  auto fetch = [&](int from, int d) {
    int input = from + (d * WARP + lane) * N, block = input / blocks::SIZE;
#pragma unroll
    for (int j = 0; j < WEIGHTS; j++) {
      if (pair.there[j] && input < padded) {
        pieces[j][d] = w[j].numbers[input / N];
        if constexpr (!F::ROW_SCALES) scales[j][d] = w[j].scales[block];
        zeros[j][d] = blocks::zeros_of<F>(w[j].zeros, block);
      }
    }
  };

  float sums[WEIGHTS][MOST_ROWS] = {};
#pragma unroll
  for (int d = 0; d < DEEP; d++) fetch(0, d);
  rows.begin(panel, stride);
  for (int first = 0; first < padded; first += stride) {
    int end = min(first + stride, padded);
    if constexpr (!Rows::WHOLE) {
      if (first > 0) {
        __syncthreads();
        rows.fill(first, panel, stride);
      }
    }
    int tail = end - min(a.inputs, end);
    for (int i = threadIdx.x; i < a.rows * tail; i += THREADS) {
      panel[i / tail * stride + Turned<T>::place(end - first - 1 - i % tail)] = narrow<T>(0.0f);
    }
    __syncthreads();
    if constexpr (F::ZEROS) {
      // What normalised x lay here, and is not needed any more.
      sum_blocks(panel, stride, a.rows, (end - first) / blocks::SIZE, block_sums);
      __syncthreads();
    }
#pragma unroll 1
    for (int from = first; from < end; from += STEP) {
#pragma unroll
      for (int d = 0; d < DEEP; d++) {
        int input = from + (d * WARP + lane) * N;
        if (input < end) {
          int block = input / blocks::SIZE;
          float origin[WEIGHTS], parts[WEIGHTS][MOST_ROWS] = {};
#pragma unroll
          for (int j = 0; j < WEIGHTS; j++) origin[j] = blocks::origin<F>(zeros[j][d], block);
#pragma unroll
          for (int k = 0; k < N / RUN; k++) {
            float wide[WEIGHTS][RUN];
#pragma unroll
            for (int j = 0; j < WEIGHTS; j++) {
#pragma unroll
              for (int i = 0; i < RUN; i += 4) blocks::raise_four<F>(pieces[j][d], (k * RUN + i) / 4, wide[j] + i);
#pragma unroll
              for (int i = 0; i < RUN && !F::ZEROS; i++) wide[j][i] -= origin[j];
            }
#pragma unroll
            for (int r = 0; r < MOST_ROWS; r++) {
              if (r >= a.rows) break;
              Pack<T, RUN> x = packs::load<RUN>(panel + r * stride + Turned<T>::place(input - first + k * RUN));
#pragma unroll
              for (int j = 0; j < WEIGHTS; j++) {
#pragma unroll
                for (int i = 0; i < RUN; i++) parts[j][r] += widen(x.at[i]) * wide[j][i];
              }
            }
          }
#pragma unroll
          for (int j = 0; j < WEIGHTS; j++) {
            float scale = 1;
            if constexpr (!F::ROW_SCALES) scale = pair.there[j] ? blocks::factor(scales[j][d]) : 0.0f;
#pragma unroll
            for (int r = 0; r < MOST_ROWS; r++) {
              if (r >= a.rows) break;
              float sum = parts[j][r];
              if (F::ZEROS) sum -= origin[j] * block_sums[r * sums_stride + (input - first) / blocks::SIZE];
              sums[j][r] += sum * scale;
            }
          }
        }
        fetch(from + STEP, d);
      }
    }
  }
  if constexpr (F::ROW_SCALES) {
#pragma unroll
    for (int j = 0; j < WEIGHTS; j++) {
      float scale = pair.there[j] ? blocks::factor(w[j].scales[0]) : 0.0f;
#pragma unroll
      for (int r = 0; r < MOST_ROWS; r++) sums[j][r] *= scale;
    }
  }
  streaming::finish(a.end, a.rows, pair, sums);
}

template <typename T, typename F, bool GATED> __device__ __forceinline__ void plain(const Arguments<T, F>& a) {
  multiply<T, F, GATED>(a, Plain<T, F>{a});
}

template <typename T, typename F, bool GATED> __device__ __forceinline__ void normed(const NormedArguments<T, F>& a) {
  typedef streaming::Normed<T, VECTOR<T>, Turned<T>, blocks::Matrix<F>> Norm;
  multiply<T, F, GATED>(a.product, Norm{a});
}

#define STREAM(name, F)                                                                           \
  template <typename T> using Arguments_##name = Arguments<T, F>;                                 \
  template <typename T> using Normed_##name = NormedArguments<T, F>;                              \
  template <typename T> __device__ void streaming_##name(const Arguments_##name<T>& a) {          \
    plain<T, F, false>(a);                                                                        \
  }                                                                                               \
  template <typename T> __device__ void streaming_swiglu_##name(const Arguments_##name<T>& a) {   \
    plain<T, F, true>(a);                                                                         \
  }                                                                                               \
  template <typename T> __device__ void streaming_norm_##name(const Normed_##name<T>& a) {        \
    normed<T, F, false>(a);                                                                       \
  }                                                                                               \
  template <typename T> __device__ void streaming_norm_swiglu_##name(const Normed_##name<T>& a) { \
    normed<T, F, true>(a);                                                                        \
  }                                                                                               \
  EXPORT_EACH_TYPE(streaming_##name, Arguments_##name, THREADS)                                   \
  EXPORT_EACH_TYPE(streaming_swiglu_##name, Arguments_##name, THREADS)                            \
  EXPORT_EACH_TYPE(streaming_norm_##name, Normed_##name, THREADS)                                 \
  EXPORT_EACH_TYPE(streaming_norm_swiglu_##name, Normed_##name, THREADS)

STREAM(int8, blocks::Int8)
STREAM(int4, blocks::Int4)
STREAM(fp8, blocks::Fp8)

}  // namespace streaming_blocks

// Launch, for 1 to 4 rows, with `line` inputs in 128 bytes of T:
//   grid     ceil(outputs / 16); swiglu: ceil(outputs / 8)
//   threads  256
//   shared   rows · min(inputs, 4096), rounded up to line, · (bytes of T + 1 / 8)
//            norm: rows · inputs, rounded up to line, · bytes of T + inputs · bytes of T + rows · 17 · 4
