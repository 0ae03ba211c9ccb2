// The host's version of what hopper.cuh declares for a GPU.
#pragma once

#include <type_traits>

#include "emulation.h"
#include "tensor_map.h"

typedef emulation::TensorMap TensorMap;

// Barriers of shared memory ------------------------------------------------------------------------------------------

inline void barrier_init(uint64_t* barrier, unsigned arrivals) { emulation::count_barrier_init(barrier, arrivals); }
inline void barriers_made() {}
inline void barrier_arrive(uint64_t* barrier) { emulation::count_barrier_arrive(barrier, 0); }
inline void barrier_expect(uint64_t* barrier, unsigned bytes) { emulation::count_barrier_arrive(barrier, bytes); }
inline void barrier_wait(uint64_t* barrier, unsigned parity) { emulation::count_barrier_wait(barrier, parity); }

inline void copy_box(void* to, const TensorMap* map, int column, int row, uint64_t* barrier) {
  int at[] = {column, row};
  emulation::send_box(to, map, 2, at, barrier);
}
inline void copy_box(void* to, const TensorMap* map, int channel, int head, int row, int sequence, uint64_t* barrier) {
  int at[] = {channel, head, row, sequence};
  emulation::send_box(to, map, 4, at, barrier);
}
inline void show_to_products() {}

// Clusters -----------------------------------------------------------------------------------------------------------

inline unsigned block_of_cluster() { return emulation::scene.thread->rank; }
inline void cluster_sync() { emulation::cluster_barrier(); }
inline void cluster_barriers_made() {}
inline void barrier_arrive(uint64_t* barrier, unsigned block) { emulation::count_barrier_arrive_at(barrier, block); }
template <typename T> void store_to_block(T* at, unsigned block, const T& x) {
  emulation::store_to_block(at, block, &x, sizeof(T));
}
inline void copy_box_to_all(uint16_t blocks, void* to, const TensorMap* map, int column, int row, uint64_t* barrier) {
  int at[] = {column, row};
  emulation::send_box_to(blocks, to, map, 2, at, barrier);
}

template <int count> void give_registers() {}
template <int count> void take_registers() {}

// Products of a warpgroup --------------------------------------------------------------------------------------------

namespace emulation {

// A warp's part of one product; it may run any time until it is waited for, and reads and writes what it names then.
struct GroupProduct {
  float* d[LANES];           // [columns / 8][4]
  const unsigned* a[LANES];  // four registers, or null where rows say where the left side is
  const unsigned char* rows;
  const unsigned char* b;
  unsigned columns_apart;
  bool add;
};

// Number (row, column) of a box, where `first` is in its first row, at the first column, and the swizzle is by address.
template <typename T> T in_box(const unsigned char* first, unsigned row, unsigned column) {
  uintptr_t at = reinterpret_cast<uintptr_t>(first) + row * 128 + column * 2;
  at ^= (at >> 7 & 7) << 4;
  require_shared(reinterpret_cast<const void*>(at), 2);
  return *reinterpret_cast<const T*>(at);
}

template <typename T, int COLUMNS> void run_product(const GroupProduct& p, unsigned warp_of_group) {
  float a[16][16], b[16][COLUMNS];
  for (int i = 0; i < 16; i++) {
    for (int k = 0; k < 16; k++) {
      if (p.rows != nullptr) {
        a[i][k] = widen(in_box<T>(p.rows, 16 * warp_of_group + i, k));
      } else {
        unsigned pair = p.a[i % 8 * 4 + k % 8 / 2][i / 8 + k / 8 * 2];
        a[i][k] = widen(T{static_cast<uint16_t>(pair >> k % 2 * 16)});
      }
    }
  }
  for (int k = 0; k < 16; k++) {
    for (int n = 0; n < COLUMNS; n++) {
      b[k][n] = widen(p.rows != nullptr ? in_box<T>(p.b, n, k) : in_box<T>(p.b + n / 64 * p.columns_apart, k, n % 64));
    }
  }
  for (int i = 0; i < 16; i++) {
    float sums[COLUMNS];
    for (int n = 0; n < COLUMNS; n++) sums[n] = p.add ? p.d[i % 8 * 4 + n % 8 / 2][n / 8 * 4 + i / 8 * 2 + n % 2] : 0.0f;
    for (int k = 0; k < 16; k++) {
      for (int n = 0; n < COLUMNS; n++) sums[n] += a[i][k] * b[k][n];
    }
    for (int n = 0; n < COLUMNS; n++) p.d[i % 8 * 4 + n % 8 / 2][n / 8 * 4 + i / 8 * 2 + n % 2] = sums[n];
  }
}

struct ProductOperands {
  float* d;
  const unsigned* a;
  const void* rows;
  const void* b;
  unsigned columns_apart;
  bool add;
};

template <typename T, int COLUMNS> void begin_product(const void* const* in, void* const*, unsigned, const void*) {
  const ProductOperands& first = *static_cast<const ProductOperands*>(in[0]);
  GroupProduct p{};
  for (int lane = 0; lane < LANES; lane++) {
    const ProductOperands& own = *static_cast<const ProductOperands*>(in[lane]);
    p.d[lane] = own.d;
    p.a[lane] = own.a;
  }
  p.rows = static_cast<const unsigned char*>(first.rows);
  p.b = static_cast<const unsigned char*>(first.b);
  p.columns_apart = first.columns_apart;
  p.add = first.add;
  later([p, warp = scene.thread->warp % 4] { run_product<T, COLUMNS>(p, warp); });
}

// Something all lanes of a warp do at once.
inline void all_lanes(Together work) { together(0xffffffffu, nullptr, nullptr, work, nullptr); }

}  // namespace emulation

template <typename... Sums> void products_begin(Sums&...) {}

inline void products_sent() {
  emulation::all_lanes([](const void* const*, void* const*, unsigned, const void*) { emulation::later_sent(); });
}

template <int pending, typename... Sums> void products_arrived(Sums&...) {
  emulation::all_lanes([](const void* const*, void* const*, unsigned, const void*) { emulation::later_arrived(pending); });
}

template <typename T, int N> void multiply_rows(float (&d)[N][4], const void* a, const void* b, bool add) {
  emulation::ProductOperands own{d[0], nullptr, a, b, 0, add};
  emulation::together(0xffffffffu, &own, nullptr, emulation::begin_product<T, 8 * N>, nullptr);
}

template <typename T, int N>
void multiply_columns(float (&d)[N][4], const unsigned (&a)[4], const void* b, unsigned columns_apart) {
  emulation::ProductOperands own{d[0], a, nullptr, b, columns_apart, true};
  emulation::together(0xffffffffu, &own, nullptr, emulation::begin_product<T, 8 * N>, nullptr);
}
