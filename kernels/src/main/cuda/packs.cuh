// Neighbouring numbers of a row, loaded and stored in one access where their addresses allow it.
#pragma once

#include "device.cuh"

namespace packs {

// Whether rows of `columns` numbers, the first of them at `at`, can be cut into packs of N.
template <int N, typename T> __device__ __forceinline__ bool fit(const T* at, int64_t columns) {
  return columns % N == 0 && reinterpret_cast<uintptr_t>(at) % sizeof(Pack<T, N>) == 0;
}

template <int N, typename T> __device__ __forceinline__ Pack<T, N> load(const T* at) {
  return *reinterpret_cast<const Pack<T, N>*>(at);
}

template <typename T, int N> __device__ __forceinline__ void store(T* at, const Pack<T, N>& pack) {
  *reinterpret_cast<Pack<T, N>*>(at) = pack;
}

template <typename T, int N> __device__ __forceinline__ Pack<T, N> filled(float x) {
  Pack<T, N> pack;
  for (int i = 0; i < N; i++) pack.at[i] = narrow<T>(x);
  return pack;
}

}  // namespace packs
