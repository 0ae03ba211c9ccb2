// The driver's interface: devices, contexts, memory and copies. Types are those of cuda.h; handles travel as
// 64-bit numbers.
#include <cstdio>

#include "driver.h"

using namespace emulated;

namespace {

bool is_device(const Driver& d, int device) { return device >= 0 && device < d.devices; }

// The device attributes by their number in cuda.h.
int attribute(const Driver& d, int which, int* value) {
  switch (which) {
    case 1: *value = 1024; break;                                       // threads a block
    case 2: case 3: *value = 1024; break;                               // block x, y
    case 4: *value = 64; break;                                         // block z
    case 5: *value = 0x7fffffff; break;                                 // grid x
    case 6: case 7: *value = 65535; break;                              // grid y, z
    case 8: *value = DEFAULT_SHARED_BYTES; break;                       // shared memory a block
    case 10: *value = 32; break;                                        // warp
    case 13: *value = 1000000; break;                                   // clock in kHz
    case 16: *value = d.multiprocessors; break;
    case 36: *value = 1000000; break;                                   // memory clock in kHz
    case 37: *value = 64; break;                                        // memory bus in bits
    case 38: *value = 1 << 20; break;                                   // L2 cache
    case 39: *value = 2048; break;                                      // threads a multiprocessor
    case 40: *value = 2; break;                                         // copy engines
    case 41: *value = 1; break;                                         // unified addressing
    case 75: *value = d.compute_capability / 10; break;
    case 76: *value = d.compute_capability % 10; break;
    case 81: *value = static_cast<int>(d.max_shared_bytes()) + 1024; break;  // shared memory a multiprocessor
    case 97: *value = static_cast<int>(d.max_shared_bytes()); break;    // shared memory a block may ask for
    default: return refuse(INVALID_VALUE, "no device attribute " + std::to_string(which) + " in the emulation");
  }
  return SUCCESS;
}

Work copy(const char* name, uint64_t to, uint64_t from, size_t bytes) {
  Work work;
  work.name = name;
  work.run = [to, from, bytes] {
    memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
    return std::string();
  };
  return work;
}

int check_range(Context& context, const char* call, uint64_t address, size_t bytes) {
  if (context.memory.holds(address, bytes)) return SUCCESS;
  return refuse(INVALID_VALUE, std::string(call) + ": not inside one allocation of device memory");
}

}  // namespace

// Devices and contexts ----------------------------------------------------------------------------------------------

EXPORTED int cuInit(unsigned flags) {
  Driver& d = driver();
  std::lock_guard<std::mutex> holding(d.lock);
  int failure = failure_now(nullptr);
  if (failure != SUCCESS) return failure;
  if (flags != 0) return INVALID_VALUE;
  if (d.devices == 0) return NO_DEVICE;
  d.initialized = true;
  return SUCCESS;
}

EXPORTED int cuDriverGetVersion(int* version) {
  Driver& d = driver();
  std::lock_guard<std::mutex> holding(d.lock);
  int failure = failure_now(nullptr);
  if (failure != SUCCESS) return failure;
  if (version == nullptr) return INVALID_VALUE;
  *version = d.version;
  return SUCCESS;
}

EXPORTED int cuDeviceGetCount(int* count) {
  return without_context([=](Driver& d) {
    if (count == nullptr) return INVALID_VALUE;
    *count = d.devices;
    return SUCCESS;
  });
}

EXPORTED int cuDeviceGet(int* device, int ordinal) {
  return without_context([=](Driver& d) {
    if (device == nullptr) return INVALID_VALUE;
    if (!is_device(d, ordinal)) return INVALID_DEVICE;
    *device = ordinal;
    return SUCCESS;
  });
}

EXPORTED int cuDeviceGetName(char* name, int length, int device) {
  return without_context([=](Driver& d) {
    if (name == nullptr || length <= 0) return INVALID_VALUE;
    if (!is_device(d, device)) return INVALID_DEVICE;
    snprintf(name, static_cast<size_t>(length), "Emulated GPU %d", device);
    return SUCCESS;
  });
}

EXPORTED int cuDeviceGetAttribute(int* value, int which, int device) {
  return without_context([=](Driver& d) {
    if (value == nullptr) return static_cast<int>(INVALID_VALUE);
    if (!is_device(d, device)) return static_cast<int>(INVALID_DEVICE);
    return attribute(d, which, value);
  });
}

EXPORTED int cuDeviceTotalMem_v2(size_t* bytes, int device) {
  return without_context([=](Driver& d) {
    if (bytes == nullptr) return INVALID_VALUE;
    if (!is_device(d, device)) return INVALID_DEVICE;
    *bytes = d.memory_bytes;
    return SUCCESS;
  });
}

EXPORTED int cuDevicePrimaryCtxRetain(uint64_t* handle, int device) {
  return without_context([=](Driver& d) {
    if (handle == nullptr) return INVALID_VALUE;
    if (!is_device(d, device)) return INVALID_DEVICE;
    for (const auto& entry : d.contexts) {
      if (entry.second->device != device) continue;
      entry.second->retained++;
      *handle = entry.first;
      return SUCCESS;
    }
    std::shared_ptr<Context> context = std::make_shared<Context>(device);
    context->retained = 1;
    *handle = new_handle();
    d.contexts[*handle] = context;
    return SUCCESS;
  });
}

EXPORTED int cuDevicePrimaryCtxRelease_v2(int device) {
  Driver& d = driver();
  std::lock_guard<std::mutex> holding(d.lock);
  if (!d.initialized) return NOT_INITIALIZED;
  int failure = failure_now(nullptr);
  for (auto entry = d.contexts.begin(); entry != d.contexts.end(); ++entry) {
    Context& context = *entry->second;
    if (context.device != device) continue;
    int error = context.error;
    if (--context.retained == 0) {
      d.leaked_handles += context.handles();
      d.leaked_bytes += context.memory.bytes();
      d.contexts.erase(entry);
    }
    return failure != SUCCESS ? failure : error;
  }
  return INVALID_CONTEXT;
}

EXPORTED int cuCtxSetCurrent(uint64_t handle) {
  return without_context([=](Driver& d) {
    if (handle != 0 && d.contexts.count(handle) == 0) return INVALID_CONTEXT;
    set_current_context(handle);
    return SUCCESS;
  });
}

EXPORTED int cuCtxSynchronize() {
  return in_context([](Context& context) {
    for (const auto& entry : context.streams) {
      if (entry.second->capture == nullptr) continue;
      entry.second->capture->invalid = true;
      return refuse(CAPTURE_UNSUPPORTED, "cuCtxSynchronize while a stream is captured");
    }
    context.run_all();
    context.check_memory("cuCtxSynchronize");
    return context.error;
  });
}

// Memory ------------------------------------------------------------------------------------------------------------

EXPORTED int cuMemGetInfo_v2(size_t* free_bytes, size_t* total) {
  return in_context([=](Context& context) {
    if (free_bytes == nullptr || total == nullptr) return INVALID_VALUE;
    size_t taken = context.memory.bytes();
    *total = driver().memory_bytes;
    *free_bytes = taken < *total ? *total - taken : 0;
    return SUCCESS;
  });
}

EXPORTED int cuMemAlloc_v2(uint64_t* address, size_t bytes) {
  return in_context([=](Context& context) {
    if (int no = refuse_in_capture(context)) return refuse(no, "cuMemAlloc while a stream is captured");
    if (address == nullptr || bytes == 0) return static_cast<int>(INVALID_VALUE);
    size_t taken = context.memory.bytes();
    if (taken > driver().memory_bytes || bytes > driver().memory_bytes - taken) return static_cast<int>(OUT_OF_MEMORY);
    unsigned char* begin = context.memory.take(bytes);
    if (begin == nullptr) return static_cast<int>(OUT_OF_MEMORY);
    *address = reinterpret_cast<uint64_t>(begin);
    return static_cast<int>(SUCCESS);
  });
}

EXPORTED int cuMemFree_v2(uint64_t address) {
  return giving_back([=](Context& context) {
    if (int no = refuse_in_capture(context)) return refuse(no, "cuMemFree while a stream is captured");
    size_t bytes = context.memory.bytes_at(address);
    if (bytes == 0) return refuse(INVALID_VALUE, "cuMemFree of what isn't, or is no longer, an allocation");
    std::string user = context.user_of(address, bytes);
    context.memory.give_back(address);
    if (!user.empty()) context.fail(ILLEGAL_ADDRESS, "device memory is freed while " + user + " is still to use it");
    context.check_memory("cuMemFree");
    return context.error;
  });
}

EXPORTED int cuMemHostAlloc(uint64_t* address, size_t bytes, unsigned flags) {
  return in_context([=](Context& context) {
    if (int no = refuse_in_capture(context)) return refuse(no, "cuMemHostAlloc while a stream is captured");
    if (address == nullptr || bytes == 0 || flags > 7) return static_cast<int>(INVALID_VALUE);
    unsigned char* begin = context.pinned.take(bytes);
    if (begin == nullptr) return static_cast<int>(OUT_OF_MEMORY);
    *address = reinterpret_cast<uint64_t>(begin);
    return static_cast<int>(SUCCESS);
  });
}

EXPORTED int cuMemFreeHost(uint64_t address) {
  return giving_back([=](Context& context) {
    if (int no = refuse_in_capture(context)) return refuse(no, "cuMemFreeHost while a stream is captured");
    size_t bytes = context.pinned.bytes_at(address);
    if (bytes == 0) return refuse(INVALID_VALUE, "cuMemFreeHost of what isn't, or is no longer, pinned memory");
    std::string user = context.user_of(address, bytes);
    context.pinned.give_back(address);
    if (!user.empty()) context.fail(ILLEGAL_ADDRESS, "pinned memory is freed while " + user + " is still to use it");
    context.check_memory("cuMemFreeHost");
    return context.error;
  });
}

EXPORTED int cuMemcpyHtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, uint64_t stream) {
  return in_context([=](Context& context) {
    if (bytes == 0) return static_cast<int>(SUCCESS);
    if (int no = check_range(context, "cuMemcpyHtoDAsync", to, bytes)) return no;
    Work work;
    if (context.pinned.holds(from, bytes)) {
      work = copy("cuMemcpyHtoDAsync", to, from, bytes);
      work.host_from = from;
      work.host_bytes = bytes;
      work.addresses.push_back(from);
    } else {
      // Pageable memory is read before the call returns.
      Stream* queue = context.streams.find(stream);
      if (queue != nullptr && queue->capture != nullptr) {
        queue->capture->invalid = true;
        return refuse(CAPTURE_UNSUPPORTED, "cuMemcpyHtoDAsync from pageable memory while the stream is captured");
      }
      const unsigned char* first = reinterpret_cast<const unsigned char*>(from);
      auto kept = std::make_shared<std::vector<unsigned char>>(first, first + bytes);
      work.name = "cuMemcpyHtoDAsync";
      work.run = [to, kept] {
        memcpy(reinterpret_cast<void*>(to), kept->data(), kept->size());
        return std::string();
      };
    }
    work.addresses.push_back(to);
    return enqueue(context, stream, std::move(work));
  });
}

EXPORTED int cuMemcpyDtoHAsync_v2(uint64_t to, uint64_t from, size_t bytes, uint64_t stream) {
  return in_context([=](Context& context) {
    if (bytes == 0) return static_cast<int>(SUCCESS);
    if (int no = check_range(context, "cuMemcpyDtoHAsync", from, bytes)) return no;
    Work work = copy("cuMemcpyDtoHAsync", to, from, bytes);
    work.addresses.push_back(from);
    bool pinned = context.pinned.holds(to, bytes);
    if (pinned) {
      work.host_to = to;
      work.host_bytes = bytes;
      work.addresses.push_back(to);
    }
    Stream* queue = context.streams.find(stream);
    if (!pinned && queue != nullptr && queue->capture != nullptr) {
      queue->capture->invalid = true;
      return refuse(CAPTURE_UNSUPPORTED, "cuMemcpyDtoHAsync to pageable memory while the stream is captured");
    }
    int result = enqueue(context, stream, std::move(work));
    // Pageable memory has been written when the call returns.
    if (!pinned && result == SUCCESS && queue != nullptr) queue->run_all();
    return result;
  });
}

EXPORTED int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, uint64_t stream) {
  return in_context([=](Context& context) {
    if (bytes == 0) return static_cast<int>(SUCCESS);
    if (int no = check_range(context, "cuMemcpyDtoDAsync", from, bytes)) return no;
    if (int no = check_range(context, "cuMemcpyDtoDAsync", to, bytes)) return no;
    Work work = copy("cuMemcpyDtoDAsync", to, from, bytes);
    work.addresses.push_back(from);
    work.addresses.push_back(to);
    return enqueue(context, stream, std::move(work));
  });
}

EXPORTED int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, uint64_t stream) {
  return in_context([=](Context& context) {
    if (bytes == 0) return static_cast<int>(SUCCESS);
    if (int no = check_range(context, "cuMemsetD8Async", to, bytes)) return no;
    Work work;
    work.name = "cuMemsetD8Async";
    work.run = [to, value, bytes] {
      memset(reinterpret_cast<void*>(to), value, bytes);
      return std::string();
    };
    work.addresses.push_back(to);
    return enqueue(context, stream, std::move(work));
  });
}
