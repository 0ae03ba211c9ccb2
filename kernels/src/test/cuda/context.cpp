#include "context.h"

#include "driver.h"

namespace emulated {

namespace {

bool overlap(uint64_t a, size_t a_bytes, uint64_t b, size_t b_bytes) {
  return a < b + b_bytes && b < a + a_bytes;
}

bool reads_host(const Work& work, uint64_t address, size_t bytes) {
  if (work.host_from != 0 && overlap(work.host_from, work.host_bytes, address, bytes)) return true;
  for (const Node& node : work.nodes) {
    if (reads_host(*node, address, bytes)) return true;
  }
  return false;
}

// The work, or node of it, that names an address for which `test` holds.
template <typename Test> const Work* names(const Work& work, Test test) {
  for (uint64_t address : work.addresses) {
    if (test(address)) return &work;
  }
  for (const Node& node : work.nodes) {
    if (const Work* found = names(*node, test)) return found;
  }
  return nullptr;
}

}  // namespace

uint64_t new_handle() {
  static uint64_t last = 0x5eed00000000;
  last += 16;
  return last;
}

void Stream::run_next() {
  Node next = queue.front();
  queue.pop_front();
  context->execute(*next);
}

void Stream::run_all() {
  while (!queue.empty()) run_next();
}

void Stream::run_until(const Moment& moment) {
  while (!moment.passed) run_next();
}

Context::~Context() {
  // Nothing that is left runs: the device is given up with it.
  if (error == 0) error = DEINITIALIZED;
  run_all();
}

size_t Context::handles() const {
  return streams.size() + events.size() + modules.size() + graphs.size() + executables.size() + memory.pieces() +
         pinned.pieces();
}

void Context::run_all() {
  for (const auto& entry : streams) entry.second->run_all();
}

void Context::run_readers(uint64_t address, size_t bytes) {
  for (const auto& entry : streams) {
    Stream& stream = *entry.second;
    size_t last = 0;
    for (size_t i = 0; i < stream.queue.size(); i++) {
      if (reads_host(*stream.queue[i], address, bytes)) last = i + 1;
    }
    size_t left = stream.queue.size() - last;
    while (stream.queue.size() > left) stream.run_next();
  }
}

std::string Context::user_of(uint64_t address, size_t bytes) const {
  auto inside = [address, bytes](uint64_t used) { return used - address < bytes; };
  for (const auto& entry : streams) {
    for (const Node& queued : entry.second->queue) {
      if (const Work* found = names(*queued, inside)) return found->name;
    }
  }
  return "";
}

std::string Context::wrong_address_of(const Work& work) const {
  const Work* found = names(work, [this](uint64_t address) { return memory.was_given_back(address); });
  if (found != nullptr) return found->name + " is given device memory that was freed";
  found = names(work, [this](uint64_t address) { return !memory.reaches(address) && !pinned.reaches(address); });
  return found == nullptr ? "" : found->name + " is given an address that is no device memory";
}

void Context::execute(const Work& work) {
  if (error == 0 && work.run) {
    std::string wrong = work.run();
    if (!wrong.empty()) fail(LAUNCH_FAILED, work.name + ": " + wrong);
    check_memory(work.name);
  }
  for (const Node& node : work.nodes) execute(*node);
  // Also after a failure, so that whoever waits goes on.
  if (work.marks != nullptr) {
    work.marks->at = std::chrono::steady_clock::now();
    work.marks->passed = true;
  }
}

void Context::check_memory(const std::string& name) {
  std::string wrong = memory.damage();
  if (wrong.empty()) wrong = pinned.damage();
  if (!wrong.empty()) fail(ILLEGAL_ADDRESS, name + ": " + wrong);
}

void Context::fail(int status, const std::string& text) {
  if (error != 0) return;
  error = status;
  driver().complain(text);
}

}  // namespace emulated
