// The emulated driver's state, the order of its work, and the hooks for tests.
#include "driver.h"

#include <cstdio>

namespace emulated {

namespace {

thread_local uint64_t current = 0;

// Errors after which a real device takes no more orders.
bool is_fatal(int error) {
  return error == ECC_UNCORRECTABLE || error == ILLEGAL_ADDRESS || error == LAUNCH_TIMEOUT || error == ASSERT ||
         (error >= HARDWARE_STACK_ERROR && error <= LAUNCH_FAILED);
}

bool forbids(const Capture& capture) {
  return !capture.relaxed && (!capture.thread_local_mode || capture.thread == std::this_thread::get_id());
}

bool any_node_reads(const Work& graph, uint64_t address, size_t bytes) {
  for (const Node& node : graph.nodes) {
    if (node->host_from != 0 && node->host_from < address + bytes && address < node->host_from + node->host_bytes) {
      return true;
    }
  }
  return false;
}

// Until a result has arrived, what is where it belongs says nothing.
void spoil_result(Context& context, const Work& work) {
  if (work.host_to == 0) return;
  context.run_readers(work.host_to, work.host_bytes);
  memset(reinterpret_cast<void*>(work.host_to), 0xcd, work.host_bytes);
}

}  // namespace

Driver& driver() {
  // Never destroyed: threads may call until the process is gone.
  static Driver* one = new Driver;
  return *one;
}

uint32_t Driver::draw(uint32_t bound) {
  // splitmix64 (Steele, Lea, Flood 2014).
  random += 0x9e3779b97f4a7c15u;
  uint64_t z = random;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return static_cast<uint32_t>(((z ^ (z >> 31)) >> 32) * bound >> 32);
}

unsigned Driver::max_shared_bytes() const {
  switch (compute_capability) {
    case 75: return 64 << 10;
    case 80:
    case 87: return 163 << 10;
    case 86:
    case 89:
    case 120: return 99 << 10;
    default: return 227 << 10;
  }
}

void Driver::complain(const std::string& text) {
  error = text;
  if (!quiet) fprintf(stderr, "emulated CUDA: %s\n", text.c_str());
}

void Driver::reset() {
  contexts.clear();
  error.clear();
  quiet = false;
  devices = 1;
  compute_capability = 90;
  multiprocessors = 4;
  version = 13000;
  memory_bytes = size_t{4} << 30;
  launches = graph_launches = graph_nodes = captures = instantiations = captured_nodes = 0;
  leaked_handles = leaked_bytes = 0;
  calls_to_failure = 0;
}

std::shared_ptr<Context> current_context() {
  auto found = driver().contexts.find(current);
  return found == driver().contexts.end() ? nullptr : found->second;
}

void set_current_context(uint64_t handle) { current = handle; }

int failure_now(Context* context) {
  Driver& d = driver();
  if (d.calls_to_failure > 0 && --d.calls_to_failure == 0) {
    if (context != nullptr && is_fatal(d.ordered_failure)) context->fail(d.ordered_failure, "a failure by order");
    return d.ordered_failure;
  }
  return context == nullptr ? SUCCESS : context->error;
}

void let_time_pass(Context& context) {
  Driver& d = driver();
  if (context.streams.size() == 0 || d.draw(8) != 0) return;
  uint32_t which = d.draw(static_cast<uint32_t>(context.streams.size()));
  Stream& stream = *std::next(context.streams.begin(), which)->second;
  for (uint32_t works = 1 + d.draw(4); works > 0 && !stream.queue.empty(); works--) stream.run_next();
}

int refuse(int error, const std::string& why) {
  driver().error = why;
  return error;
}

int enqueue(Context& context, uint64_t handle, Work work) {
  std::string wrong = context.wrong_address_of(work);
  if (!wrong.empty()) {
    context.fail(ILLEGAL_ADDRESS, wrong);
    return ILLEGAL_ADDRESS;
  }
  if (handle == 0) {
    // The default stream: what came before on other streams goes first, and nothing overtakes it.
    for (const auto& entry : context.streams) {
      Capture* capture = entry.second->capture.get();
      if (capture != nullptr && entry.second->waits_for_default && forbids(*capture)) {
        capture->invalid = true;
        return CAPTURE_IMPLICIT;
      }
      if (entry.second->waits_for_default) entry.second->run_all();
    }
    context.execute(work);
    return context.error;
  }
  Stream* stream = context.streams.find(handle);
  if (stream == nullptr) return INVALID_HANDLE;
  if (stream->capture != nullptr) {
    if (stream->capture->invalid) return CAPTURE_INVALIDATED;
    std::vector<Node>& nodes = stream->capture->graph.nodes;
    if (work.nodes.empty()) {
      nodes.push_back(std::make_shared<const Work>(std::move(work)));
    } else {
      nodes.insert(nodes.end(), work.nodes.begin(), work.nodes.end());
    }
    return SUCCESS;
  }
  spoil_result(context, work);
  for (const Node& node : work.nodes) {
    if (!any_node_reads(work, node->host_to, node->host_bytes)) spoil_result(context, *node);
  }
  stream->queue.push_back(std::make_shared<const Work>(std::move(work)));
  return SUCCESS;
}

int refuse_in_capture(Context& context) {
  int result = SUCCESS;
  for (const auto& entry : context.streams) {
    Capture* capture = entry.second->capture.get();
    if (capture == nullptr || !forbids(*capture)) continue;
    capture->invalid = true;
    result = CAPTURE_UNSUPPORTED;
  }
  return result;
}

}  // namespace emulated

using namespace emulated;

int emulated_enqueue(void* stream, const char* name, void (*work)(const void*), const void* arguments, size_t bytes,
                     size_t addresses) {
  return in_context([&](Context& context) {
    Work queued;
    queued.name = name;
    const uint64_t* words = static_cast<const uint64_t*>(arguments);
    for (size_t i = 0; i < addresses; i++) {
      if (words[i] != 0) queued.addresses.push_back(words[i]);
    }
    const unsigned char* first = static_cast<const unsigned char*>(arguments);
    queued.run = [work, copied = std::vector<unsigned char>(first, first + bytes)] {
      work(copied.data());
      return std::string();
    };
    return enqueue(context, reinterpret_cast<uint64_t>(stream), std::move(queued));
  });
}

int emulated_holds(uint64_t address, size_t bytes) {
  std::lock_guard<std::mutex> holding(driver().lock);
  std::shared_ptr<Context> context = current_context();
  return context != nullptr && context->memory.holds(address, bytes);
}

int emulated_has_context() {
  std::lock_guard<std::mutex> holding(driver().lock);
  return current_context() != nullptr;
}

int emulated_capability() {
  std::lock_guard<std::mutex> holding(driver().lock);
  return driver().compute_capability;
}

void emulated_complain(const char* text) {
  std::lock_guard<std::mutex> holding(driver().lock);
  driver().complain(text);
}

// Where all that is random starts: the order of threads, and when queued work runs.
EXPORTED void emulated_seed(int64_t seed) {
  std::lock_guard<std::mutex> holding(driver().lock);
  driver().random = static_cast<uint64_t>(seed);
  emulation::seed(static_cast<uint64_t>(seed));
}

// Forgets all contexts and what they held, all settings of these hooks, all counts and errors; not the seed.
EXPORTED void emulated_reset() {
  std::lock_guard<std::mutex> holding(driver().lock);
  driver().reset();
}

EXPORTED void emulated_devices(int devices) {
  std::lock_guard<std::mutex> holding(driver().lock);
  driver().devices = devices;
}

// 80 for 8.0, 90 for 9.0.
EXPORTED void emulated_compute_capability(int capability) {
  std::lock_guard<std::mutex> holding(driver().lock);
  driver().compute_capability = capability;
}

EXPORTED void emulated_multiprocessors(int count) {
  std::lock_guard<std::mutex> holding(driver().lock);
  driver().multiprocessors = count;
}

// 13000 for 13.0.
EXPORTED void emulated_driver_version(int version) {
  std::lock_guard<std::mutex> holding(driver().lock);
  driver().version = version;
}

// Total memory of each device.
EXPORTED void emulated_memory(int64_t bytes) {
  std::lock_guard<std::mutex> holding(driver().lock);
  driver().memory_bytes = static_cast<size_t>(bytes);
}

// Device memory taken and not given back.
EXPORTED int64_t emulated_live_bytes() {
  std::lock_guard<std::mutex> holding(driver().lock);
  size_t bytes = driver().leaked_bytes;
  for (const auto& entry : driver().contexts) bytes += entry.second->memory.bytes();
  return static_cast<int64_t>(bytes);
}

// Contexts, streams, events, modules, graphs, executable graphs and memory, device and pinned, not given back.
EXPORTED int64_t emulated_live_handles() {
  std::lock_guard<std::mutex> holding(driver().lock);
  size_t handles = driver().leaked_handles + driver().contexts.size();
  for (const auto& entry : driver().contexts) handles += entry.second->handles();
  return static_cast<int64_t>(handles);
}

// Kernels launched one by one.
EXPORTED int64_t emulated_launches() {
  std::lock_guard<std::mutex> holding(driver().lock);
  return static_cast<int64_t>(driver().launches);
}

EXPORTED int64_t emulated_graph_launches() {
  std::lock_guard<std::mutex> holding(driver().lock);
  return static_cast<int64_t>(driver().graph_launches);
}

// Kernels, copies and fills of the graphs that were launched.
EXPORTED int64_t emulated_graph_nodes() {
  std::lock_guard<std::mutex> holding(driver().lock);
  return static_cast<int64_t>(driver().graph_nodes);
}

// Captures that ended well.
EXPORTED int64_t emulated_captures() {
  std::lock_guard<std::mutex> holding(driver().lock);
  return static_cast<int64_t>(driver().captures);
}

// Executable graphs that were made.
EXPORTED int64_t emulated_instantiations() {
  std::lock_guard<std::mutex> holding(driver().lock);
  return static_cast<int64_t>(driver().instantiations);
}

// Launches, copies, fills and events of the graph that was captured last.
EXPORTED int64_t emulated_captured_nodes() {
  std::lock_guard<std::mutex> holding(driver().lock);
  return static_cast<int64_t>(driver().captured_nodes);
}

// The call of that number from now (1 is the next) fails with this error. What gives something back still does so.
EXPORTED void emulated_fail_after(int calls, int error) {
  std::lock_guard<std::mutex> holding(driver().lock);
  driver().calls_to_failure = static_cast<uint64_t>(calls);
  driver().ordered_failure = error;
}

// How many calls are left before the one that is to fail; 0 if it has failed, or none is to.
EXPORTED int64_t emulated_calls_to_failure() {
  std::lock_guard<std::mutex> holding(driver().lock);
  return static_cast<int64_t>(driver().calls_to_failure);
}

// Whether what goes wrong is printed on the standard error stream; it is unless this is called.
EXPORTED void emulated_quiet(int quiet) {
  std::lock_guard<std::mutex> holding(driver().lock);
  driver().quiet = quiet != 0;
}

// What went wrong last, in words; empty if nothing did. Valid until the next call.
EXPORTED const char* emulated_error() {
  std::lock_guard<std::mutex> holding(driver().lock);
  return driver().error.c_str();
}
