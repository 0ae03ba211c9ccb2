// CUDA for the host: enough of it that the kernels in src/main/cuda compile unchanged with a C++ compiler and run.
//
// Blocks run one after another in random order, those of a cluster at once. Each thread of a block is a fiber that runs
// until it meets a barrier, a warp-wide operation or an atomic; which fiber goes on is drawn at random, from a seed, so
// that code which lacks a barrier, or whose threads race, gives other results for other seeds. Shared memory begins as
// NaN in every block.
// An asynchronous copy or product is done at once, when it is waited for, or in between, as the seed has it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>

#include "arguments.h"

using std::max;
using std::min;

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __grid_constant__
#define __align__(n) alignas(n)

[[noreturn]] inline void __trap() { __builtin_trap(); }

struct uint2 { unsigned x, y; };
struct uint4 { unsigned x, y, z, w; };
struct float2 { float x, y; };
struct float4 { float x, y, z, w; };

namespace emulation {

struct Place { unsigned x, y, z; };

// Which thread of its block a fiber is, and which block of its cluster that is; warps are numbered over the cluster.
struct Thread {
  Place index, block;
  unsigned rank, warp, lane;
};

// The running thread and what is around it.
struct Scene {
  Thread* thread;
  Place block_size, grid_size;
};

extern Scene scene __attribute__((visibility("hidden")));

constexpr int LANES = 32;

// What a warp does together, once all lanes of `mask` are there: in and out hold one pointer a lane, of no meaning
// for lanes outside of it; `what` is that of the last lane to come. Lanes that exited or never come are an error.
typedef void (*Together)(const void* const* in, void* const* out, unsigned mask, const void* what);
void together(unsigned mask, const void* in, void* out, Together work, const void* what);

// A barrier of the block; where it stands, so that threads that meet at different ones are found.
void barrier(const char* file, int line);

// A barrier of all threads of the cluster that have not ended.
void cluster_barrier();

// Lets other fibers run, sometimes.
void perhaps_yield();

unsigned char* shared_memory();

// End the launch with an error unless the address is a multiple of `bytes`, or that many bytes lie in shared memory.
void require_aligned(const void* address, unsigned bytes);
void require_shared(const void* address, unsigned bytes);

// Bytes, a power of two, to where another block of the cluster has what this one has at `at`.
void store_to_block(void* at, unsigned rank, const void* from, unsigned bytes);

void copy_async(void* shared, const void* global, bool inside);
void copies_sent();
void copies_arrived(int pending);

// Work of the running thread's warp that is done now or later, in its order, but no later than it is waited for.
void later(std::function<void()> work);
void later_sent();
void later_arrived(int pending);

// Barriers in shared memory that count arrivals and bytes (mbarrier). An arrival may announce bytes. A wait returns once
// the phase of that parity is over.
void count_barrier_init(uint64_t* barrier, unsigned arrivals);
void count_barrier_arrive(uint64_t* barrier, unsigned bytes);
// The same at another block of the cluster, whose barrier lies where this one does.
void count_barrier_arrive_at(uint64_t* barrier, unsigned rank);
void count_barrier_wait(uint64_t* barrier, unsigned parity);

// A box of 128-byte rows into shared memory, now or later; its bytes count for the barrier. `at` has as many numbers as
// the map has dimensions. The block's own memory, or that of all blocks of the cluster whose bits are set.
void send_box(void* to, const TensorMap* map, unsigned dimensions, const int* at, uint64_t* barrier);
void send_box_to(unsigned ranks, void* to, const TensorMap* map, unsigned dimensions, const int* at, uint64_t* barrier);

// Kernels by name, with the function that calls one with its struct of arguments.
typedef void (*Entry)(const void* arguments);
struct Registration {
  Registration(const char* name, Entry entry, unsigned argument_bytes, std::vector<Pointer> pointers,
               unsigned max_threads, unsigned cluster_blocks);
};

struct Launch {
  Place grid, block;
  unsigned shared_bytes;
};

// The kernel of that name, or null.
const struct Kernel* find(const char* name);
unsigned argument_bytes(const Kernel* kernel);
const std::vector<Pointer>& pointers(const Kernel* kernel);
// The most threads a block of it may have, as it was compiled.
unsigned max_threads(const Kernel* kernel);
// How many blocks side by side are a cluster.
unsigned cluster_blocks(const Kernel* kernel);

// Runs a kernel to its end. Returns null, or what it did that no GPU would let pass (a barrier not all threads reach, a
// write behind its shared memory).
const char* run(const Kernel* kernel, const Launch& launch, const void* arguments);

// Where random scheduling starts for the launches to come.
void seed(uint64_t seed);

}  // namespace emulation

#define threadIdx (emulation::scene.thread->index)
#define blockIdx (emulation::scene.thread->block)
#define blockDim (emulation::scene.block_size)
#define gridDim (emulation::scene.grid_size)

#define REGISTER(name, Arguments, threads, cluster_blocks)                                            \
  static emulation::Registration registration_of_##name(                                             \
      #name, [](const void* a) { name(*static_cast<const Arguments*>(a)); }, sizeof(Arguments), \
      emulation::pointers_of<Arguments>(), threads, cluster_blocks);

#include "numbers.h"
#include "tensor_core_host.h"
#include "threads.h"
