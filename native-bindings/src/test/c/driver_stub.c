// A driver without a GPU: device memory is host memory, work is done when it is given, launches only keep their arguments.
// It writes down every call, counts what is open, and fails where a test wants it to.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef INIT
#define INIT 0
#endif
#ifndef DEVICES
#define DEVICES 1
#endif
#ifndef CAPABILITY
#define CAPABILITY 90
#endif
#ifndef VERSION
#define VERSION 13000
#endif

enum { OUT_OF_MEMORY = 2, NOT_FOUND = 500, CAPTURE_INVALIDATED = 901 };
static const uint64_t TOTAL = (uint64_t)80 << 30;

static char calls[1 << 16];
static char failing[64];
static int failing_with;
static int open_handles;
static uintptr_t next_handle = 0x1000;
static int capture_spoilt;
static int capability = CAPABILITY;
static unsigned char arguments[64];

const char *stub_calls(void) { return calls; }
int stub_open_handles(void) { return open_handles; }
const void *stub_arguments(void) { return arguments; }
void stub_spoil_capture(void) { capture_spoilt = 1; }
void stub_fail(const char *call, int code) {
  snprintf(failing, sizeof failing, "%s", call);
  failing_with = code;
}
void stub_capability(int now) { capability = now; }
void stub_reset(void) {
  calls[0] = failing[0] = 0;
  open_handles = capture_spoilt = 0;
  capability = CAPABILITY;
}

// Writes the call down; what it has to return.
static int called(const char *name) {
  size_t length = strlen(calls);
  snprintf(calls + length, sizeof calls - length, "%s ", name);
  if (strcmp(name, failing) != 0) return 0;
  failing[0] = 0;
  return failing_with;
}

static int create(const char *name, void **handle) {
  int result = called(name);
  if (result == 0) {
    *handle = (void *)(next_handle += 16);
    open_handles++;
  }
  return result;
}

// Gives back even when it has to report a failure, as the driver does.
static int destroy(const char *name) {
  open_handles--;
  return called(name);
}

int cuInit(unsigned flags) { return flags == 0 ? INIT : 1; }
int cuDriverGetVersion(int *version) { *version = VERSION; return 0; }
int cuDeviceGetCount(int *count) { *count = DEVICES; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = 7 + ordinal; return 0; }
int cuDeviceGetName(char *name, int length, int device) { snprintf(name, length, "Stub %d", device); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = TOTAL; return device < 7; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  switch (attribute) {
    case 16: *value = 132; break;
    case 75: *value = capability / 10; break;
    case 76: *value = capability % 10; break;
    case 97: *value = 232448; break;
    default: return 1;
  }
  return device < 7;
}

int cuDevicePrimaryCtxRetain(void **context, int device) { (void)device; return create("retain", context); }
int cuDevicePrimaryCtxRelease_v2(int device) { (void)device; return destroy("release"); }
int cuCtxSetCurrent(void *context) { return called(context ? "current" : "uncurrent"); }

int cuMemGetInfo_v2(size_t *free_bytes, size_t *total) { *free_bytes = TOTAL / 4; *total = TOTAL; return 0; }
int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  if (bytes > TOTAL) return OUT_OF_MEMORY;
  void *memory;
  int result = create("cuMemAlloc", &memory);
  if (result == 0) *address = (uint64_t)(uintptr_t)aligned_alloc(256, (bytes + 255) / 256 * 256);
  return result;
}
int cuMemFree_v2(uint64_t address) { free((void *)(uintptr_t)address); return destroy("cuMemFree"); }
int cuMemHostAlloc(void **address, size_t bytes, unsigned flags) {
  int result = flags == 0 ? create("cuMemHostAlloc", address) : 1;
  if (result == 0) *address = malloc(bytes);
  return result;
}
int cuMemFreeHost(void *address) { free(address); return destroy("cuMemFreeHost"); }
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream) {
  (void)stream;
  memcpy((void *)(uintptr_t)to, from, bytes);
  return called("upload");
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
  (void)stream;
  memcpy(to, (void *)(uintptr_t)from, bytes);
  return called("download");
}
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *stream) {
  (void)stream;
  memcpy((void *)(uintptr_t)to, (void *)(uintptr_t)from, bytes);
  return called("copy");
}
int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void *stream) {
  (void)stream;
  memset((void *)(uintptr_t)to, value, bytes);
  return called("fill");
}

int cuStreamCreate(void **stream, unsigned flags) { return flags == 1 ? create("cuStreamCreate", stream) : 1; }
int cuStreamDestroy_v2(void *stream) { (void)stream; return destroy("cuStreamDestroy"); }
int cuStreamSynchronize(void *stream) { (void)stream; return called("cuStreamSynchronize"); }
int cuStreamWaitEvent(void *stream, void *event, unsigned flags) {
  return stream && event && flags == 0 ? called("cuStreamWaitEvent") : 1;
}
int cuStreamBeginCapture_v2(void *stream, int mode) { (void)stream; return mode == 2 ? called("beginCapture") : 1; }
int cuStreamEndCapture(void *stream, void **graph) {
  (void)stream;
  if (capture_spoilt) {
    capture_spoilt = 0;
    *graph = NULL;
    called("spoiltCapture");
    return CAPTURE_INVALIDATED;
  }
  return create("endCapture", graph);
}
int cuEventCreate(void **event, unsigned flags) {
  return create(flags == 0 ? "timedEvent" : flags == 2 ? "plainEvent" : "oddEvent", event);
}
int cuEventDestroy_v2(void *event) { (void)event; return destroy("cuEventDestroy"); }
int cuEventRecord(void *event, void *stream) { return event && stream ? called("cuEventRecord") : 1; }
int cuEventRecordWithFlags(void *event, void *stream, unsigned flags) {
  return event && stream && flags == 1 ? called("cuEventRecordWithFlags") : 1;
}
int cuEventSynchronize(void *event) { (void)event; return called("cuEventSynchronize"); }
int cuEventElapsedTime_v2(float *millis, void *start, void *end) {
  *millis = start < end ? 1.5f : -1.5f;
  return 0;
}

int cuModuleLoadData(void **module, const void *image) {
  if (strncmp(image, "kernels", 8) != 0) return 200;
  return create("cuModuleLoadData", module);
}
int cuModuleUnload(void *module) { (void)module; return destroy("cuModuleUnload"); }
int cuModuleGetFunction(void **function, void *module, const char *name) {
  (void)module;
  if (strcmp(name, "rmsNorm") != 0) return NOT_FOUND;
  *function = (void *)0x500;
  return 0;
}
int cuFuncGetAttribute(int *value, int attribute, void *function) {
  (void)function;
  *value = 1000 + attribute;
  return 0;
}
int cuFuncSetAttribute(void *function, int attribute, int value) {
  return function == (void *)0x500 && attribute == 8 && value == 98304 ? called("cuFuncSetAttribute") : 1;
}
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **parameters, void **extra) {
  char text[96];
  snprintf(text, sizeof text, "launch(%u,%u,%u/%u,%u,%u/%u)", gx, gy, gz, bx, by, bz, shared);
  memcpy(arguments, parameters[0], sizeof arguments);
  if (function != (void *)0x500 || stream == NULL || extra != NULL) return 1;
  int result = called(text);
  return result != 0 ? result : called("launch");
}

int cuTensorMapEncodeTiled(void *map, int type, unsigned rank, void *address, const long long *sizes,
                           const long long *strides, const unsigned *box, const unsigned *steps, int interleave,
                           int swizzle, int promotion, int fill) {
  if ((size_t)map % 64 != 0 || rank < 2 || rank > 4 || steps[0] != 1 || steps[1] != 1 || interleave != 0 || swizzle != 3 ||
      promotion != 3 || fill != 0) {
    return 1;
  }
  long long all[16] = {type, (long long)address, sizes[0], sizes[1], strides[0], box[0], box[1]};
  for (unsigned i = 2; i < rank; i++) {
    all[3 * i + 1] = sizes[i];
    all[3 * i + 2] = strides[i - 1];
    all[3 * i + 3] = box[i];
  }
  memcpy(map, all, sizeof all);
  return called("cuTensorMapEncodeTiled");
}

int cuGraphGetNodes(void *graph, void *nodes, size_t *count) {
  (void)graph;
  *count = 5;
  return nodes != NULL;
}
int cuGraphDestroy(void *graph) { (void)graph; return destroy("cuGraphDestroy"); }
int cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long flags) {
  (void)graph;
  return flags == 0 ? create("instantiate", executable) : 1;
}
int cuGraphLaunch(void *executable, void *stream) { (void)executable; return stream ? called("cuGraphLaunch") : 1; }
int cuGraphExecDestroy(void *executable) { (void)executable; return destroy("cuGraphExecDestroy"); }

int cuGetErrorName(int code, const char **name) {
  switch (code) {
    case OUT_OF_MEMORY: *name = "CUDA_ERROR_OUT_OF_MEMORY"; return 0;
    case 200: *name = "CUDA_ERROR_INVALID_IMAGE"; return 0;
    case NOT_FOUND: *name = "CUDA_ERROR_NOT_FOUND"; return 0;
    case 700: *name = "CUDA_ERROR_ILLEGAL_ADDRESS"; return 0;
    case CAPTURE_INVALIDATED: *name = "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"; return 0;
    default: *name = NULL; return 1;
  }
}
int cuGetErrorString(int code, const char **words) {
  *words = code == OUT_OF_MEMORY ? "out of memory" : code == 803 ? "driver mismatch" : "words about it";
  return 0;
}
