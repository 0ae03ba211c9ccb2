// What the emulated driver offers the emulated cuBLASLt beside the driver's own interface.
#pragma once

#include <cstddef>
#include <cstdint>

#define EXPORTED extern "C" __attribute__((visibility("default")))

// Puts work into a stream's order. `arguments` are copied; they begin with that many addresses of what is used, null
// for nothing. Returns the driver's error, 0 for none.
EXPORTED int emulated_enqueue(void* stream, const char* name, void (*work)(const void* arguments),
                              const void* arguments, size_t bytes, size_t addresses);

// Keeps what went wrong for emulated_error, and prints it.
EXPORTED void emulated_complain(const char* text);

// Whether these bytes lie inside one allocation of device memory of the current context.
EXPORTED int emulated_holds(uint64_t address, size_t bytes);

// Whether the calling thread has a current context.
EXPORTED int emulated_has_context();

// Of all devices, 90 for 9.0.
EXPORTED int emulated_capability();
