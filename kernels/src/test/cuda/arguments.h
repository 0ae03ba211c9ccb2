// Where the pointers are in a kernel's struct of arguments, so that they can be checked before it runs.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <utility>
#include <vector>

#include "tensor_map.h"

namespace emulation {

struct Pointer {
  unsigned offset;
  // Of what it points to; 1 if that is anything.
  unsigned alignment;
};

// Stands for a field of any type; shows how many a struct has.
struct AnyField {
  template <typename T> operator T() const;
};

template <typename T, size_t... I>
auto has_fields(std::index_sequence<I...>) -> decltype(T{(static_cast<void>(I), AnyField())...}, std::true_type());
template <typename T> std::false_type has_fields(...);

template <typename T, size_t N = 0> constexpr size_t count_fields() {
  if constexpr (decltype(has_fields<T>(std::make_index_sequence<N + 1>()))::value) {
    return count_fields<T, N + 1>();
  } else {
    return N;
  }
}

template <typename T, size_t... I>
unsigned find_pointers(unsigned begin, std::vector<Pointer>* found, std::index_sequence<I...>);

// Initialises one field, and so learns its type; fields come in their order.
struct FieldOf {
  unsigned* end;
  std::vector<Pointer>* found;

  template <typename T> operator T() const {
    unsigned begin = (*end + alignof(T) - 1) / alignof(T) * alignof(T);
    *end = begin + sizeof(T);
    if constexpr (std::is_same_v<T, TensorMap>) {
      found->push_back({begin + static_cast<unsigned>(offsetof(TensorMap, address)), 16});
    } else if constexpr (std::is_pointer_v<T>) {
      typedef std::remove_pointer_t<T> Target;
      if constexpr (std::is_void_v<Target>) {
        found->push_back({begin, 1});
      } else {
        found->push_back({begin, alignof(Target)});
      }
    } else if constexpr (std::is_class_v<T>) {
      find_pointers<T>(begin, found, std::make_index_sequence<count_fields<T>()>());
    }
    return T();
  }
};

// Appends the pointers of a struct that begins at `begin`, a multiple of its alignment; returns where its fields end.
template <typename T, size_t... I>
unsigned find_pointers(unsigned begin, std::vector<Pointer>* found, std::index_sequence<I...>) {
  unsigned end = begin;
  T all{(static_cast<void>(I), FieldOf{&end, found})...};
  static_cast<void>(all);
  return end;
}

// The pointers in a struct of pointers, numbers, arrays of them, and such structs.
template <typename T> std::vector<Pointer> pointers_of() {
  std::vector<Pointer> found;
  unsigned end = find_pointers<T>(0, &found, std::make_index_sequence<count_fields<T>()>());
  if ((end + alignof(T) - 1) / alignof(T) * alignof(T) != sizeof(T)) {
    fprintf(stderr, "emulated CUDA: a struct of arguments has other fields than pointers, numbers and structs\n");
    abort();
  }
  return found;
}

}  // namespace emulation
