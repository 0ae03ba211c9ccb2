// A product of matrices as cuBLASLt means it, summed in double and rounded as a float32 sum is; or in float32, whole
// or in parts, as algorithms that differ in their last bits do.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "numbers.h"

namespace emulated {

// Element types, by cuBLASLt's numbers.
enum Type : int { FLOAT32 = 0, FLOAT16 = 2, BFLOAT16 = 14, FLOAT8_E4M3 = 28 };

// Column-major.
struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t leading;
};

// A product that is ready to run. Travels through the driver's queue by value, addresses first.
struct Product {
  uint64_t a, b, c, d, bias, workspace;
  // A float32 number for each row of D and for each column, null where all of them are 1.
  uint64_t a_scales, b_scales;
  Layout a_layout, b_layout, c_layout, d_layout;
  uint64_t inner, workspace_bytes;
  float alpha, beta;
  int transpose_a, transpose_b, bias_type;
  int parts;  // that the inner dimension is cut into, each summed in float32; 0 sums all of it in double
};

// How many of a product's first fields are addresses.
constexpr size_t ADDRESSES = offsetof(Product, a_layout) / sizeof(uint64_t);

inline size_t size_of(int type) { return type == FLOAT32 ? 4 : type == FLOAT8_E4M3 ? 1 : 2; }

inline double load(const unsigned char* at, int type) {
  if (type == FLOAT32) {
    float x;
    memcpy(&x, at, 4);
    return x;
  }
  if (type == FLOAT8_E4M3) return widen(float8_e4m3{*at});
  uint16_t bits;
  memcpy(&bits, at, 2);
  return type == FLOAT16 ? widen(float16{bits}) : widen(bfloat16{bits});
}

// D's types: never FLOAT8_E4M3.
inline void store(unsigned char* at, int type, double x) {
  float rounded = static_cast<float>(x);
  if (type == FLOAT32) {
    memcpy(at, &rounded, 4);
    return;
  }
  uint16_t bits = type == FLOAT16 ? narrow<float16>(rounded).bits : narrow<bfloat16>(rounded).bits;
  memcpy(at, &bits, 2);
}

// The nearest number of a type.
inline double round_to(int type, double x) {
  unsigned char stored[4];
  store(stored, type, x);
  return load(stored, type);
}

inline double element(uint64_t matrix, const Layout& layout, uint64_t row, uint64_t column) {
  uint64_t at = row + column * static_cast<uint64_t>(layout.leading);
  return load(reinterpret_cast<const unsigned char*>(matrix) + at * size_of(layout.type), layout.type);
}

inline double scale(uint64_t scales, uint64_t i) {
  return scales == 0 ? 1 : load(reinterpret_cast<const unsigned char*>(scales) + i * sizeof(float), FLOAT32);
}

// sums[i] += a[k, i] · b(k) for k in [from, to), in the precision of sums.
template <typename Sum, typename B>
void sum(const std::vector<double>& a, const B& b, uint64_t from, uint64_t to, std::vector<Sum>& sums) {
  for (uint64_t k = from; k < to; k++) {
    double factor = b(k);
    const double* column = &a[k * sums.size()];
    for (uint64_t i = 0; i < sums.size(); i++) sums[i] += static_cast<Sum>(column[i] * factor);
  }
}

template <typename B>
void add_parts(const std::vector<double>& a, const B& b, uint64_t inner, int parts, std::vector<double>& sums) {
  std::vector<float> all(sums.size(), 0.0f);
  for (int part = 0; part < parts; part++) {
    std::vector<float> mine(sums.size(), 0.0f);
    sum(a, b, inner * part / parts, inner * (part + 1) / parts, mine);
    for (size_t i = 0; i < mine.size(); i++) all[i] += mine[i];
  }
  for (size_t i = 0; i < all.size(); i++) sums[i] = all[i];
}

inline void multiply(const void* arguments) {
  Product p;
  memcpy(&p, arguments, sizeof p);
  // A real one overwrites its workspace.
  memset(reinterpret_cast<void*>(p.workspace), 0xff, p.workspace_bytes);
  uint64_t rows = p.d_layout.rows, columns = p.d_layout.columns;
  std::vector<double> a(rows * p.inner);  // (inner, rows)
  for (uint64_t k = 0; k < p.inner; k++) {
    for (uint64_t i = 0; i < rows; i++) {
      a[k * rows + i] = p.transpose_a ? element(p.a, p.a_layout, k, i) : element(p.a, p.a_layout, i, k);
    }
  }
  std::vector<double> sums(rows);
  for (uint64_t j = 0; j < columns; j++) {
    auto b = [&](uint64_t k) {
      return p.transpose_b ? element(p.b, p.b_layout, j, k) : element(p.b, p.b_layout, k, j);
    };
    std::fill(sums.begin(), sums.end(), 0.0);
    if (p.parts == 0) {
      sum(a, b, 0, p.inner, sums);
    } else {
      add_parts(a, b, p.inner, p.parts, sums);
    }
    for (uint64_t i = 0; i < rows; i++) {
      double x = p.alpha * scale(p.a_scales, i) * scale(p.b_scales, j) * sums[i];
      // The library stores what it multiplied in the output's type before it adds C: on an H100, version 13.1, a sum of
      // 4.4014 became 4.375, where 4.40625 is the nearest bfloat16.
      if (p.beta != 0) x = round_to(p.d_layout.type, x) + p.beta * element(p.c, p.c_layout, i, j);
      if (p.bias != 0) {
        x += load(reinterpret_cast<const unsigned char*>(p.bias) + i * size_of(p.bias_type), p.bias_type);
      }
      uint64_t at = i + j * static_cast<uint64_t>(p.d_layout.leading);
      store(reinterpret_cast<unsigned char*>(p.d) + at * size_of(p.d_layout.type), p.d_layout.type, x);
    }
  }
}

}  // namespace emulated
