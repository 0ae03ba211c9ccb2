// The scheduler behind emulation.h.
#include "emulation.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "block_memory.h"
#include "boxes.h"
#include "copies.h"
#include "deferred.h"
#include "fiber.h"

namespace emulation {

struct Kernel {
  Entry entry;
  unsigned argument_bytes;
  std::vector<Pointer> pointers;
  unsigned max_threads;
  unsigned cluster_blocks;
};

Scene scene;

namespace {

// What touches only the scheduler's own, at every switch: sanitizers would take half of their time here.
#define SCHEDULES __attribute__((no_sanitize("address", "undefined")))

constexpr unsigned MAX_WARPS = 64;  // of all blocks of a cluster
constexpr unsigned MAX_CLUSTER_BLOCKS = 8;

struct alignas(64) Fiber : Strand {
  Thread thread;
  Copies copies;
};

// Up to 64 numbers, from which any can be taken.
struct Bag {
  unsigned count = 0;
  unsigned char items[64];

  SCHEDULES void add_all(unsigned bits) {
    if (bits == 0xffffffffu) {
      for (unsigned i = 0; i < 32; i++) items[i] = static_cast<unsigned char>(i);
      count = 32;
      return;
    }
    for (; bits != 0; bits &= bits - 1) items[count++] = static_cast<unsigned char>(__builtin_ctz(bits));
  }

  SCHEDULES void add(unsigned item) { items[count++] = static_cast<unsigned char>(item); }

  SCHEDULES unsigned take(unsigned which) {
    unsigned item = items[which];
    items[which] = items[--count];
    return item;
  }
};

// Lanes that meet in one operation.
struct Group {
  unsigned mask, arrived;
  Together work;
};

struct Warp {
  Bag ready;
  unsigned at_barrier = 0;
  unsigned at_cluster_barrier = 0;
  unsigned groups = 0;
  Group group[LANES];
  const void* in[LANES];
  void* out[LANES];
  Deferred later;
};

// A thread that waits for a barrier in shared memory.
struct Parked {
  const CountBarrier* barrier;
  unsigned warp, lane;
};

// A box on its way to a block of the cluster.
struct Sent {
  BoxCopy box;
  unsigned rank;
};

// What a block has for itself.
struct Block {
  BlockMemory shared;
  bool begun = false;
  unsigned unfinished = 0;
  unsigned waiting = 0;
  const char* barrier_file = nullptr;
  int barrier_line = 0;
};

// Everything there is of a launch; one cluster at a time.
struct State {
  uint64_t random = 0x9e3779b97f4a7c15u;

  const Kernel* kernel = nullptr;
  const void* arguments = nullptr;
  std::string error;
  std::vector<unsigned> order;

  Strand main;
  std::unique_ptr<Fiber[]> fibers;
  unsigned prepared = 0;
  // Fibers stand in the middle of a kernel and have to begin anew.
  bool interrupted = false;
  Fiber* current = nullptr;
  unsigned threads = 0;  // of a block
  unsigned cluster = 1;  // blocks

  unsigned all_threads() const { return threads * cluster; }
  unsigned unfinished() const {
    unsigned all = 0;
    for (unsigned b = 0; b < cluster; b++) all += blocks[b].unfinished;
    return all;
  }

  Warp warps[MAX_WARPS];
  // Warps of which a lane is ready.
  Bag ready_warps;
  // How readily another warp goes on, in 65536ths.
  unsigned restless = 0;

  Block blocks[MAX_CLUSTER_BLOCKS];
  // Blocks, by bits, that begin only when the others can't go on without them.
  unsigned held = 0;
  unsigned waiting_for_cluster = 0;

  std::vector<Parked> parked;
  std::vector<Sent> boxes;
};

// Never destroyed: another thread may still be in a launch when the process ends.
union Forever {
  State state;
  Forever() : state() {}
  ~Forever() {}
} forever;
State& state = forever.state;

std::map<std::string, Kernel>& kernels() {
  static auto* all = new std::map<std::string, Kernel>;
  return *all;
}

// xorshift64* (Vigna 2016).
SCHEDULES uint64_t draw() {
  state.random ^= state.random >> 12;
  state.random ^= state.random << 25;
  state.random ^= state.random >> 27;
  return state.random * 0x2545f4914f6cdd1du;
}

// One of 0 to bound - 1.
SCHEDULES unsigned draw(unsigned bound) { return static_cast<unsigned>((draw() >> 32) * bound >> 32); }

SCHEDULES void make_ready(unsigned warp, unsigned lanes) {
  Bag& ready = state.warps[warp].ready;
  if (ready.count == 0) state.ready_warps.add(warp);
  ready.add_all(lanes);
}

// The fiber to go on with, no longer among those that are ready; null if none is.
//
// A block sticks to a warp for a while, shorter or longer from block to block. If all warps went on evenly, none would
// get far ahead of the others, and what only such a one does wrong would not show.
SCHEDULES Fiber* take_ready() {
  Bag& warps = state.ready_warps;
  if (warps.count == 0) return nullptr;
  uint64_t random = draw();
  unsigned warp = state.current->thread.warp;
  if (state.warps[warp].ready.count == 0 || (random & 0xffff) < state.restless) warp = warps.items[draw(warps.count)];
  Bag& lanes = state.warps[warp].ready;
  unsigned lane = lanes.take(static_cast<unsigned>((random >> 32) * lanes.count >> 32));
  if (lanes.count == 0) {
    unsigned at = 0;
    while (warps.items[at] != warp) at++;
    warps.take(at);
  }
  return &state.fibers[warp * LANES + lane];
}

// Those who wait for a barrier go on if its phase is over.
void advance(CountBarrier* barrier) {
  if (!barrier->complete()) return;
  barrier->next_phase();
  for (size_t i = state.parked.size(); i-- > 0;) {
    Parked parked = state.parked[i];
    if (parked.barrier != barrier) continue;
    make_ready(parked.warp, 1u << parked.lane);
    state.parked[i] = state.parked.back();
    state.parked.pop_back();
  }
}

// Lets one of the boxes that are on their way arrive.
void deliver_box() {
  unsigned which = draw(static_cast<unsigned>(state.boxes.size()));
  BoxCopy box = state.boxes[which].box;
  state.boxes[which] = state.boxes.back();
  state.boxes.pop_back();
  box.arrive();
  box.barrier->bytes -= static_cast<int32_t>(box.bytes());
  advance(box.barrier);
}

void begin_held() {
  for (unsigned w = 0; w * LANES < state.all_threads(); w++) {
    if ((state.held >> w * LANES / state.threads & 1) != 0) make_ready(w, 0xffffffffu);
  }
  state.held = 0;
}

// Goes on with another fiber, or with this one if it is ready and drawn; with the launching thread if none is ready.
SCHEDULES void give_way() {
  Fiber* self = state.current;
  Fiber* next = take_ready();
  if (next == nullptr && state.held != 0) {
    begin_held();
    next = take_ready();
  }
  while (next == nullptr && !state.boxes.empty()) {
    deliver_box();
    next = take_ready();
  }
  if (next == self) return;
  if (next == nullptr) {
    self->go_to(state.main);
  } else {
    state.current = next;
    scene.thread = &next->thread;
    self->go_to(*next);
  }
}

std::string coordinates(Place p) {
  return "(" + std::to_string(p.x) + ", " + std::to_string(p.y) + ", " + std::to_string(p.z) + ")";
}

std::string hexadecimal(unsigned bits) {
  char text[16];
  snprintf(text, sizeof text, "0x%08x", bits);
  return text;
}

// Ends the launch here and now.
void fail(const std::string& what) {
  state.error = what + " in block " + coordinates(blockIdx) + ", thread " + coordinates(threadIdx);
  state.interrupted = true;
  state.current->go_to(state.main);
}

// Lets those go on who wait for what `of` says.
SCHEDULES void open(unsigned first_warp, unsigned threads, unsigned Warp::*of) {
  for (unsigned w = first_warp; w < first_warp + (threads + LANES - 1) / LANES; w++) {
    Warp& warp = state.warps[w];
    if (warp.*of != 0) make_ready(w, warp.*of);
    warp.*of = 0;
  }
}

SCHEDULES void open_barriers_if_complete(unsigned rank) {
  Block& block = state.blocks[rank];
  if (block.waiting != 0 && block.waiting == block.unfinished) {
    open(rank * (state.threads / LANES), state.threads, &Warp::at_barrier);
    block.waiting = 0;
  }
  if (state.waiting_for_cluster != 0 && state.waiting_for_cluster == state.unfinished()) {
    open(0, state.all_threads(), &Warp::at_cluster_barrier);
    state.waiting_for_cluster = 0;
  }
}

// What a fiber does: one thread of one block after the other.
void live() {
  Fiber* self = state.current;
  self->arrived();
  while (true) {
    state.blocks[self->thread.rank].begun = true;
    state.kernel->entry(state.arguments);
    self->copies.forget();
    unsigned rank = self->thread.rank;
    if (--state.blocks[rank].unfinished == 0) {
      for (const Sent& sent : state.boxes) {
        if (sent.rank == rank) fail("a block ends while a box is on its way to its shared memory");
      }
    }
    open_barriers_if_complete(rank);
    give_way();
  }
}

// Why threads are left that can't go on.
std::string deadlock() {
  std::string first_block = coordinates(state.fibers[0].thread.block);
  for (unsigned w = 0; w * LANES < state.all_threads(); w++) {
    const Warp& warp = state.warps[w];
    if (warp.groups == 0) continue;
    const Group& group = warp.group[0];
    std::string in = " in block " + coordinates(state.fibers[w * LANES].thread.block) + ", warp " +
                     std::to_string(w % ((state.threads + LANES - 1) / LANES));
    for (unsigned g = 1; g < warp.groups; g++) {
      if ((warp.group[g].mask & group.mask) != 0) {
        return "lanes of a warp disagree about who takes part: " + hexadecimal(group.mask) + " and " +
               hexadecimal(warp.group[g].mask) + in;
      }
    }
    return "a warp waits for lanes that never come: " + hexadecimal(group.mask & ~group.arrived) + in;
  }
  if (!state.parked.empty()) {
    return std::to_string(state.parked.size()) +
           " threads wait for a barrier in shared memory whose phase never ends, in block " + first_block;
  }
  unsigned waiting = state.waiting_for_cluster;
  for (unsigned b = 0; b < state.cluster; b++) waiting += state.blocks[b].waiting;
  return "a barrier waits for threads that never come: " + std::to_string(waiting) + " of " +
         std::to_string(state.unfinished()) + " are there, in block " + first_block;
}

void begin(Fiber& fiber) {
  fiber.copies.forget();
  fiber.begin(live);
}

void prepare_fibers(Place shape) {
  if (state.fibers == nullptr) state.fibers = std::make_unique<Fiber[]>(MAX_WARPS * LANES);
  for (; state.prepared < state.all_threads(); state.prepared++) {
    Fiber& fiber = state.fibers[state.prepared];
    fiber.thread.warp = state.prepared / LANES;
    fiber.thread.lane = state.prepared % LANES;
    fiber.take_stack(state.prepared);
    begin(fiber);
  }
  if (state.interrupted) {
    for (unsigned t = 0; t < state.prepared; t++) begin(state.fibers[t]);
    state.interrupted = false;
  }
  for (unsigned i = 0; i < state.all_threads(); i++) {
    unsigned t = i % state.threads;
    state.fibers[i].thread.index = {t % shape.x, t / shape.x % shape.y, t / shape.x / shape.y};
    state.fibers[i].thread.rank = i / state.threads;
  }
}

// Blocks of a cluster lie side by side.
void run_cluster(Place first) {
  for (unsigned t = 0; t < state.all_threads(); t++) {
    Thread& thread = state.fibers[t].thread;
    thread.block = {first.x + thread.rank, first.y, first.z};
  }
  for (unsigned b = 0; b < state.cluster; b++) {
    state.blocks[b].shared.forget();
    state.blocks[b].begun = false;
    state.blocks[b].unfinished = state.threads;
    state.blocks[b].waiting = 0;
  }
  state.waiting_for_cluster = 0;
  state.ready_warps.count = 0;
  state.parked.clear();
  state.boxes.clear();
  state.restless = 65536u >> draw(4) * 4;
  unsigned first_block = state.cluster > 1 ? draw(state.cluster) : 0;
  state.held = state.cluster > 1 ? draw(1u << state.cluster) & ~(1u << first_block) : 0;
  for (unsigned w = 0; w * LANES < state.all_threads(); w++) {
    Warp& warp = state.warps[w];
    warp.groups = warp.at_barrier = warp.at_cluster_barrier = 0;
    warp.later.forget();
    unsigned lanes = min(state.all_threads() - w * LANES, static_cast<unsigned>(LANES));
    warp.ready.count = 0;
    if ((state.held >> w * LANES / state.threads & 1) == 0) make_ready(w, lanes == LANES ? 0xffffffffu : (1u << lanes) - 1);
  }
  state.current = &state.fibers[draw(state.all_threads())];
  state.current = take_ready();
  scene.thread = &state.current->thread;
  state.main.go_to(*state.current);
  if (state.error.empty() && state.unfinished() > 0) {
    state.error = deadlock();
    state.interrupted = true;
  }
  for (unsigned b = 0; b < state.cluster; b++) {
    std::string damage = state.blocks[b].shared.damage();
    if (state.error.empty() && !damage.empty()) {
      state.error = damage + ", in block " + coordinates(state.fibers[b * state.threads].thread.block);
    }
  }
}

}  // namespace

Registration::Registration(const char* name, Entry entry, unsigned argument_bytes, std::vector<Pointer> pointers,
                           unsigned max_threads, unsigned cluster_blocks) {
  kernels()[name] = Kernel{entry, argument_bytes, std::move(pointers), max_threads, cluster_blocks};
}

const Kernel* find(const char* name) {
  auto found = kernels().find(name);
  return found == kernels().end() ? nullptr : &found->second;
}

unsigned argument_bytes(const Kernel* kernel) { return kernel->argument_bytes; }

const std::vector<Pointer>& pointers(const Kernel* kernel) { return kernel->pointers; }

unsigned max_threads(const Kernel* kernel) { return kernel->max_threads; }

unsigned cluster_blocks(const Kernel* kernel) { return kernel->cluster_blocks; }

void seed(uint64_t seed) {
  state.random = (seed + 1) * 0x9e3779b97f4a7c15u | 1;
  draw();
}

const char* run(const Kernel* kernel, const Launch& launch, const void* arguments) {
  state.kernel = kernel;
  state.arguments = arguments;
  state.error.clear();
  state.threads = launch.block.x * launch.block.y * launch.block.z;
  state.cluster = kernel->cluster_blocks;
  if (state.threads == 0 || state.threads > 1024) return "a block has 1 to 1024 threads";
  if (state.all_threads() > MAX_WARPS * LANES) return "a cluster has at most 2048 threads here";
  if (state.cluster > 1 && state.threads % LANES != 0) return "blocks of a cluster are whole warps here";
  scene = {nullptr, launch.block, launch.grid};
  prepare_fibers(launch.block);
  for (unsigned b = 0; b < state.cluster; b++) state.blocks[b].shared.resize(launch.shared_bytes);
  unsigned columns = launch.grid.x / state.cluster;
  unsigned clusters = columns * launch.grid.y * launch.grid.z;
  state.order.resize(clusters);
  for (unsigned i = 0; i < clusters; i++) {
    unsigned j = draw(i + 1);
    state.order[i] = state.order[j];
    state.order[j] = i;
  }
  for (unsigned i = 0; i < clusters && state.error.empty(); i++) {
    unsigned c = state.order[i];
    run_cluster({c % columns * state.cluster, c / columns % launch.grid.y, c / columns / launch.grid.y});
  }
  scene.thread = nullptr;
  return state.error.empty() ? nullptr : state.error.c_str();
}

namespace {

// The running thread's.
Block& own_block() { return state.blocks[state.current->thread.rank]; }

// Where another block of the cluster has what this one has there.
template <typename T> T* in_block(unsigned rank, T* own) {
  if (rank >= state.cluster) fail("block " + std::to_string(rank) + " of a cluster of " + std::to_string(state.cluster));
  if (!state.blocks[rank].begun) fail("shared memory of a block that has not begun");
  if (state.blocks[rank].unfinished == 0) fail("shared memory of a block that has ended");
  uintptr_t at = reinterpret_cast<uintptr_t>(own) - reinterpret_cast<uintptr_t>(own_block().shared.begin());
  return reinterpret_cast<T*>(state.blocks[rank].shared.begin() + at);
}

}  // namespace

unsigned char* shared_memory() { return own_block().shared.begin(); }

SCHEDULES void barrier(const char* file, int line) {
  Block& block = own_block();
  if (block.waiting == 0) {
    block.barrier_file = file;
    block.barrier_line = line;
  } else if (line != block.barrier_line || (file != block.barrier_file && strcmp(file, block.barrier_file) != 0)) {
    fail("threads of a block meet at different barriers: " + std::string(file) + ":" + std::to_string(line) + " and " +
         block.barrier_file + ":" + std::to_string(block.barrier_line));
  }
  block.waiting++;
  state.warps[state.current->thread.warp].at_barrier |= 1u << state.current->thread.lane;
  open_barriers_if_complete(state.current->thread.rank);
  give_way();
}

void cluster_barrier() {
  state.waiting_for_cluster++;
  state.warps[state.current->thread.warp].at_cluster_barrier |= 1u << state.current->thread.lane;
  open_barriers_if_complete(state.current->thread.rank);
  give_way();
}

SCHEDULES void together(unsigned mask, const void* in, void* out, Together work, const void* what) {
  unsigned lane = state.current->thread.lane;
  Warp& warp = state.warps[state.current->thread.warp];
  if ((mask >> lane & 1) == 0) fail("a lane is not in its own mask " + hexadecimal(mask));
  unsigned g = 0;
  while (g < warp.groups && warp.group[g].mask != mask) g++;
  if (g == warp.groups) warp.group[warp.groups++] = Group{mask, 0, work};
  Group& group = warp.group[g];
  if (group.work != work) fail("lanes of a warp meet in different operations");
  group.arrived |= 1u << lane;
  warp.in[lane] = in;
  warp.out[lane] = out;
  if (group.arrived == mask) {
    work(warp.in, warp.out, mask, what);
    group = warp.group[--warp.groups];
    // The last to come has no head start over the others.
    make_ready(state.current->thread.warp, mask);
  }
  give_way();
}

SCHEDULES void perhaps_yield() {
  if (draw(4) != 0) return;
  make_ready(state.current->thread.warp, 1u << state.current->thread.lane);
  give_way();
}

void require_aligned(const void* address, unsigned bytes) {
  if (reinterpret_cast<uintptr_t>(address) % bytes != 0) {
    fail("an access to " + std::to_string(bytes) + " bytes at an address that is no multiple of it");
  }
}

void require_shared(const void* address, unsigned bytes) {
  if (!own_block().shared.holds(address, bytes)) fail("an access outside of the block's shared memory");
}

void store_to_block(void* at, unsigned rank, const void* from, unsigned bytes) {
  perhaps_yield();
  require_aligned(at, bytes);
  require_shared(at, bytes);
  memcpy(in_block(rank, static_cast<unsigned char*>(at)), from, bytes);
}

void copy_async(void* shared, const void* global, bool inside) {
  state.current->copies.start(shared, inside ? global : nullptr, draw(2) == 0);
}

void copies_sent() { state.current->copies.sent(); }

void copies_arrived(int pending) { state.current->copies.arrive(pending); }

void later(std::function<void()> work) {
  Deferred& all = state.warps[state.current->thread.warp].later;
  all.add(std::move(work));
  // Seldom, so that some is still to be done when a whole group is there.
  if (draw(16) == 0) all.run(draw(static_cast<unsigned>(all.left()) + 1));
}

void later_sent() { state.warps[state.current->thread.warp].later.sent(); }

void later_arrived(int pending) { state.warps[state.current->thread.warp].later.arrive(pending); }

namespace {

CountBarrier* made(uint64_t* at, unsigned rank) {
  require_aligned(at, sizeof(CountBarrier));
  require_shared(at, sizeof(CountBarrier));
  CountBarrier* barrier = reinterpret_cast<CountBarrier*>(in_block(rank, at));
  if (barrier->made != CountBarrier::MADE) fail("a barrier in shared memory that was never made");
  return barrier;
}

unsigned own_rank() { return state.current->thread.rank; }

void arrive(CountBarrier* barrier, unsigned bytes) {
  if (barrier->arrivals == 0) fail("more threads arrive at a barrier in shared memory than it waits for");
  barrier->bytes += static_cast<int32_t>(bytes);
  barrier->arrivals--;
  advance(barrier);
}

}  // namespace

void count_barrier_init(uint64_t* at, unsigned arrivals) {
  require_aligned(at, sizeof(CountBarrier));
  require_shared(at, sizeof(CountBarrier));
  CountBarrier barrier{arrivals, arrivals, 0, CountBarrier::MADE, 0};
  memcpy(at, &barrier, sizeof barrier);
}

void count_barrier_arrive(uint64_t* at, unsigned bytes) {
  perhaps_yield();
  arrive(made(at, own_rank()), bytes);
}

void count_barrier_arrive_at(uint64_t* at, unsigned rank) {
  perhaps_yield();
  arrive(made(at, rank), 0);
}

void count_barrier_wait(uint64_t* at, unsigned parity) {
  CountBarrier* barrier = made(at, own_rank());
  while (barrier->parity == parity) {
    if (!state.boxes.empty() && draw(2) == 0) {
      deliver_box();
    } else {
      state.parked.push_back({barrier, state.current->thread.warp, state.current->thread.lane});
      give_way();
    }
  }
  perhaps_yield();
}

void send_box(void* to, const TensorMap* map, unsigned dimensions, const int* at, uint64_t* barrier) {
  send_box_to(1u << own_rank(), to, map, dimensions, at, barrier);
}

void send_box_to(unsigned ranks, void* to, const TensorMap* map, unsigned dimensions, const int* at, uint64_t* barrier) {
  if (map->made != TensorMap::MADE) fail("a tensor map that was never encoded");
  if (map->rank != dimensions) fail("a box of a tensor map that has another number of dimensions");
  BoxCopy box{static_cast<unsigned char*>(to), *map, {}, nullptr};
  std::copy(at, at + dimensions, box.place.at);
  require_aligned(to, 1024);
  require_shared(to, static_cast<unsigned>(box.bytes()));
  for (unsigned left = ranks; left != 0; left &= left - 1) {
    unsigned rank = static_cast<unsigned>(__builtin_ctz(left));
    box.to = in_block(rank, static_cast<unsigned char*>(to));
    box.barrier = made(barrier, rank);
    state.boxes.push_back({box, rank});
  }
  if (draw(2) == 0) deliver_box();
}

}  // namespace emulation
