// What a CUDA context holds, and the order in which its streams do their work.
//
// Work that is put on a stream waits. It runs when something needs it (a synchronisation, a dependent on another
// stream), or earlier, at a random moment: a program that reads a result too early finds that out.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "emulation.h"
#include "memory.h"

namespace emulated {

struct Context;
struct Stream;

// A point in a stream's order that others can wait for.
struct Moment {
  Stream* stream;
  bool passed = false;
  std::chrono::steady_clock::time_point at;
};

struct Work {
  std::string name;
  // Does it, and says what went wrong; empty if nothing.
  std::function<std::string()> run;
  // What it was given to read or write.
  std::vector<uint64_t> addresses;
  // Host memory that it reads or writes when it runs.
  uint64_t host_from = 0, host_to = 0;
  size_t host_bytes = 0;
  // What a launched graph consists of.
  std::vector<std::shared_ptr<const Work>> nodes;
  // What has passed once it is done.
  std::shared_ptr<Moment> marks;
  // Of a graph's node: the event that each launch of the graph records anew; 0 for none.
  uint64_t event = 0;
};
typedef std::shared_ptr<const Work> Node;

struct Graph {
  std::vector<Node> nodes;
};

// Work of a stream that is recorded, not run.
struct Capture {
  Graph graph;
  bool thread_local_mode;
  bool relaxed;
  std::thread::id thread;
  bool invalid = false;
};

struct Stream {
  Context* context;
  bool waits_for_default;
  std::deque<Node> queue;
  std::unique_ptr<Capture> capture;

  void run_next();
  void run_all();
  void run_until(const Moment& moment);
};

struct Event {
  bool timing;
  bool captured = false;
  std::shared_ptr<Moment> recorded;
};

struct Function {
  std::string name;
  const emulation::Kernel* kernel;
  unsigned shared_bytes_allowed;
  uint64_t module;
};

struct Module {};

// Objects by handle. A handle is a number that is never used twice, so a stale one is always found out.
template <typename T> class Handles {
 public:
  uint64_t add(std::shared_ptr<T> object);
  T* find(uint64_t handle) const {
    auto found = objects.find(handle);
    return found == objects.end() ? nullptr : found->second.get();
  }
  bool remove(uint64_t handle) { return objects.erase(handle) != 0; }
  size_t size() const { return objects.size(); }
  auto begin() const { return objects.begin(); }
  auto end() const { return objects.end(); }
  std::map<uint64_t, std::shared_ptr<T>> objects;
};

uint64_t new_handle();
template <typename T> uint64_t Handles<T>::add(std::shared_ptr<T> object) {
  uint64_t handle = new_handle();
  objects[handle] = std::move(object);
  return handle;
}

struct Context {
  explicit Context(int device) : device(device) {}
  ~Context();

  int device;
  int retained = 0;
  // The error after which nothing works any more; 0 while all is well.
  int error = 0;
  Memory memory{"device memory"};
  Memory pinned{"pinned memory"};
  Handles<Stream> streams;
  Handles<Event> events;
  Handles<Module> modules;
  Handles<Function> functions;
  Handles<Graph> graphs;
  Handles<Graph> executables;

  // What counts as a leak if it is left over, the context itself apart.
  size_t handles() const;

  void run_all();

  // Runs whatever reads these bytes of the host, so that they may be overwritten.
  void run_readers(uint64_t address, size_t bytes);

  // The name of queued work that may use these bytes; empty if there is none.
  std::string user_of(uint64_t address, size_t bytes) const;

  // Says that work is given an address at which there is no memory; empty if it isn't.
  std::string wrong_address_of(const Work& work) const;

  void execute(const Work& work);

  // Looks for writes beside memory, done by `name`.
  void check_memory(const std::string& name);

  void fail(int error, const std::string& text);
};

}  // namespace emulated
