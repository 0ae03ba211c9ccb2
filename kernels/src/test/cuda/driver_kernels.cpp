// The driver's interface: modules, functions and launches.
#include "driver.h"

using namespace emulated;

namespace {

std::string shape(unsigned x, unsigned y, unsigned z) {
  return std::to_string(x) + "x" + std::to_string(y) + "x" + std::to_string(z);
}

}  // namespace

EXPORTED int cuModuleLoadData(uint64_t* handle, const void* image) {
  return in_context([=](Context& context) {
    if (int no = refuse_in_capture(context)) return refuse(no, "cuModuleLoadData while a stream is captured");
    if (handle == nullptr || image == nullptr) return static_cast<int>(INVALID_VALUE);
    if (strncmp(static_cast<const char*>(image), "emulated", 8) != 0) {
      return refuse(INVALID_IMAGE, "the emulation runs no other module than the image \"emulated\"");
    }
    *handle = context.modules.add(std::make_shared<Module>());
    return static_cast<int>(SUCCESS);
  });
}

EXPORTED int cuModuleUnload(uint64_t handle) {
  return giving_back([=](Context& context) {
    if (int no = refuse_in_capture(context)) return refuse(no, "cuModuleUnload while a stream is captured");
    context.run_all();
    auto& functions = context.functions.objects;
    for (auto entry = functions.begin(); entry != functions.end();) {
      entry = entry->second->module == handle ? functions.erase(entry) : std::next(entry);
    }
    return static_cast<int>(context.modules.remove(handle) ? SUCCESS : INVALID_HANDLE);
  });
}

EXPORTED int cuModuleGetFunction(uint64_t* handle, uint64_t module, const char* name) {
  return in_context([=](Context& context) {
    if (handle == nullptr || name == nullptr) return static_cast<int>(INVALID_VALUE);
    if (context.modules.find(module) == nullptr) return static_cast<int>(INVALID_HANDLE);
    const emulation::Kernel* kernel = emulation::find(name);
    if (kernel == nullptr) return refuse(NOT_FOUND, "no kernel " + std::string(name));
    for (const auto& entry : context.functions) {
      if (entry.second->module != module || entry.second->kernel != kernel) continue;
      *handle = entry.first;
      return static_cast<int>(SUCCESS);
    }
    *handle = context.functions.add(
        std::make_shared<Function>(Function{name, kernel, DEFAULT_SHARED_BYTES, module}));
    return static_cast<int>(SUCCESS);
  });
}

EXPORTED int cuFuncGetAttribute(int* value, int which, uint64_t handle) {
  return in_context([=](Context& context) {
    Function* function = context.functions.find(handle);
    if (function == nullptr) return static_cast<int>(INVALID_HANDLE);
    if (value == nullptr) return static_cast<int>(INVALID_VALUE);
    switch (which) {
      case 0: *value = static_cast<int>(emulation::max_threads(function->kernel)); break;
      case 1: case 2: case 3: case 7: *value = 0; break;  // static shared, constant and local bytes; cache mode
      case 4: *value = 32; break;                         // registers
      case 5: case 6: *value = driver().compute_capability; break;
      case 8: *value = static_cast<int>(function->shared_bytes_allowed); break;
      case 9: *value = -1; break;  // carve-out
      default: return refuse(INVALID_VALUE, "no function attribute " + std::to_string(which) + " in the emulation");
    }
    return static_cast<int>(SUCCESS);
  });
}

EXPORTED int cuFuncSetAttribute(uint64_t handle, int which, int value) {
  return in_context([=](Context& context) {
    Function* function = context.functions.find(handle);
    if (function == nullptr) return static_cast<int>(INVALID_HANDLE);
    if (which == 9 && value >= -1 && value <= 100) return static_cast<int>(SUCCESS);
    if (which != 8 || value < 0 || static_cast<unsigned>(value) > driver().max_shared_bytes()) {
      return refuse(INVALID_VALUE, function->name + ": attribute " + std::to_string(which) + " can't be set to " +
                                       std::to_string(value));
    }
    function->shared_bytes_allowed = static_cast<unsigned>(value);
    return static_cast<int>(SUCCESS);
  });
}

// Kernels here take one struct; the driver copies it before the call returns.
EXPORTED int cuLaunchKernel(uint64_t handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                            unsigned block_y, unsigned block_z, unsigned shared_bytes, uint64_t stream,
                            void** parameters, void** extra) {
  return in_context([=](Context& context) {
    Function* function = context.functions.find(handle);
    if (function == nullptr) return static_cast<int>(INVALID_HANDLE);
    const std::string& name = function->name;
    if (parameters == nullptr || parameters[0] == nullptr || extra != nullptr) {
      return refuse(INVALID_VALUE, name + ": no arguments");
    }
    if (grid_x == 0 || grid_x > 0x7fffffff || grid_y == 0 || grid_y > 65535 || grid_z == 0 || grid_z > 65535) {
      return refuse(INVALID_VALUE, name + ": a grid of " + shape(grid_x, grid_y, grid_z) + " blocks");
    }
    uint64_t threads = uint64_t{block_x} * block_y * block_z;
    if (threads == 0 || threads > 1024 || block_x > 1024 || block_y > 1024 || block_z > 64) {
      return refuse(INVALID_VALUE, name + ": a block of " + shape(block_x, block_y, block_z) + " threads");
    }
    if (threads > emulation::max_threads(function->kernel)) {
      return refuse(LAUNCH_OUT_OF_RESOURCES, name + ": " + std::to_string(threads) + " threads, compiled for " +
                                                 std::to_string(emulation::max_threads(function->kernel)));
    }
    if (grid_x % emulation::cluster_blocks(function->kernel) != 0) {
      return refuse(INVALID_VALUE, name + ": " + std::to_string(grid_x) + " blocks are no whole clusters of " +
                                       std::to_string(emulation::cluster_blocks(function->kernel)));
    }
    if (shared_bytes > function->shared_bytes_allowed) {
      return refuse(INVALID_VALUE, name + ": " + std::to_string(shared_bytes) +
                                       " bytes of shared memory, allowed are " +
                                       std::to_string(function->shared_bytes_allowed));
    }
    Work work;
    work.name = name;
    const unsigned char* first = static_cast<const unsigned char*>(parameters[0]);
    std::vector<unsigned char> arguments(first, first + emulation::argument_bytes(function->kernel));
    for (const emulation::Pointer& pointer : emulation::pointers(function->kernel)) {
      uint64_t address;
      memcpy(&address, &arguments[pointer.offset], sizeof address);
      if (address == 0) continue;
      if (address % pointer.alignment != 0) {
        context.fail(MISALIGNED_ADDRESS, name + ": the pointer at byte " + std::to_string(pointer.offset) +
                                             " of its arguments is no multiple of " +
                                             std::to_string(pointer.alignment));
        return static_cast<int>(MISALIGNED_ADDRESS);
      }
      work.addresses.push_back(address);
    }
    emulation::Launch launch{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes};
    work.run = [kernel = function->kernel, launch, copied = std::move(arguments)] {
      // Vectors of bytes begin at addresses good for any struct.
      const char* wrong = emulation::run(kernel, launch, copied.data());
      return std::string(wrong == nullptr ? "" : wrong);
    };
    Stream* queue = context.streams.find(stream);
    if (queue == nullptr || queue->capture == nullptr) driver().launches++;
    return enqueue(context, stream, std::move(work));
  });
}
