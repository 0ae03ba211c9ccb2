// Attention of a few rows on compute capability 9.0: the keys that a row sees are split over the blocks of a cluster,
// whose warps leave their partial softmaxes in each other's shared memory. attention_decode.cu does the same through
// global memory, with a counter and fences, where keys want more blocks than a cluster has.
//
// Nothing but memory should be waited for, so:
//   - Keys and values go from global memory into registers, of which a block has more than shared memory. Warps share
//     nothing until their keys are done, so the loop has no barrier. 16 lanes have a key of 128 channels, 8 each.
//   - Which keys a slot of lanes has doesn't depend on how many there are: slot s of all S of a cluster has keys s, s + S
//     and so on. So the first of them are asked for before the row's last key is known; what lies behind it counts as
//     nothing when it comes.
//   - Queries are turned while keys are on their way.
//   - All warps of the cluster push what they have to the block that adds it up: each block has some chunks of the
//     output's channels. One barrier of the cluster lies between, and no block reads from another, so all may end.
//
// The last key that a row sees is one of the cluster's first slot. In a decode step it is the row's own, turned and stored
// by the block that has the slot; no other reads it where it is stored.
#include "attention.cuh"
#include "hopper.cuh"
#include "rotary.cuh"

template <typename T> struct ClusterAttention {
  int lanes;  // log2 of how many have a key: at least size / 8
  Attention<T> attention;
};

// As DecodeStep, of one row.
template <typename T> struct ClusterStep {
  ClusterAttention<T> cluster;
  T* keys;
  T* values;
  RotaryTable table;
};

namespace attention::cluster {

constexpr int THREADS = 256;
constexpr int WARPS = THREADS / WARP;

// Heads of a key/value head that share what is read; further ones read it again.
constexpr int MOST_HEADS = 4;

// How many blocks a multiprocessor has registers for. Two, so that clusters which don't fit into a group of
// multiprocessors a block each needn't wait; sums of four heads leave no room for that.
template <int HEADS> constexpr int BLOCKS_EACH = HEADS == 1 ? 2 : 1;

// Keys of a slot that are asked for together. Two such batches are under way: 64 KiB a block, where 20 KiB a
// multiprocessor keep memory busy.
constexpr int DEPTH = 4;

constexpr int CHANNELS = 8;
typedef Pack<unsigned, 4> Chunk;  // as many numbers of two bytes
typedef Pack<float, 4> Quad;

// A chunk from global memory, or zeros. Asked for here and nowhere later, and without a branch.
__device__ __forceinline__ Chunk load_if(bool wanted, const void* from) {
#ifdef __CUDACC__
  Chunk loaded;
  asm volatile(
      "{\n"
      ".reg .pred wanted;\n"
      "setp.ne.b32 wanted, %5, 0;\n"
      "mov.b32 %0, 0;\nmov.b32 %1, 0;\nmov.b32 %2, 0;\nmov.b32 %3, 0;\n"
      "@wanted ld.global.v4.b32 {%0, %1, %2, %3}, [%4];\n"
      "}"
      : "=&r"(loaded.at[0]), "=&r"(loaded.at[1]), "=&r"(loaded.at[2]), "=&r"(loaded.at[3])
      : "l"(from), "r"(static_cast<int>(wanted))
      : "memory");
  return loaded;
#else
  return wanted ? *static_cast<const Chunk*>(from) : Chunk{};
#endif
}

template <typename T> __device__ __forceinline__ void unpack(const Chunk& chunk, float (&to)[CHANNELS]) {
  T numbers[CHANNELS];
  memcpy(numbers, &chunk, sizeof(Chunk));
#pragma unroll
  for (int e = 0; e < CHANNELS; e++) to[e] = widen(numbers[e]);
}

// Which block this is of how many, and what of the heads it has.
template <int BLOCKS, int HEADS> struct Part {
  int rank, row, kv_head, first_head, heads, chunks;
  bool first_of_head;  // not a cluster that reads the same keys once more

  template <typename T> __device__ __forceinline__ explicit Part(const Attention<T>& a)
      : rank(static_cast<int>(block_of_cluster())), row(blockIdx.z), chunks(a.size / CHANNELS) {
    if (HEADS == 1) {
      kv_head = first_head = blockIdx.y;
      heads = 1;
      first_of_head = true;
    } else {
      int group = a.heads / a.kv_heads, clusters = ceil_div(group, MOST_HEADS);
      kv_head = blockIdx.y / clusters;
      int first = blockIdx.y % clusters * MOST_HEADS;
      first_head = kv_head * group + first;
      heads = min(MOST_HEADS, group - first);
      first_of_head = first == 0;
    }
  }
};

// The block's shared memory.
template <typename T, int BLOCKS, int HEADS> struct Shared {
  static constexpr int PARTIALS = BLOCKS * WARPS;

  T* last_key;       // (size)
  T* last_value;     // (size)
  float* queries;    // (HEADS, size)
  Quad* sums;        // (chunks of this block, 2, PARTIALS), by weight, under the partial's level
  Pack<float, 2>* totals;  // (heads, PARTIALS): the level, and the sum of weights

  __device__ __forceinline__ Shared(int heads, int size, int chunks) {
    last_key = reinterpret_cast<T*>(shared_memory());
    last_value = last_key + size;
    queries = reinterpret_cast<float*>(last_value + size);
    sums = reinterpret_cast<Quad*>(queries + HEADS * size);
    totals = reinterpret_cast<Pack<float, 2>*>(sums + ceil_div(heads * chunks, BLOCKS) * 2 * PARTIALS);
  }
};

// Where a thread's keys are.
template <typename T> struct Slot {
  const Attention<T>& a;
  int64_t begin;  // of the first's chunk, in keys and values
  int step;       // numbers from a key to the slot's next
  int first, apart;
  bool there;  // lanes that have a chunk

  __device__ __forceinline__ Slot(const Attention<T>& of, int kv_head, int rank, int blocks, int lanes) : a(of) {
    int chunk = threadIdx.x % (1 << lanes);
    first = (rank * THREADS + static_cast<int>(threadIdx.x)) >> lanes;
    apart = (blocks * THREADS) >> lanes;
    there = chunk * CHANNELS < a.size;
    begin = static_cast<int64_t>(first) * a.kv_columns + kv_head * a.size + chunk * CHANNELS;
    step = apart * a.kv_columns;
  }

  // Of key number `at`; zeros from `end` on.
  __device__ __forceinline__ Chunk load(const T* from, int at, int end) const {
    return load_if(there && first + at * apart < end, from + (begin + static_cast<int64_t>(at) * step));
  }
};

struct Batch {
  Chunk keys[DEPTH], values[DEPTH];

  // The slot's keys from its number `at` on, as far as they come before `end`.
  template <typename T> __device__ __forceinline__ void load(const Slot<T>& slot, int at, int end) {
#pragma unroll
    for (int d = 0; d < DEPTH; d++) keys[d] = slot.load(slot.a.keys, at + d, end);
#pragma unroll
    for (int d = 0; d < DEPTH; d++) values[d] = slot.load(slot.a.values, at + d, end);
  }
};

// A running softmax of some heads: all lanes of a slot have its level and total, and each its channels of the sums.
template <typename T, int HEADS> struct Running {
  const float* shared_queries;  // lanes without channels have the first: what they multiply is zero
  float query[CHANNELS];        // of one head; registers have no room for more
  float highest[HEADS], total[HEADS], sums[HEADS][CHANNELS];
  int size, lanes;

  __device__ __forceinline__ Running(const float* queries, int size_of_head, int lanes_of_slot)
      : size(size_of_head), lanes(lanes_of_slot) {
    int channel = threadIdx.x % (1 << lanes) * CHANNELS;
    shared_queries = queries + (channel < size ? channel : 0);
    if (HEADS == 1) load_query(0, query);
#pragma unroll
    for (int h = 0; h < HEADS; h++) {
      highest[h] = -INFINITY;
      total[h] = 0;
#pragma unroll
      for (int e = 0; e < CHANNELS; e++) sums[h][e] = 0;
    }
  }

  __device__ __forceinline__ void load_query(int head, float (&to)[CHANNELS]) const {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      Quad four = reinterpret_cast<const Quad*>(shared_queries + head * size)[half];
#pragma unroll
      for (int e = 0; e < 4; e++) to[4 * half + e] = four.at[e];
    }
  }

  // Whole warps call it; `sees` says which of its keys a slot has.
  template <int COUNT, typename Sees>
  __device__ __forceinline__ void attend(const Chunk (&keys)[COUNT], const Chunk (&values)[COUNT], float scale, Sees sees) {
    float products[HEADS][COUNT], k[COUNT][CHANNELS];
#pragma unroll
    for (int d = 0; d < COUNT; d++) unpack<T>(keys[d], k[d]);
#pragma unroll
    for (int h = 0; h < HEADS; h++) {
      float q[CHANNELS];
      if (HEADS == 1) {
        memcpy(q, query, sizeof(q));
      } else {
        load_query(h, q);
      }
#pragma unroll
      for (int d = 0; d < COUNT; d++) {
        // Two chains, half as long.
        float even = 0, odd = 0;
#pragma unroll
        for (int e = 0; e < CHANNELS; e += 2) {
          even = fmaf(q[e], k[d][e], even);
          odd = fmaf(q[e + 1], k[d][e + 1], odd);
        }
        products[h][d] = even + odd;
      }
    }
#pragma unroll
    for (int bit = 0; bit < 5; bit++) {
      if (bit >= lanes) break;
#pragma unroll
      for (int h = 0; h < HEADS; h++) {
#pragma unroll
        for (int d = 0; d < COUNT; d++) products[h][d] += __shfl_xor_sync(ALL_LANES, products[h][d], 1 << bit);
      }
    }
#pragma unroll
    for (int h = 0; h < HEADS; h++) {
      float most = -INFINITY;
#pragma unroll
      for (int d = 0; d < COUNT; d++) {
        if (!sees(d)) products[h][d] = -INFINITY;
        most = fmaxf(most, products[h][d]);
      }
      float higher = fmaxf(highest[h], level(most, scale));
      float rescale = correction(highest[h], higher);
      highest[h] = higher;
      total[h] *= rescale;
#pragma unroll
      for (int e = 0; e < CHANNELS; e++) sums[h][e] *= rescale;
#pragma unroll
      for (int d = 0; d < COUNT; d++) {
        products[h][d] = weight(products[h][d], scale, higher);
        total[h] += products[h][d];
      }
    }
#pragma unroll
    for (int d = 0; d < COUNT; d++) {
      // What lies behind the last key may be anything, NaN too.
      Chunk seen;
#pragma unroll
      for (int i = 0; i < 4; i++) seen.at[i] = sees(d) ? values[d].at[i] : 0;
      float v[CHANNELS];
      unpack<T>(seen, v);
#pragma unroll
      for (int h = 0; h < HEADS; h++) {
#pragma unroll
        for (int e = 0; e < CHANNELS; e++) sums[h][e] = fmaf(products[h][d], v[e], sums[h][e]);
      }
    }
  }

  // All slots of a warp together. Rounded by name, so that all come to the same bits.
  __device__ __forceinline__ void join_slots() {
    for (int bit = 1 << lanes; bit < WARP; bit *= 2) {
#pragma unroll
      for (int h = 0; h < HEADS; h++) {
        float other = __shfl_xor_sync(ALL_LANES, highest[h], bit);
        float higher = fmaxf(highest[h], other);
        float own_share = correction(highest[h], higher), other_share = correction(other, higher);
        auto join = [&](float x) {
          float theirs = __shfl_xor_sync(ALL_LANES, x, bit);
          return __fadd_rn(__fmul_rn(x, own_share), __fmul_rn(theirs, other_share));
        };
        highest[h] = higher;
        total[h] = join(total[h]);
#pragma unroll
        for (int e = 0; e < CHANNELS; e++) sums[h][e] = join(sums[h][e]);
      }
    }
  }
};

// Keys that are all in the cache, and queries that are as they should be.
template <typename T> struct Cached {
  const Attention<T>& a;

  template <typename P, typename S> __device__ __forceinline__ void prepare(const P& part, const S& shared, int last) const {
    const T* q = a.q + static_cast<int64_t>(part.row) * a.q_columns + part.first_head * a.size;
    for (int i = threadIdx.x; i < part.heads * a.size; i += THREADS) shared.queries[i] = widen(q[i]);
    if (part.rank != 0 || last < 0) return;
    int64_t at = static_cast<int64_t>(last) * a.kv_columns + part.kv_head * a.size;
    for (int c = threadIdx.x; c < a.size; c += THREADS) {
      shared.last_key[c] = a.keys[at + c];
      shared.last_value[c] = a.values[at + c];
    }
  }
};

// A row whose queries are to be turned, and whose own key is to be turned and stored.
template <typename T> struct Fresh {
  const ClusterStep<T>& step;
  int position;

  template <typename P, typename S> __device__ __forceinline__ void prepare(const P& part, const S& shared, int last) const {
    const Attention<T>& a = step.cluster.attention;
    int size = a.size, half = size / 2;
    const T* x = a.q + static_cast<int64_t>(part.row) * a.q_columns;
    bool has_own = part.rank == 0 && last >= 0, stores = has_own && part.first_of_head;
    int64_t to = static_cast<int64_t>(last) * a.kv_columns + part.kv_head * size;
    for (int i = threadIdx.x; i < (part.heads + (has_own ? 1 : 0)) * half; i += THREADS) {
      int head = i / half, pair = i % half;
      bool is_key = head == part.heads;
      const T* from = x + (is_key ? a.heads + part.kv_head : part.first_head + head) * size + pair;
      float low = widen(from[0]), high = widen(from[half]);
      float cos = rotary::entries<1>(step.table.cos, step.table.rows, half, position, pair).at[0];
      float sin = rotary::entries<1>(step.table.sin, step.table.rows, half, position, pair).at[0];
      T turned_low = narrow<T>(rotary::turned(low, -high, cos, sin));
      T turned_high = narrow<T>(rotary::turned(high, low, cos, sin));
      if (is_key) {
        shared.last_key[pair] = turned_low;
        shared.last_key[pair + half] = turned_high;
        if (stores) {
          step.keys[to + pair] = turned_low;
          step.keys[to + pair + half] = turned_high;
        }
      } else {
        shared.queries[head * size + pair] = widen(turned_low);
        shared.queries[head * size + pair + half] = widen(turned_high);
      }
    }
    if (!has_own) return;
    const T* value = x + (a.heads + a.kv_heads + part.kv_head) * size;
    for (int c = threadIdx.x; c < size; c += THREADS) {
      shared.last_value[c] = value[c];
      if (stores) step.values[to + c] = value[c];
    }
  }
};

// What a block has of the output: its chunks' partials under one level, divided by all weights together. A warp a chunk.
template <typename T, int BLOCKS, int HEADS>
__device__ __forceinline__ void add_up(const Attention<T>& a, const Part<BLOCKS, HEADS>& part,
                                       const Shared<T, BLOCKS, HEADS>& shared) {
  constexpr int PARTIALS = BLOCKS * WARPS, EACH = ceil_div(PARTIALS, WARP);
  int lane = threadIdx.x % WARP;
  for (int place = threadIdx.x / WARP; place * BLOCKS + part.rank < part.heads * part.chunks; place += WARPS) {
    int index = place * BLOCKS + part.rank;
    int h = index / part.chunks, chunk = index % part.chunks;
    float levels[EACH], totals[EACH], highest = -INFINITY;
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      int p = i * WARP + lane;
      bool there = p < PARTIALS;
      levels[i] = there ? shared.totals[h * PARTIALS + p].at[0] : -INFINITY;
      totals[i] = there ? shared.totals[h * PARTIALS + p].at[1] : 0.0f;
      highest = fmaxf(highest, levels[i]);
    }
    highest = warp_max(highest);
    float total = 0, sums[CHANNELS] = {};
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      int p = i * WARP + lane;
      if (p >= PARTIALS) continue;
      float share = correction(levels[i], highest);
      total = fmaf(totals[i], share, total);
#pragma unroll
      for (int half = 0; half < 2; half++) {
        Quad four = shared.sums[(place * 2 + half) * PARTIALS + p];
#pragma unroll
        for (int e = 0; e < 4; e++) sums[4 * half + e] = fmaf(four.at[e], share, sums[4 * half + e]);
      }
    }
    total = warp_sum(total);
    T* out = a.out + (static_cast<int64_t>(part.row) * a.heads + part.first_head + h) * a.size + chunk * CHANNELS;
    Pack<T, CHANNELS> numbers;
#pragma unroll
    for (int e = 0; e < CHANNELS; e++) numbers.at[e] = narrow<T>(warp_sum(sums[e]) / total);
    if (lane == 0) packs::store(out, numbers);
  }
}

template <typename T, int BLOCKS, int HEADS, typename Source>
__device__ __forceinline__ void run(const ClusterAttention<T>& cluster, const Source& source) {
  const Attention<T>& a = cluster.attention;
  constexpr int PARTIALS = BLOCKS * WARPS;
  Part<BLOCKS, HEADS> part(a);
  Slot<T> slot(a, part.kv_head, part.rank, BLOCKS, cluster.lanes);
  int last = attention::visible(a, part.row) - 1;
  Batch one, other;
  one.load(slot, 0, a.key_count);
  other.load(slot, DEPTH, last);

  Shared<T, BLOCKS, HEADS> shared(part.heads, a.size, part.chunks);
  source.prepare(part, shared, last);
  // Queries are there for the block, and all blocks have begun, so their shared memory may be written.
  cluster_sync();
  Running<T, HEADS> running(shared.queries, a.size, cluster.lanes);
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, chunk = lane % (1 << cluster.lanes);
  if (part.rank == 0 && warp == 0 && last >= 0) {
    Chunk key[1] = {}, value[1] = {};
    if (slot.there) {
      key[0] = reinterpret_cast<const Chunk*>(shared.last_key)[chunk];
      value[0] = reinterpret_cast<const Chunk*>(shared.last_value)[chunk];
    }
    running.attend(key, value, a.scale, [&](int) { return slot.first == 0; });
  }
  // The warp's first slot has the lowest keys, so none of the others has any when that has none.
  int lowest = (part.rank * THREADS + warp * WARP) >> cluster.lanes;
  auto attend = [&](const Batch& batch, int at) {
    running.attend(batch.keys, batch.values, a.scale, [&](int d) { return slot.first + (at + d) * slot.apart < last; });
  };
  for (int at = 0; lowest + at * slot.apart < last; at += 2 * DEPTH) {
    attend(one, at);
    one.load(slot, at + 2 * DEPTH, last);
    if (lowest + (at + DEPTH) * slot.apart < last) attend(other, at + DEPTH);
    other.load(slot, at + 3 * DEPTH, last);
  }
  running.join_slots();

  int partial = part.rank * WARPS + warp;
#pragma unroll
  for (int h = 0; h < HEADS; h++) {
    if (h >= part.heads) break;
    if (lane < part.chunks) {
      int index = h * part.chunks + chunk;
      Quad* to = shared.sums + index / BLOCKS * 2 * PARTIALS + partial;
#pragma unroll
      for (int half = 0; half < 2; half++) {
        Quad four;
        for (int e = 0; e < 4; e++) four.at[e] = running.sums[h][4 * half + e];
        store_to_block(to + half * PARTIALS, index % BLOCKS, four);
      }
    }
    if (lane < BLOCKS) {
      Pack<float, 2> level_and_total{{running.highest[h], running.total[h]}};
      store_to_block(shared.totals + h * PARTIALS + partial, lane, level_and_total);
    }
  }
  cluster_sync();
  add_up(a, part, shared);
}

}  // namespace attention::cluster

template <int BLOCKS, int HEADS, typename T> __device__ void attention_decode_cluster(const ClusterAttention<T>& c) {
#if HOPPER
  attention::cluster::run<T, BLOCKS, HEADS>(c, attention::cluster::Cached<T>{c.attention});
#endif
}

template <int BLOCKS, int HEADS, typename T> __device__ void attention_decode_step_cluster(const ClusterStep<T>& s) {
#if HOPPER
  int position = s.table.positions[blockIdx.z];
  attention::cluster::run<T, BLOCKS, HEADS>(s.cluster, attention::cluster::Fresh<T>{s, position});
#endif
}

#define EXPORT_OF(name, kernel, Arguments, blocks, heads, type)                                          \
  EXPORT_CLUSTERS(name##_##type, (kernel<blocks, heads>), Arguments<type>, attention::cluster::THREADS, blocks, \
                  attention::cluster::BLOCKS_EACH<heads>)
#define EXPORT_CLUSTER(kernel, Arguments, blocks)                              \
  EXPORT_OF(kernel##_##blocks, kernel, Arguments, blocks, 1, float16)          \
  EXPORT_OF(kernel##_##blocks, kernel, Arguments, blocks, 1, bfloat16)         \
  EXPORT_OF(kernel##_##blocks##_grouped, kernel, Arguments, blocks, 4, float16) \
  EXPORT_OF(kernel##_##blocks##_grouped, kernel, Arguments, blocks, 4, bfloat16)
EXPORT_CLUSTER(attention_decode_cluster, ClusterAttention, 2)
EXPORT_CLUSTER(attention_decode_cluster, ClusterAttention, 4)
EXPORT_CLUSTER(attention_decode_cluster, ClusterAttention, 8)
EXPORT_CLUSTER(attention_decode_step_cluster, ClusterStep, 2)
EXPORT_CLUSTER(attention_decode_step_cluster, ClusterStep, 4)
EXPORT_CLUSTER(attention_decode_step_cluster, ClusterStep, 8)
#undef EXPORT_CLUSTER
#undef EXPORT_OF

// Launch:
//   grid     (blocks of a cluster, kv_heads · ceil(heads / kv_heads / 4), rows)
//   threads  256
//   shared   with H = 1 or, if grouped, 4 and h = min(H, heads / kv_heads): 4 · size bytes, H · size floats,
//            ceil(h · size / 8 / blocks) · 16 · blocks Quads, h · 16 · blocks floats
