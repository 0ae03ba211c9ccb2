package org.pyramiddrop.kernels.cuda;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.cuda.CudaException;
import org.pyramiddrop.cuda.CudaGraph;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.cuda.ExecutableGraph;
import org.pyramiddrop.kernels.Profile;
import org.pyramiddrop.kernels.Recording;

/** Work that was captured as a CUDA graph; it is launched as a whole. */
final class CudaRecording implements Recording {
  private final GpuCalls calls;
  private final CudaStream stream;
  private final ExecutableGraph graph;
  private final DeviceMemory.Lease memory;
  private final Runnable work;
  private final CudaProfiler profiler;

  private CudaRecording(
      GpuCalls calls,
      CudaStream stream,
      ExecutableGraph graph,
      DeviceMemory.Lease memory,
      Runnable work,
      CudaProfiler profiler) {
    this.calls = calls;
    this.stream = stream;
    this.graph = graph;
    this.memory = memory;
    this.work = work;
    this.profiler = profiler;
  }

  /**
   * Captures {@code work} on the thread that owns the stream.
   *
   * @param calls reach that thread
   * @param profiler tells how long its launches take
   */
  static CudaRecording of(
      Runnable work,
      GpuCalls calls,
      CudaStream stream,
      DeviceMemory memory,
      CudaProfiler profiler) {
    memory.beginRecording();
    ExecutableGraph graph;
    try {
      graph = capture(work, stream);
    } catch (RuntimeException | Error e) {
      try {
        memory.endRecording().close();
      } catch (RuntimeException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw e;
    }
    return new CudaRecording(calls, stream, graph, memory.endRecording(), work, profiler);
  }

  private static ExecutableGraph capture(Runnable work, CudaStream stream) {
    stream.beginCapture();
    try {
      work.run();
    } catch (RuntimeException | Error e) {
      try {
        stream.abandonCapture();
      } catch (CudaException further) {
        // A lost GPU fails this too; the first failure has said so.
        if (!further.isFatal()) {
          e.addSuppressed(further);
        }
      }
      throw e;
    }
    try (CudaGraph captured = stream.endCapture()) {
      return captured.instantiate();
    }
  }

  @Override
  public void run() {
    calls.run(() -> graph.launch(stream));
  }

  @Override
  public List<Profile> profile(Profile.Order order, int runs) {
    List<Profile> profiles = new ArrayList<>();
    calls.run(() -> profiles.addAll(profiler.profile(this, work, order, runs)));
    return profiles;
  }

  @Override
  public void close() {
    calls.release(() -> {
      try {
        graph.close();
      } finally {
        memory.close();
      }
    });
  }
}
