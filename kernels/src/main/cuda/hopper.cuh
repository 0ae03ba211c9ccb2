// The instructions that only compute capability 9.0 has: barriers that count bytes, copies of whole boxes, and products
// of a warpgroup, four warps that begin at a multiple of four. Each has a host version in hopper_host.h.
//
// A box is 64 columns of two-byte numbers, 128 bytes, and some rows. In shared memory it begins at a multiple of 1024
// bytes, and the 16-byte chunks of a row change places by the row: chunk c of row r lies at c ^ (r % 8), so that eight
// rows of a column fall into different banks. Products read it in that form.
#pragma once

#include <type_traits>

#include "tensor_core.cuh"

#ifdef __CUDACC__

// What the copy engine knows of a matrix; CUtensorMap, encoded by the host.
struct alignas(64) TensorMap {
  uint64_t opaque[16];
};

// Compiled for other GPUs, a kernel that needs these is there, but must not be launched.
#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define HOPPER 0
#else
#define HOPPER 1
#endif

__device__ __forceinline__ unsigned shared_address(const void* at) {
  return static_cast<unsigned>(__cvta_generic_to_shared(at));
}

// Barriers in shared memory, by their phase: one ends when all arrivals and bytes expected in it are there. A wait for
// parity p returns once the phase of that parity is over; phases begin with parity 0.

__device__ __forceinline__ void barrier_init(uint64_t* barrier, unsigned arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}

// To be called by the thread that made barriers, before a block's barrier shows them to the others.
__device__ __forceinline__ void barriers_made() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

__device__ __forceinline__ void barrier_arrive(uint64_t* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}

// Arrives, and makes this phase wait for that many bytes.
__device__ __forceinline__ void barrier_expect(uint64_t* barrier, unsigned bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes)
               : "memory");
}

__device__ __forceinline__ void barrier_wait(uint64_t* barrier, unsigned parity) {
  asm volatile(
      "{\n"
      ".reg .pred over;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 over, [%0], %1;\n"
      "@!over bra again;\n"
      "}"
      ::"r"(shared_address(barrier)), "r"(parity)
      : "memory");
}

// What a thread has written to shared memory is there for the copy engine and for products, once others know of it.
__device__ __forceinline__ void show_to_products() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// One box of a matrix, which begins at this column and row, on its way to shared memory; its bytes count for the
// barrier. Rows and columns outside of the matrix come as zeros.
__device__ __forceinline__ void copy_box(void* to, const TensorMap* map, int column, int row, uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];"
      ::"r"(shared_address(to)), "l"(map), "r"(shared_address(barrier)), "r"(column), "r"(row)
      : "memory");
}

// The same of one head of one sequence. Channels behind those of the head come as zeros, as do rows of no sequence.
__device__ __forceinline__ void copy_box(void* to, const TensorMap* map, int channel, int head, int row, int sequence,
                                         uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], "
      "[%2];"
      ::"r"(shared_address(to)), "l"(map), "r"(shared_address(barrier)), "r"(channel), "r"(head), "r"(row),
        "r"(sequence)
      : "memory");
}

// Clusters: blocks side by side that run at once and reach each other's shared memory. Each has its own at the same
// addresses, so that what is named by this block's is found in the others.

__device__ __forceinline__ unsigned block_of_cluster() {
  unsigned block;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(block));
  return block;
}

// A barrier of all threads of the cluster.
__device__ __forceinline__ void cluster_sync() {
  asm volatile("barrier.cluster.arrive.release;\nbarrier.cluster.wait.acquire;" ::: "memory");
}

// As barriers_made, before a cluster_sync.
__device__ __forceinline__ void cluster_barriers_made() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

// Arrives at another block's barrier, or at this one's own.
__device__ __forceinline__ void barrier_arrive(uint64_t* barrier, unsigned block) {
  asm volatile(
      "{\n"
      ".reg .b32 there;\n"
      "mapa.shared::cluster.u32 there, %0, %1;\n"
      "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [there];\n"
      "}"
      ::"r"(shared_address(barrier)), "r"(block)
      : "memory");
}

// Stores where another block of the cluster, or this one, has what this one has at `at`. The block must have begun, and
// finds it behind the next cluster_sync.
template <typename T> __device__ __forceinline__ void store_to_block(T* at, unsigned block, const T& x) {
  uint64_t there;
  asm volatile("mapa.u64 %0, %1, %2;" : "=l"(there) : "l"(at), "r"(block));
  *reinterpret_cast<T*>(there) = x;
}

// copy_box into all blocks of the cluster whose bits are set; the bytes count for the barrier of each.
__device__ __forceinline__ void copy_box_to_all(uint16_t blocks, void* to, const TensorMap* map, int column, int row,
                                                uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster "
      "[%0], [%1, {%3, %4}], [%2], %5;"
      ::"r"(shared_address(to)), "l"(map), "r"(shared_address(barrier)), "r"(column), "r"(row), "h"(blocks)
      : "memory");
}

// A warpgroup gives registers away, or waits until it can have as many a thread.
template <int count> __device__ __forceinline__ void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(count));
}

template <int count> __device__ __forceinline__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(count));
}

// Products run on while the warpgroup does other things. What they read and write must stay alone from
// products_begin, before the first of a group, until products_arrived.

// Keeps the compiler from moving accesses to registers over what comes before and after.
template <int N> __device__ __forceinline__ void hold(float (&d)[N][4]) {
#pragma unroll
  for (int n = 0; n < N; n++) {
    asm volatile("" : "+f"(d[n][0]), "+f"(d[n][1]), "+f"(d[n][2]), "+f"(d[n][3])::"memory");
  }
}

template <typename... Sums> __device__ __forceinline__ void products_begin(Sums&... d) {
  (hold(d), ...);
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

// Ends a group of products.
__device__ __forceinline__ void products_sent() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// Waits until at most `pending` groups are under way. Of what is read next, none may be among those they write.
template <int pending, typename... Sums> __device__ __forceinline__ void products_arrived(Sums&... d) {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
  (hold(d), ...);
}

// Boxes as a product sees them: 8 rows of 128 bytes are 1024 bytes apart, and behind `columns_apart` bytes begin the next
// 64 columns, where the columns are not what is summed over.
__device__ __forceinline__ uint64_t box_descriptor(const void* at, unsigned columns_apart) {
  constexpr uint64_t EIGHT_ROWS = 1024 >> 4, SWIZZLE_128_BYTES = 1;
  return (shared_address(at) & 0x3ffff) >> 4 | static_cast<uint64_t>(columns_apart >> 4) << 16 | EIGHT_ROWS << 32 |
         SWIZZLE_128_BYTES << 62;
}

// Registers of a thread's sums, as a product names them and as it is given them, by how many columns it has.
#define REGISTERS_64 \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15" \
  ", %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define REGISTERS_80 REGISTERS_64 \
  ", %32, %33, %34, %35, %36, %37, %38, %39"
#define REGISTERS_128 REGISTERS_80 \
  ", %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55" \
  ", %56, %57, %58, %59, %60, %61, %62, %63"
#define REGISTERS_144 REGISTERS_128 \
  ", %64, %65, %66, %67, %68, %69, %70, %71"
#define REGISTERS_176 REGISTERS_144 \
  ", %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, %83, %84, %85, %86, %87"
#define REGISTERS_208 REGISTERS_176 \
  ", %88, %89, %90, %91, %92, %93, %94, %95, %96, %97, %98, %99, %100, %101, %102, %103"
#define REGISTERS_224 REGISTERS_208 \
  ", %104, %105, %106, %107, %108, %109, %110, %111"
#define REGISTERS_256 REGISTERS_224 \
  ", %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define SUMS_OF(n) "+f"(d[n][0]), "+f"(d[n][1]), "+f"(d[n][2]), "+f"(d[n][3])
#define SUMS_64 \
  SUMS_OF(0), SUMS_OF(1), SUMS_OF(2), SUMS_OF(3), SUMS_OF(4), SUMS_OF(5), SUMS_OF(6), SUMS_OF(7)
#define SUMS_80 \
  SUMS_64, SUMS_OF(8), SUMS_OF(9)
#define SUMS_128 \
  SUMS_80, SUMS_OF(10), SUMS_OF(11), SUMS_OF(12), SUMS_OF(13), SUMS_OF(14), SUMS_OF(15)
#define SUMS_144 \
  SUMS_128, SUMS_OF(16), SUMS_OF(17)
#define SUMS_176 \
  SUMS_144, SUMS_OF(18), SUMS_OF(19), SUMS_OF(20), SUMS_OF(21)
#define SUMS_208 \
  SUMS_176, SUMS_OF(22), SUMS_OF(23), SUMS_OF(24), SUMS_OF(25)
#define SUMS_224 \
  SUMS_208, SUMS_OF(26), SUMS_OF(27)
#define SUMS_256 \
  SUMS_224, SUMS_OF(28), SUMS_OF(29), SUMS_OF(30), SUMS_OF(31)

// d (64×columns) = a (64×16) · bᵀ, b (columns×16), or d += that. Each row of a and b is 32 bytes of a row of its box; `a`
// and `b` point there in the first row, and b may be of several boxes that lie behind each other. Warp w of the
// warpgroup has rows 16w to 16w + 15 of d, as in tensor_core.cuh: d[n] is columns 8n to 8n + 7.
#define MULTIPLY_ROWS(columns, type, a_operand, b_operand, add_operand)                                                \
  asm volatile(                                                                                                      \
      "{\n"                                                                                                          \
      ".reg .pred add;\n"                                                                                            \
      "setp.ne.b32 add, " add_operand ", 0;\n"                                                                       \
      "wgmma.mma_async.sync.aligned.m64n" #columns "k16.f32." type "." type " {" REGISTERS_##columns "}, " a_operand \
      ", " b_operand ", add, 1, 1, 0, 0;\n"                                                                          \
      "}"                                                                                                            \
      : SUMS_##columns                                                                                               \
      : "l"(box_descriptor(a, 0)), "l"(box_descriptor(b, 0)), "r"(static_cast<int>(add)))
#define MULTIPLY_ROWS_OF(columns, a_operand, b_operand, add_operand)                                                  \
  template <typename T>                                                                                              \
  __device__ __forceinline__ void multiply_rows(float (&d)[columns / 8][4], const void* a, const void* b, bool add) {  \
    if constexpr (std::is_same_v<T, bfloat16>) {                                                                     \
      MULTIPLY_ROWS(columns, "bf16", a_operand, b_operand, add_operand);                                             \
    } else {                                                                                                         \
      MULTIPLY_ROWS(columns, "f16", a_operand, b_operand, add_operand);                                              \
    }                                                                                                                \
  }
MULTIPLY_ROWS_OF(80, "%40", "%41", "%42")
MULTIPLY_ROWS_OF(128, "%64", "%65", "%66")
MULTIPLY_ROWS_OF(144, "%72", "%73", "%74")
MULTIPLY_ROWS_OF(176, "%88", "%89", "%90")
MULTIPLY_ROWS_OF(208, "%104", "%105", "%106")
MULTIPLY_ROWS_OF(224, "%112", "%113", "%114")
MULTIPLY_ROWS_OF(256, "%128", "%129", "%130")
#undef MULTIPLY_ROWS
#undef MULTIPLY_ROWS_OF

// d (64×columns) += a (64×16) · b (16×columns). `a` is in registers, as in tensor_core.cuh; b is 16 rows of as many boxes
// of 64 columns, the second `columns_apart` bytes behind the first, and `b` points to the first of them.
#define MULTIPLY_COLUMNS(columns, type, a_operands, b_operand, add_operand)                                           \
  asm volatile(                                                                                                      \
      "{\n"                                                                                                          \
      ".reg .pred add;\n"                                                                                            \
      "setp.ne.b32 add, " add_operand ", 0;\n"                                                                       \
      "wgmma.mma_async.sync.aligned.m64n" #columns "k16.f32." type "." type " {" REGISTERS_##columns "}, {" a_operands \
      "}, " b_operand ", add, 1, 1, 1;\n"                                                                            \
      "}"                                                                                                            \
      : SUMS_##columns                                                                                               \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(box_descriptor(b, columns_apart)), "r"(1))
#define MULTIPLY_COLUMNS_OF(columns, a_operands, b_operand, add_operand)                                              \
  template <typename T>                                                                                              \
  __device__ __forceinline__ void multiply_columns(float (&d)[columns / 8][4], const unsigned (&a)[4], const void* b, \
                                                   unsigned columns_apart) {                                          \
    if constexpr (std::is_same_v<T, bfloat16>) {                                                                     \
      MULTIPLY_COLUMNS(columns, "bf16", a_operands, b_operand, add_operand);                                         \
    } else {                                                                                                         \
      MULTIPLY_COLUMNS(columns, "f16", a_operands, b_operand, add_operand);                                          \
    }                                                                                                                \
  }
MULTIPLY_COLUMNS_OF(64, "%32, %33, %34, %35", "%36", "%37")
MULTIPLY_COLUMNS_OF(128, "%64, %65, %66, %67", "%68", "%69")
#undef MULTIPLY_COLUMNS
#undef MULTIPLY_COLUMNS_OF

#undef REGISTERS_64
#undef REGISTERS_80
#undef REGISTERS_128
#undef REGISTERS_144
#undef REGISTERS_176
#undef REGISTERS_208
#undef REGISTERS_224
#undef REGISTERS_256
#undef SUMS_OF
#undef SUMS_64
#undef SUMS_80
#undef SUMS_128
#undef SUMS_144
#undef SUMS_176
#undef SUMS_208
#undef SUMS_224
#undef SUMS_256

#else
#define HOPPER 1
#include "hopper_host.h"
#endif

// A block of three warpgroups: one thread of the first does all copies, the other two all products.
namespace hopper {

constexpr int GROUP = 128;  // threads of a warpgroup
constexpr int GROUP_WARPS = GROUP / WARP;
constexpr int GROUP_ROWS = 64;  // of a product
constexpr int CONSUMERS = 2;
constexpr int THREADS = (1 + CONSUMERS) * GROUP;
constexpr int ROWS = CONSUMERS * GROUP_ROWS;

constexpr int BOX_COLUMNS = 64;
constexpr int ROW_BYTES = BOX_COLUMNS * 2;
constexpr int BOX_ROWS = 128;
constexpr int BOX = BOX_ROWS * ROW_BYTES;
constexpr int BOX_ALIGNMENT = 1024;

// Registers a thread; together no more than the 168 that 384 threads can have each.
constexpr int PRODUCER_REGISTERS = 40;
constexpr int CONSUMER_REGISTERS = 232;

// Where boxes can begin in the block's shared memory, at most BOX_ALIGNMENT bytes behind its beginning.
__device__ __forceinline__ unsigned char* first_box() {
  unsigned char* begin = shared_memory();
  return begin + (BOX_ALIGNMENT - reinterpret_cast<uintptr_t>(begin) % BOX_ALIGNMENT) % BOX_ALIGNMENT;
}

// This thread's warpgroup among the consumers, and its first row of two, eight apart, among the group's.
__device__ __forceinline__ int consumer() { return static_cast<int>(threadIdx.x) / GROUP - 1; }
__device__ __forceinline__ int row_of_lane() {
  return static_cast<int>(threadIdx.x) % GROUP / WARP * 16 + static_cast<int>(threadIdx.x) % WARP / 4;
}

// A barrier that consumers release has an arrival of each of their warps.
constexpr unsigned RELEASES = CONSUMERS * GROUP_WARPS;
__device__ __forceinline__ void release(uint64_t* barrier) {
  if (threadIdx.x % WARP == 0) barrier_arrive(barrier);
}

// Stages in shared memory, which the producer fills and consumers free one after the other, round and round. Each role
// has a copy of its own, which says how far it is.
template <int BYTES, int COUNT> struct Stages {
  static constexpr int SHARED_BYTES = BOX_ALIGNMENT + COUNT * (BYTES + 2 * static_cast<int>(sizeof(uint64_t)));

  unsigned char* begin;
  int now = 0;
  unsigned parity = 0;

  __device__ __forceinline__ Stages() : begin(first_box()) {}

  __device__ __forceinline__ unsigned char* at() const { return begin + now * BYTES; }

  // Of a stage: that all its bytes are there, and that all consumers have released it.
  __device__ __forceinline__ uint64_t* there(int stage) const {
    return reinterpret_cast<uint64_t*>(begin + COUNT * BYTES) + stage;
  }
  __device__ __forceinline__ uint64_t* free(int stage) const { return there(COUNT + stage); }

  // One thread makes the barriers, before the others see them.
  __device__ __forceinline__ void make(unsigned releases) const {
    for (int s = 0; s < COUNT; s++) {
      barrier_init(there(s), 1);
      barrier_init(free(s), releases);
    }
  }

  // Waits until the producer may fill this stage, and announces its bytes to the barrier that is given back.
  __device__ __forceinline__ uint64_t* fill() const {
    // A barrier's first phase is that of its first use, so the phase before counts as over.
    barrier_wait(free(now), parity ^ 1);
    barrier_expect(there(now), BYTES);
    return there(now);
  }

  __device__ __forceinline__ void await() const { barrier_wait(there(now), parity); }

  __device__ __forceinline__ void next() {
    if (++now == COUNT) {
      now = 0;
      parity ^= 1;
    }
  }
};

// Runs both roles; `produce` in one thread.
template <typename Produce, typename Consume>
__device__ __forceinline__ void share_out(Produce produce, Consume consume) {
  if (threadIdx.x < GROUP) {
    give_registers<PRODUCER_REGISTERS>();
    if (threadIdx.x == 0) produce();
  } else {
    take_registers<CONSUMER_REGISTERS>();
    consume();
  }
}

}  // namespace hopper
