// The driver's interface: streams, events, capture and graphs, and the names of errors.
#include "driver.h"

using namespace emulated;

namespace {

constexpr unsigned NON_BLOCKING = 1;
constexpr unsigned DISABLE_TIMING = 2;
constexpr unsigned EXTERNAL = 1;

struct Explained {
  int error;
  const char* name;
  const char* text;
};

const Explained EXPLAINED[] = {
    {SUCCESS, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "an argument is out of its range"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "not enough memory"},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "cuInit was not called"},
    {DEINITIALIZED, "CUDA_ERROR_DEINITIALIZED", "the driver is shutting down"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "there is no device"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "no device has this number"},
    {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "the module's image is not valid"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "no context is current, or it is gone"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "the module has no code for this device"},
    {ECC_UNCORRECTABLE, "CUDA_ERROR_ECC_UNCORRECTABLE", "memory failed beyond correction"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the module was made for a newer driver"},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "a handle names nothing that exists"},
    {ILLEGAL_STATE, "CUDA_ERROR_ILLEGAL_STATE", "not possible in this state"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "nothing has this name"},
    {NOT_READY, "CUDA_ERROR_NOT_READY", "not finished yet"},
    {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "a kernel used memory that isn't its own"},
    {LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "a launch asks for more than there is"},
    {LAUNCH_TIMEOUT, "CUDA_ERROR_LAUNCH_TIMEOUT", "a kernel ran too long"},
    {MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS", "a kernel used an address of too small an alignment"},
    {LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "a kernel failed"},
    {CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "not possible while a stream is captured"},
    {CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "an earlier error spoilt the capture"},
    {CAPTURE_ISOLATION, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION", "the capture would depend on work outside of it"},
    {CAPTURE_IMPLICIT, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT", "the default stream would wait for a capture"},
    {CAPTURED_EVENT, "CUDA_ERROR_CAPTURED_EVENT", "the event was recorded in a capture"},
    {CAPTURE_WRONG_THREAD, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD", "another thread began the capture"},
    {999, "CUDA_ERROR_UNKNOWN", "an unknown error"},
};

const Explained* explain(int error) {
  for (const Explained& one : EXPLAINED) {
    if (one.error == error) return &one;
  }
  return nullptr;
}

}  // namespace

// Streams and events ------------------------------------------------------------------------------------------------

EXPORTED int cuStreamCreate(uint64_t* handle, unsigned flags) {
  return in_context([=](Context& context) {
    if (handle == nullptr || flags > NON_BLOCKING) return INVALID_VALUE;
    std::shared_ptr<Stream> stream = std::make_shared<Stream>();
    stream->context = &context;
    stream->waits_for_default = flags != NON_BLOCKING;
    *handle = context.streams.add(stream);
    return SUCCESS;
  });
}

EXPORTED int cuStreamDestroy_v2(uint64_t handle) {
  return giving_back([=](Context& context) {
    Stream* stream = context.streams.find(handle);
    if (stream == nullptr) return INVALID_HANDLE;
    stream->run_all();
    context.streams.remove(handle);
    return SUCCESS;
  });
}

EXPORTED int cuStreamSynchronize(uint64_t handle) {
  return in_context([=](Context& context) {
    // Work on the default stream has run by the time its call returns.
    if (handle == 0) {
      if (int no = refuse_in_capture(context)) return no;
      for (const auto& entry : context.streams) {
        if (entry.second->waits_for_default) entry.second->run_all();
      }
    } else {
      Stream* stream = context.streams.find(handle);
      if (stream == nullptr) return static_cast<int>(INVALID_HANDLE);
      if (stream->capture != nullptr) {
        stream->capture->invalid = true;
        return static_cast<int>(CAPTURE_UNSUPPORTED);
      }
      stream->run_all();
    }
    context.check_memory("cuStreamSynchronize");
    return context.error;
  });
}

EXPORTED int cuStreamWaitEvent(uint64_t handle, uint64_t event_handle, unsigned flags) {
  return in_context([=](Context& context) {
    Stream* stream = context.streams.find(handle);
    Event* event = context.events.find(event_handle);
    if (stream == nullptr || event == nullptr) return static_cast<int>(INVALID_HANDLE);
    if (flags > 1) return static_cast<int>(INVALID_VALUE);
    if (stream->capture != nullptr) {
      if (stream->capture->invalid) return static_cast<int>(CAPTURE_INVALIDATED);
      // In a capture of one stream its own events add no order; what happens outside can't be part of it.
      if (event->captured) return static_cast<int>(SUCCESS);
      stream->capture->invalid = true;
      return static_cast<int>(CAPTURE_ISOLATION);
    }
    if (event->captured) {
      return refuse(CAPTURE_UNSUPPORTED, "the emulation captures one stream at a time: no other can join");
    }
    if (event->recorded == nullptr) return static_cast<int>(SUCCESS);
    Work work;
    work.name = "cuStreamWaitEvent";
    work.run = [moment = event->recorded] {
      if (!moment->passed) moment->stream->run_until(*moment);
      return std::string();
    };
    return enqueue(context, handle, std::move(work));
  });
}

EXPORTED int cuEventCreate(uint64_t* handle, unsigned flags) {
  return in_context([=](Context& context) {
    if (handle == nullptr || flags > 7) return INVALID_VALUE;
    std::shared_ptr<Event> event = std::make_shared<Event>();
    event->timing = (flags & DISABLE_TIMING) == 0;
    *handle = context.events.add(event);
    return SUCCESS;
  });
}

EXPORTED int cuEventDestroy_v2(uint64_t handle) {
  return giving_back([=](Context& context) { return context.events.remove(handle) ? SUCCESS : INVALID_HANDLE; });
}

EXPORTED int cuEventRecordWithFlags(uint64_t handle, uint64_t stream_handle, unsigned flags) {
  return in_context([=](Context& context) {
    if (flags > EXTERNAL) return static_cast<int>(INVALID_VALUE);
    Event* event = context.events.find(handle);
    Stream* stream = context.streams.find(stream_handle);
    if (event == nullptr || (stream == nullptr && stream_handle != 0)) return static_cast<int>(INVALID_HANDLE);
    if (stream != nullptr && stream->capture != nullptr) {
      if (stream->capture->invalid) return static_cast<int>(CAPTURE_INVALIDATED);
      if (flags == EXTERNAL) {
        Work node;
        node.name = "an event's record";
        node.event = handle;
        return enqueue(context, stream_handle, std::move(node));
      }
      event->captured = true;
      event->recorded = nullptr;
      return static_cast<int>(SUCCESS);
    }
    if (flags == EXTERNAL) return refuse(INVALID_VALUE, "an external event is recorded outside of a capture");
    event->captured = false;
    event->recorded = std::make_shared<Moment>();
    event->recorded->stream = stream;
    Work work;
    work.name = "cuEventRecord";
    work.marks = event->recorded;
    int result = enqueue(context, stream_handle, std::move(work));
    if (stream == nullptr) {
      event->recorded->passed = true;
      event->recorded->at = std::chrono::steady_clock::now();
    }
    return result;
  });
}

EXPORTED int cuEventRecord(uint64_t handle, uint64_t stream) { return cuEventRecordWithFlags(handle, stream, 0); }

EXPORTED int cuEventSynchronize(uint64_t handle) {
  return in_context([=](Context& context) {
    Event* event = context.events.find(handle);
    if (event == nullptr) return static_cast<int>(INVALID_HANDLE);
    if (event->captured) return static_cast<int>(CAPTURED_EVENT);
    if (int no = refuse_in_capture(context)) return no;
    if (event->recorded != nullptr && !event->recorded->passed) event->recorded->stream->run_until(*event->recorded);
    context.check_memory("cuEventSynchronize");
    return context.error;
  });
}

EXPORTED int cuEventElapsedTime_v2(float* millis, uint64_t from_handle, uint64_t to_handle) {
  return in_context([=](Context& context) {
    Event* from = context.events.find(from_handle);
    Event* to = context.events.find(to_handle);
    if (millis == nullptr) return INVALID_VALUE;
    if (from == nullptr || to == nullptr || !from->timing || !to->timing || from->recorded == nullptr ||
        to->recorded == nullptr) {
      return INVALID_HANDLE;
    }
    if (!from->recorded->passed || !to->recorded->passed) return NOT_READY;
    *millis = std::chrono::duration<float, std::milli>(to->recorded->at - from->recorded->at).count();
    return SUCCESS;
  });
}

// Graphs ------------------------------------------------------------------------------------------------------------

EXPORTED int cuStreamBeginCapture_v2(uint64_t handle, int mode) {
  return in_context([=](Context& context) {
    if (mode < 0 || mode > 2) return INVALID_VALUE;
    if (handle == 0) return CAPTURE_UNSUPPORTED;
    Stream* stream = context.streams.find(handle);
    if (stream == nullptr) return INVALID_HANDLE;
    if (stream->capture != nullptr) return ILLEGAL_STATE;
    stream->capture = std::make_unique<Capture>();
    stream->capture->thread_local_mode = mode == 1;
    stream->capture->relaxed = mode == 2;
    stream->capture->thread = std::this_thread::get_id();
    return SUCCESS;
  });
}

EXPORTED int cuStreamEndCapture(uint64_t handle, uint64_t* graph) {
  return giving_back([=](Context& context) {
    Stream* stream = context.streams.find(handle);
    if (stream == nullptr) return INVALID_HANDLE;
    if (graph == nullptr) return INVALID_VALUE;
    *graph = 0;
    if (stream->capture == nullptr) return ILLEGAL_STATE;
    if (!stream->capture->relaxed && stream->capture->thread != std::this_thread::get_id()) {
      return CAPTURE_WRONG_THREAD;
    }
    std::unique_ptr<Capture> capture = std::move(stream->capture);
    if (capture->invalid) return CAPTURE_INVALIDATED;
    driver().captured_nodes = capture->graph.nodes.size();
    driver().captures++;
    *graph = context.graphs.add(std::make_shared<Graph>(std::move(capture->graph)));
    return SUCCESS;
  });
}

EXPORTED int cuGraphGetNodes(uint64_t handle, uint64_t* nodes, size_t* count) {
  return in_context([=](Context& context) {
    Graph* graph = context.graphs.find(handle);
    if (graph == nullptr) return INVALID_HANDLE;
    if (count == nullptr) return INVALID_VALUE;
    if (nodes == nullptr) {
      *count = graph->nodes.size();
      return SUCCESS;
    }
    for (size_t i = 0; i < *count; i++) nodes[i] = i < graph->nodes.size() ? handle + i + 1 : 0;
    *count = std::min(*count, graph->nodes.size());
    return SUCCESS;
  });
}

EXPORTED int cuGraphInstantiateWithFlags(uint64_t* handle, uint64_t graph_handle, unsigned long long flags) {
  return in_context([=](Context& context) {
    Graph* graph = context.graphs.find(graph_handle);
    if (graph == nullptr) return INVALID_HANDLE;
    if (handle == nullptr || flags > 15) return INVALID_VALUE;
    *handle = context.executables.add(std::make_shared<Graph>(*graph));
    driver().instantiations++;
    return SUCCESS;
  });
}

EXPORTED int cuGraphLaunch(uint64_t handle, uint64_t stream_handle) {
  return in_context([=](Context& context) {
    Graph* graph = context.executables.find(handle);
    if (graph == nullptr) return static_cast<int>(INVALID_HANDLE);
    Stream* stream = context.streams.find(stream_handle);
    bool captured = stream != nullptr && stream->capture != nullptr;
    Work work;
    work.name = "cuGraphLaunch";
    work.nodes = graph->nodes;
    for (Node& node : work.nodes) {
      if (node->event == 0 || captured) continue;
      Event* event = context.events.find(node->event);
      if (event == nullptr) return refuse(INVALID_VALUE, "a graph records an event that was destroyed");
      // Each launch has moments of its own.
      std::shared_ptr<Work> once = std::make_shared<Work>(*node);
      once->marks = event->recorded = std::make_shared<Moment>();
      once->marks->stream = stream;
      event->captured = false;
      node = std::move(once);
    }
    int result = enqueue(context, stream_handle, std::move(work));
    if (result == SUCCESS) {
      driver().graph_launches++;
      driver().graph_nodes += graph->nodes.size();
    }
    return result;
  });
}

EXPORTED int cuGraphExecDestroy(uint64_t handle) {
  return giving_back([=](Context& context) { return context.executables.remove(handle) ? SUCCESS : INVALID_HANDLE; });
}

EXPORTED int cuGraphDestroy(uint64_t handle) {
  return giving_back([=](Context& context) { return context.graphs.remove(handle) ? SUCCESS : INVALID_HANDLE; });
}

// Errors ------------------------------------------------------------------------------------------------------------

EXPORTED int cuGetErrorName(int error, const char** name) {
  const Explained* found = explain(error);
  if (found == nullptr) return INVALID_VALUE;
  *name = found->name;
  return SUCCESS;
}

EXPORTED int cuGetErrorString(int error, const char** text) {
  const Explained* found = explain(error);
  if (found == nullptr) return INVALID_VALUE;
  *text = found->text;
  return SUCCESS;
}
