package org.pyramiddrop.kernels.cuda;

import java.util.function.Consumer;
import org.pyramiddrop.cuda.CudaGraph;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.cuda.ExecutableGraph;
import org.pyramiddrop.kernels.Recording;

/** Work that was captured as a CUDA graph; it is launched as a whole. */
final class CudaRecording implements Recording {
  private final Consumer<Runnable> onGpu;
  private final CudaStream stream;
  private final ExecutableGraph graph;
  private final DeviceMemory.Lease memory;

  private CudaRecording(
      Consumer<Runnable> onGpu,
      CudaStream stream,
      ExecutableGraph graph,
      DeviceMemory.Lease memory) {
    this.onGpu = onGpu;
    this.stream = stream;
    this.graph = graph;
    this.memory = memory;
  }

  /**
   * Captures {@code work} on the thread that owns the stream.
   *
   * @param onGpu runs what it is given on that thread
   */
  static CudaRecording of(
      Runnable work, Consumer<Runnable> onGpu, CudaStream stream, DeviceMemory memory) {
    memory.beginRecording();
    ExecutableGraph graph;
    try {
      graph = capture(work, stream);
    } catch (RuntimeException | Error e) {
      memory.endRecording().close();
      throw e;
    }
    return new CudaRecording(onGpu, stream, graph, memory.endRecording());
  }

  private static ExecutableGraph capture(Runnable work, CudaStream stream) {
    stream.beginCapture();
    try {
      work.run();
    } catch (RuntimeException | Error e) {
      try {
        stream.abandonCapture();
      } catch (RuntimeException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw e;
    }
    try (CudaGraph captured = stream.endCapture()) {
      return captured.instantiate();
    }
  }

  @Override
  public void run() {
    onGpu.accept(() -> graph.launch(stream));
  }

  @Override
  public void close() {
    onGpu.accept(() -> {
      graph.close();
      memory.close();
    });
  }
}
