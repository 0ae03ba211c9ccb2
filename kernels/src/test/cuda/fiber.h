// Fibers: many stacks in one thread, and a jump from one to the other that costs a few nanoseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define EMULATION_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EMULATION_ASAN 1
#endif
#endif
#ifdef EMULATION_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

// Saves what a call must preserve on this stack, keeps its place in *save, and goes on where `load` was kept.
extern "C" void emulation_switch(void** save, void* load);

#if defined(__x86_64__)
// Leaves by a jump: a return would be predicted from the other stack's calls.
asm(R"(
  .pushsection .text
  .p2align 4
  .local emulation_switch
  .type emulation_switch, @function
emulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmp *%rcx
  .size emulation_switch, . - emulation_switch
  .popsection
)");
#elif defined(__aarch64__)
asm(R"(
  .pushsection .text
  .p2align 4
  .local emulation_switch
  .type emulation_switch, %function
emulation_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  br x30
  .size emulation_switch, . - emulation_switch
  .popsection
)");
#else
#error "fibers are written for x86-64 and aarch64"
#endif

namespace emulation {

// A stack and where its work stands. One without a stack of its own stands for the thread that entered.
class Strand {
 public:
  Strand() = default;
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;
  ~Strand() {
    if (mapping != nullptr) munmap(mapping, MAPPED);
  }

  // Gives it a stack above a page that can't be touched. Different numbers begin at different cache lines: stacks that
  // all began alike would push each other out of the cache.
  void take_stack(unsigned number) {
    mapping = mmap(nullptr, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) abort();
    size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    mprotect(mapping, page, PROT_NONE);
    lowest = static_cast<unsigned char*>(mapping) + page;
    bytes = MAPPED - page;
    offset = number % 8 * 512 + number / 8 % 8 * 64;
  }

  // The next jump to it enters `body`, which never returns.
  void begin(void (*body)()) {
#ifdef EMULATION_ASAN
    ASAN_UNPOISON_MEMORY_REGION(lowest, bytes);
    fake_stack = nullptr;
#endif
    void** top = reinterpret_cast<void**>(const_cast<unsigned char*>(lowest) + bytes - offset - 64);
#if defined(__x86_64__)
    // Six registers and the address to go to; above them a return address that ends every backtrace.
    top[-1] = nullptr;
    top[-2] = reinterpret_cast<void*>(body);
    for (int i = 3; i <= 8; i++) top[-i] = nullptr;
    stack_pointer = top - 8;
#else
    for (int i = 1; i <= 20; i++) top[-i] = nullptr;
    top[-20 + 11] = reinterpret_cast<void*>(body);
    stack_pointer = top - 20;
#endif
  }

  // Leaves this strand, which is the running one, for `next`; returns when another comes back to it.
  void go_to(Strand& next) {
#ifdef EMULATION_ASAN
    left = this;
    __sanitizer_start_switch_fiber(&fake_stack, next.lowest, next.bytes);
#endif
    emulation_switch(&stack_pointer, next.stack_pointer);
    arrived();
  }

  // To be called first by a body.
  void arrived() {
#ifdef EMULATION_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, &left->lowest_seen, &left->bytes_seen);
    if (left->mapping == nullptr) {
      left->lowest = static_cast<const unsigned char*>(left->lowest_seen);
      left->bytes = left->bytes_seen;
    }
#endif
  }

 private:
  // An odd number of pages: stacks whose pages were numbered alike would push each other out of the TLB.
  static constexpr size_t MAPPED = 260 << 10;

  void* stack_pointer = nullptr;
  void* mapping = nullptr;
  const unsigned char* lowest = nullptr;
  size_t bytes = 0;
  size_t offset = 0;
#ifdef EMULATION_ASAN
  static inline Strand* left = nullptr;
  void* fake_stack = nullptr;
  const void* lowest_seen = nullptr;
  size_t bytes_seen = 0;
#endif
};

}  // namespace emulation
