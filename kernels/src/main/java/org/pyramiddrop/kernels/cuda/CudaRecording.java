package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.cuda.CudaException;
import org.pyramiddrop.cuda.CudaGraph;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.cuda.ExecutableGraph;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.Recording;

/** Work that was captured as a CUDA graph; it is launched as a whole. */
final class CudaRecording implements Recording {
  private final OwnerThread owner;
  private final CudaStream stream;
  private final ExecutableGraph graph;

  /** Captures {@code work} on the thread that owns the stream. */
  CudaRecording(OwnerThread owner, CudaStream stream, Runnable work) {
    this.owner = owner;
    this.stream = stream;
    stream.beginCapture();
    try {
      work.run();
    } catch (RuntimeException | Error e) {
      stream.abandonCapture();
      throw e;
    }
    try (CudaGraph captured = stream.endCapture()) {
      graph = captured.instantiate();
    }
  }

  @Override
  public void run() {
    owner.run(() -> {
      try {
        graph.launch(stream);
      } catch (CudaException e) {
        throw new DeviceException("the GPU failed: " + e.getMessage(), e);
      }
    });
  }

  @Override
  public void close() {
    owner.run(graph::close);
  }
}
