// The host's version of what tensor_core.cuh declares for a GPU.
#pragma once

#include "emulation.h"
#include "numbers.h"

namespace emulation {

struct Fragments { unsigned a[4]; unsigned b[2]; float d[4]; };

typedef uint32_t Bits __attribute__((vector_size(16)));
typedef float Floats __attribute__((vector_size(16)));

inline Floats widen(Bits x, bfloat16) { return reinterpret_cast<Floats>(x << 16); }
inline Floats widen(Bits x, float16) {
  Bits magnitude = (x & 0x7fff) << 13;
  Bits wide = reinterpret_cast<Bits>(reinterpret_cast<Floats>(magnitude) * 0x1p112f);
  Bits special = reinterpret_cast<Bits>(magnitude >= 0x7c00u << 13) & 0x7f800000;
  return reinterpret_cast<Floats>(wide | special | (x & 0x8000) << 16);
}

// The lanes' registers become whole matrices, and go back.
template <typename T> void multiply_add(const void* const* in, void* const* out, unsigned, const void*) {
  Bits a[16][2], b[8][2];           // pairs along k: (row, k / 2) and (k / 2, column)
  Floats even[16][2], odd[16][2];   // of a
  Floats d[16][2];
  for (int lane = 0; lane < LANES; lane++) {
    const Fragments& f = *static_cast<const Fragments*>(in[lane]);
    int g = lane / 4, t = lane % 4;
    a[g][0][t] = f.a[0];
    a[g + 8][0][t] = f.a[1];
    a[g][1][t] = f.a[2];
    a[g + 8][1][t] = f.a[3];
    b[t][g / 4][g % 4] = f.b[0];
    b[t + 4][g / 4][g % 4] = f.b[1];
    memcpy(reinterpret_cast<float*>(d[g]) + 2 * t, &f.d[0], 8);
    memcpy(reinterpret_cast<float*>(d[g + 8]) + 2 * t, &f.d[2], 8);
  }
  for (int i = 0; i < 16; i++) {
    for (int half = 0; half < 2; half++) {
      even[i][half] = widen(a[i][half] & 0xffff, T());
      odd[i][half] = widen(a[i][half] >> 16, T());
    }
  }
  for (int k = 0; k < 8; k++) {
    Floats first[2], second[2];
    for (int half = 0; half < 2; half++) {
      first[half] = widen(b[k][half] & 0xffff, T());
      second[half] = widen(b[k][half] >> 16, T());
    }
    for (int i = 0; i < 16; i++) {
      float x = even[i][k / 4][k % 4], y = odd[i][k / 4][k % 4];
      d[i][0] = d[i][0] + x * first[0] + y * second[0];
      d[i][1] = d[i][1] + x * first[1] + y * second[1];
    }
  }
  for (int lane = 0; lane < LANES; lane++) {
    int g = lane / 4, t = lane % 4;
    memcpy(out[lane], reinterpret_cast<const float*>(d[g]) + 2 * t, 8);
    memcpy(static_cast<float*>(out[lane]) + 2, reinterpret_cast<const float*>(d[g + 8]) + 2 * t, 8);
  }
}

template <bool transposed> void load_matrices(const void* const* in, void* const* out, unsigned, const void*) {
  for (int lane = 0; lane < LANES; lane++) {
    unsigned* r = static_cast<unsigned*>(out[lane]);
    for (int m = 0; m < 4; m++) {
      int first = transposed ? 2 * (lane % 4) : lane / 4;
      int column = transposed ? lane / 4 : 2 * (lane % 4);
      const uint16_t* row = *static_cast<const uint16_t* const*>(in[8 * m + first]);
      const uint16_t* next = transposed ? *static_cast<const uint16_t* const*>(in[8 * m + first + 1]) : row + 1;
      r[m] = row[column] | static_cast<unsigned>(next[column]) << 16;
    }
  }
}

}  // namespace emulation

template <typename T> void multiply_add(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  emulation::Fragments f;
  memcpy(f.a, a, sizeof a);
  memcpy(f.b, b, sizeof b);
  memcpy(f.d, d, sizeof d);
  emulation::together(0xffffffffu, &f, d, emulation::multiply_add<T>, nullptr);
}
inline void load_matrices(unsigned (&r)[4], const void* row) {
  emulation::require_aligned(row, 16);
  emulation::require_shared(row, 16);
  emulation::together(0xffffffffu, &row, r, emulation::load_matrices<false>, nullptr);
}
inline void load_matrices_transposed(unsigned (&r)[4], const void* row) {
  emulation::require_aligned(row, 16);
  emulation::require_shared(row, 16);
  emulation::together(0xffffffffu, &row, r, emulation::load_matrices<true>, nullptr);
}
inline void copy_async(void* shared, const void* global, bool inside) {
  emulation::require_aligned(shared, 16);
  emulation::require_shared(shared, 16);
  if (inside) emulation::require_aligned(global, 16);
  emulation::copy_async(shared, global, inside);
}
inline void copies_sent() { emulation::copies_sent(); }
template <int pending> void copies_arrived() { emulation::copies_arrived(pending); }
template <typename T> unsigned pack_two(float low, float high) {
  return narrow<T>(low).bits | static_cast<unsigned>(narrow<T>(high).bits) << 16;
}
