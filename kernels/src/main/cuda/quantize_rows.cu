// Rows as eight-bit floats with a scale each, for products by weights of the same kind: out = x / scale, where a row's
// largest magnitude becomes 448. With a norm's weight it is the RMS norm of x that is quantised, to the bits that
// rms_norm comes to.
//
// Rows of out are filled up with zeros to whole blocks of 32, as those of the weights are. A row's NaN stays one; where
// x is infinite, out is NaN.
#include "blocks.cuh"
#include "float8.cuh"
#include "rms.cuh"
#include "shared_rows.cuh"

namespace quantize_rows {

// Smaller rows count as this large, so that neither scale nor its inverse is out of range.
constexpr float LEAST = 1e-30f;

template <typename T> struct Arguments {
  const T* x;          // (rows, columns)
  const T* norm;       // (columns), or null
  unsigned char* out;  // (rows, columns filled up)
  float* scales;       // (rows)
  int rows, columns;
  int threads;  // that share a row: a warp's, or all of a block
  float epsilon;
};

template <int N, typename T> __device__ __forceinline__ float largest(const Pack<T, N>& x, float most) {
#pragma unroll
  for (int i = 0; i < N; i++) most = fmaxf(most, fabsf(widen(x.at[i])));
  return most;
}

template <int N, typename T> __device__ __forceinline__ void quantize(const Arguments<T>& a, int index) {
  shared_rows::Share share = shared_rows::share_of<N>(a.columns, a.threads);
  shared_rows::Vectors<N, T> x(a.x + static_cast<int64_t>(index) * a.columns, share);
  float* scratch = shared_rows::scratch();
  float scale = 1;
  if (a.norm != nullptr) {
    float squares = 0;
    share.each([&](int k, int c) { squares = rms::add_squares(x.at(k, c), squares); });
    scale = rms::scale(shared_rows::row_sum(squares, a.threads, scratch), a.columns, a.epsilon);
  }
  // What is quantised; the norm is computed twice, since not all of a long row is kept.
  auto number = [&](int k, int c) {
    return a.norm == nullptr ? x.at(k, c) : rms::scaled(x.at(k, c), packs::load<N>(a.norm + c), scale);
  };
  float most = 0;
  share.each([&](int k, int c) { most = largest(number(k, c), most); });
  most = fmaxf(shared_rows::row_max(most, a.threads, scratch + shared_rows::SUMS), LEAST);
  if (share.first == 0) a.scales[index] = most / float8::MAX;
  float inverse = float8::MAX / most;
  int padded = blocks::per_row(a.columns) * blocks::SIZE;
  unsigned char* out = a.out + static_cast<int64_t>(index) * padded;
  share.each([&](int k, int c) {
    Pack<T, N> here = number(k, c);
    Pack<unsigned char, N> bytes;
#pragma unroll
    for (int i = 0; i < N; i++) bytes.at[i] = static_cast<unsigned char>(float8::narrow(widen(here.at[i]) * inverse));
    packs::store(out + c, bytes);
  });
  for (int c = a.columns + share.first; c < padded; c += share.step) packs::store(out + c, Pack<unsigned char, N>{});
}

template <typename T> __device__ void quantize_rows(const Arguments<T>& a) {
  constexpr int N = VECTOR<T>;
  int index = shared_rows::row_of(a.threads);
  if (index >= a.rows) return;  // only warps that have a row alone
  if (packs::fit<N>(a.x, a.columns) && (a.norm == nullptr || packs::fit<N>(a.norm, a.columns))) {
    quantize<N>(a, index);
  } else {
    quantize<1>(a, index);
  }
}

EXPORT_EACH_TYPE_ALONE(quantize_rows, Arguments, 512)

}  // namespace quantize_rows

// Launch: as rms_norm (norms.cu); scales begin at a multiple of 4, out at one of 8.
