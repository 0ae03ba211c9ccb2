// The emulated driver: its state, and how a function of its interface is entered.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "context.h"
#include "driver_hooks.h"

namespace emulated {

// Of the driver's error numbers those that occur here.
enum Result : int {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NOT_INITIALIZED = 3,
  DEINITIALIZED = 4,
  NO_DEVICE = 100,
  INVALID_DEVICE = 101,
  INVALID_IMAGE = 200,
  INVALID_CONTEXT = 201,
  ECC_UNCORRECTABLE = 214,
  INVALID_HANDLE = 400,
  ILLEGAL_STATE = 401,
  NOT_FOUND = 500,
  NOT_READY = 600,
  ILLEGAL_ADDRESS = 700,
  LAUNCH_OUT_OF_RESOURCES = 701,
  LAUNCH_TIMEOUT = 702,
  ASSERT = 710,
  HARDWARE_STACK_ERROR = 714,
  MISALIGNED_ADDRESS = 716,
  LAUNCH_FAILED = 719,
  CAPTURE_UNSUPPORTED = 900,
  CAPTURE_INVALIDATED = 901,
  CAPTURE_ISOLATION = 905,
  CAPTURE_IMPLICIT = 906,
  CAPTURED_EVENT = 907,
  CAPTURE_WRONG_THREAD = 908,
};

// Shared memory a block gets without asking.
constexpr unsigned DEFAULT_SHARED_BYTES = 48 << 10;

struct Driver {
  // Every function of the interface holds it from begin to end.
  std::mutex lock;

  bool initialized = false;
  std::map<uint64_t, std::shared_ptr<Context>> contexts;
  std::string error;
  bool quiet = false;

  int devices = 1;
  int compute_capability = 90;
  int multiprocessors = 4;
  int version = 13000;
  size_t memory_bytes = size_t{4} << 30;

  uint64_t launches = 0;
  uint64_t graph_launches = 0;
  uint64_t graph_nodes = 0;
  uint64_t captures = 0;
  uint64_t instantiations = 0;
  // Of the graph that was captured last.
  size_t captured_nodes = 0;
  // What contexts held that were released without giving it back.
  size_t leaked_handles = 0;
  size_t leaked_bytes = 0;

  // Calls until one fails by order; 0 for none.
  uint64_t calls_to_failure = 0;
  int ordered_failure = 0;

  uint64_t random = 1;

  uint32_t draw(uint32_t bound);
  unsigned max_shared_bytes() const;
  // Keeps what went wrong, and prints it.
  void complain(const std::string& text);
  void reset();
};

Driver& driver();

// What the calling thread has set as its current context, if that still lives.
std::shared_ptr<Context> current_context();
void set_current_context(uint64_t handle);

// Says in words why a call is refused; returns the error.
int refuse(int error, const std::string& why);

// Adds work to a stream: to its queue, or to the graph that is being captured from it.
int enqueue(Context& context, uint64_t stream, Work work);

// Refuses what must not happen while a stream of this thread is captured, and spoils that capture.
int refuse_in_capture(Context& context);

// Entering a function of the interface ------------------------------------------------------------------------------

// What a call has to return before it does anything, because failing was ordered or the device is lost.
int failure_now(Context* context);

// Runs some queued work, at times.
void let_time_pass(Context& context);

// A function that needs no context.
template <typename Body> int without_context(Body body) {
  Driver& d = driver();
  std::lock_guard<std::mutex> holding(d.lock);
  if (!d.initialized) return NOT_INITIALIZED;
  int failure = failure_now(nullptr);
  return failure != SUCCESS ? failure : static_cast<int>(body(d));
}

// A function on the calling thread's context.
template <typename Body> int in_context(Body body) {
  Driver& d = driver();
  std::lock_guard<std::mutex> holding(d.lock);
  if (!d.initialized) return NOT_INITIALIZED;
  std::shared_ptr<Context> context = current_context();
  if (context == nullptr) return INVALID_CONTEXT;
  let_time_pass(*context);
  int failure = failure_now(context.get());
  if (failure != SUCCESS) return failure;
  int result = static_cast<int>(body(*context));
  return result == SUCCESS ? context->error : result;
}

// A function that gives something back. It does so even when it has to report a failure.
template <typename Body> int giving_back(Body body) {
  Driver& d = driver();
  std::lock_guard<std::mutex> holding(d.lock);
  if (!d.initialized) return NOT_INITIALIZED;
  std::shared_ptr<Context> context = current_context();
  if (context == nullptr) return INVALID_CONTEXT;
  let_time_pass(*context);
  int failure = failure_now(context.get());
  int result = static_cast<int>(body(*context));
  if (failure != SUCCESS) return failure;
  return result == SUCCESS ? context->error : result;
}

}  // namespace emulated
