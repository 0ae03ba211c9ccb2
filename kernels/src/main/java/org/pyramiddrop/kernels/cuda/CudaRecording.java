package org.pyramiddrop.kernels.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.pyramiddrop.cuda.CudaGraph;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.cuda.ExecutableGraph;
import org.pyramiddrop.kernels.Profile;
import org.pyramiddrop.kernels.Recording;

/** Work that was captured as a CUDA graph; it is launched as a whole. */
final class CudaRecording implements Recording {
  private final Consumer<Runnable> onGpu;
  private final CudaStream stream;
  private final ExecutableGraph graph;
  private final DeviceMemory.Lease memory;
  private final Runnable work;
  private final CudaProfiler profiler;

  private CudaRecording(
      Consumer<Runnable> onGpu,
      CudaStream stream,
      ExecutableGraph graph,
      DeviceMemory.Lease memory,
      Runnable work,
      CudaProfiler profiler) {
    this.onGpu = onGpu;
    this.stream = stream;
    this.graph = graph;
    this.memory = memory;
    this.work = work;
    this.profiler = profiler;
  }

  /**
   * Captures {@code work} on the thread that owns the stream.
   *
   * @param onGpu runs what it is given on that thread
   * @param profiler tells how long its launches take
   */
  static CudaRecording of(
      Runnable work,
      Consumer<Runnable> onGpu,
      CudaStream stream,
      DeviceMemory memory,
      CudaProfiler profiler) {
    memory.beginRecording();
    ExecutableGraph graph;
    try {
      graph = capture(work, stream);
    } catch (RuntimeException | Error e) {
      memory.endRecording().close();
      throw e;
    }
    return new CudaRecording(onGpu, stream, graph, memory.endRecording(), work, profiler);
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
  public List<Profile> profile(Profile.Order order, int runs) {
    List<Profile> profiles = new ArrayList<>();
    onGpu.accept(() -> profiles.addAll(profiler.profile(this, work, order, runs)));
    return profiles;
  }

  @Override
  public void close() {
    onGpu.accept(() -> {
      graph.close();
      memory.close();
    });
  }
}
