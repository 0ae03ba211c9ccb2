package org.pyramiddrop.kernels.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;

/**
 * Products by the native library, split over the same workers. Weights of a type that it has no
 * kernel for are multiplied by the Vector API.
 *
 * <p>A task owns some outputs. It names their weight rows one by one, so that parts of a stacked
 * weight, or gate and up, need no code of their own. Rows and sums are copied to and from memory
 * outside the heap, which costs a hundredth of a product: native code that held Java's arrays would
 * have the garbage collector wait for it.
 */
final class NativeProducts implements Products {
  /**
   * Up to this many rows weights are streamed, and rows stay float32: a decode step of a batch
   * gives each row what it gets alone.
   */
  static final int STREAMED_ROWS = 16;

  /** The most weight rows of a task of many rows: their panels stay in the second-level cache. */
  private static final int MATMUL_COLUMNS = 4 * NativeKernel.PANEL;

  /** The most bytes of weights that a task of few rows reads, and the least worth a hand-over. */
  private static final int STREAMED_BYTES = 1 << 20;

  private static final int LEAST_STREAMED_BYTES = 1 << 16;

  private static final int CACHE_LINE = 64;

  /** Takes the sums of a row to its outputs. */
  @FunctionalInterface
  private interface Finish {
    /**
     * Handles one row of a task.
     *
     * @param at where its sums begin, in bytes
     * @param first the task's first output
     * @param count how many it has
     */
    void row(int worker, MemorySegment sums, long at, int row, int first, int count);
  }

  private final Workers workers;
  private final VectorProducts vector;
  private final Map<DType, NativeKernel> streaming = new EnumMap<>(DType.class);
  private final Map<DType, NativeKernel> matmul = new EnumMap<>(DType.class);

  /** Grows to what was asked for, as {@link Scratch} does. */
  private MemorySegment packed = MemorySegment.NULL;

  private final MemorySegment[] ofWorkers;
  private final float[][] gates;

  private final long[][] rowStarts;

  NativeProducts(Workers workers, VectorProducts vector, NativeLibrary library) {
    this.workers = workers;
    this.vector = vector;
    ofWorkers = new MemorySegment[workers.count()];
    Arrays.fill(ofWorkers, MemorySegment.NULL);
    gates = new float[workers.count()][0];
    rowStarts = new long[workers.count()][0];
    for (DType dtype : DType.values()) {
      library.streaming(dtype).ifPresent(kernel -> streaming.put(dtype, kernel));
      library.matmul(dtype).ifPresent(kernel -> matmul.put(dtype, kernel));
    }
  }

  private @Nullable NativeKernel kernel(CpuTensor x, CpuWeight w) {
    return kernel(w.dtype(), x.rows());
  }

  private @Nullable NativeKernel kernel(DType weights, int rows) {
    return (rows <= STREAMED_ROWS ? streaming : matmul).get(weights);
  }

  /** Whether the library does a product of so many rows, and not the Vector API. */
  boolean multiplies(DType weights, int rows) {
    return kernel(weights, rows) != null;
  }

  @Override
  public void linear(
      CpuTensor x, CpuWeight w, @Nullable CpuWeight bias, Activation activation, CpuTensor out) {
    NativeKernel kernel = kernel(x, w);
    if (kernel == null) {
      vector.linear(x, w, bias, activation, out);
      return;
    }
    float[] o = out.data();
    float @Nullable [] added = bias == null ? null : bias.vector();
    multiply(
        kernel,
        x,
        w,
        1,
        (worker, sums, at, row, first, count) -> {
          int to = out.row(row) + first;
          if (activation == Activation.ADD) {
            add(sums, at, o, to, count);
          } else {
            MemorySegment.copy(sums, ValueLayout.JAVA_FLOAT, at, o, to, count);
          }
          int from = bias == null ? 0 : bias.vectorOffset() + first;
          Epilogue.apply(activation, added, from, o, to, count);
        });
  }

  @Override
  public void swiGlu(CpuTensor x, CpuWeight gateUp, CpuTensor out) {
    NativeKernel kernel = kernel(x, gateUp);
    if (kernel == null) {
      vector.swiGlu(x, gateUp, out);
      return;
    }
    multiply(
        kernel,
        x,
        gateUp,
        2,
        (worker, sums, at, row, first, count) -> {
          if (gates[worker].length < 2 * count) {
            gates[worker] = new float[2 * count];
          }
          float[] both = gates[worker];
          MemorySegment.copy(sums, ValueLayout.JAVA_FLOAT, at, both, 0, 2 * count);
          Epilogue.gate(both, 0, both, count, out.data(), out.row(row) + first, count);
        });
  }

  private static void add(MemorySegment sums, long at, float[] out, int to, int count) {
    int bound = count - count % Lanes.COUNT;
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      FloatVector.fromMemorySegment(
              Lanes.FLOATS, sums, at + (long) Float.BYTES * i, ByteOrder.nativeOrder())
          .add(FloatVector.fromArray(Lanes.FLOATS, out, to + i))
          .intoArray(out, to + i);
    }
    for (int i = bound; i < count; i++) {
      out[to + i] += sums.get(ValueLayout.JAVA_FLOAT, at + (long) Float.BYTES * i);
    }
  }

  @Override
  public boolean useVectorApi(DType weights) {
    return !multiplies(weights, 1) || !multiplies(weights, STREAMED_ROWS + 1);
  }

  /** Outside the heap, where native code may read them. */
  @Override
  public List<HostMatrix> readable(List<HostMatrix> matrices) {
    return matrices.stream().map(NativeProducts::readable).toList();
  }

  private static HostMatrix readable(HostMatrix matrix) {
    MemorySegment data = matrix.data();
    return data.isNative()
        ? matrix
        : new HostMatrix(
            matrix.dtype(),
            Arena.ofAuto().allocate(data.byteSize()).copyFrom(data),
            matrix.rows(),
            matrix.columns());
  }

  /**
   * Multiplies all rows by all weight rows.
   *
   * @param parts weight rows of an output, each part of the weight having one of every output
   */
  private void multiply(NativeKernel kernel, CpuTensor x, CpuWeight w, int parts, Finish finish) {
    int rows = x.rows();
    if (rows == 0) {
      return;
    }
    int inputs = x.columns();
    int height = Math.ceilDiv(rows, Math.ceilDiv(rows, kernel.tileRows()));
    long rowBytes = kernel.packedBytes().applyAsInt(inputs);
    pack(kernel, x, height);
    // A streaming product takes one tile; the next one finds the weights in the cache.
    int called = kernel.panelBytes() > 0 ? rows : height;
    int outputs = w.rows() / parts;
    int each = outputsPerTask(kernel, w, parts);
    try {
      workers.run(
          Math.ceilDiv(outputs, each),
          (task, worker) -> {
            int first = task * each;
            int count = Math.min(each, outputs - first);
            int columns = parts * count;
            int stride = Math.ceilDiv(columns, NativeKernel.PANEL) * NativeKernel.PANEL;
            long addresses = (long) Long.BYTES * kernel.planes() * columns;
            long panels = Math.ceilDiv(addresses, CACHE_LINE) * (long) CACHE_LINE;
            long sums = panels + (long) kernel.panelBytes() * stride;
            MemorySegment own = ofWorker(worker, sums + (long) Float.BYTES * stride * rows);
            long[] starts = rowStarts(worker, kernel.planes() * columns);
            for (int part = 0; part < parts; part++) {
              int row = part * outputs + first;
              starts(w, row, count, kernel.planes(), columns, starts, part * count);
            }
            MemorySegment.copy(starts, 0, own, ValueLayout.JAVA_LONG, 0, kernel.planes() * columns);
            for (int r = 0; r < rows; r += called) {
              kernel.multiply(
                  packed.asSlice(r * rowBytes),
                  Math.min(called, rows - r),
                  height,
                  inputs,
                  own,
                  columns,
                  own.asSlice(panels),
                  own.asSlice(sums + (long) Float.BYTES * stride * r));
            }
            for (int r = 0; r < rows; r++) {
              finish.row(worker, own, sums + (long) Float.BYTES * stride * r, r, first, count);
            }
          });
    } finally {
      // The library was told addresses only.
      Reference.reachabilityFence(w);
    }
  }

  private void pack(NativeKernel kernel, CpuTensor x, int height) {
    int inputs = x.columns();
    long rowBytes = kernel.packedBytes().applyAsInt(inputs);
    packed = grown(packed, rowBytes * x.rows());
    workers.byPart(
        Math.ceilDiv(x.rows(), height),
        (long) height * inputs,
        (tile, worker) -> {
          int first = tile * height;
          int count = Math.min(height, x.rows() - first);
          MemorySegment own = ofWorker(worker, (long) Float.BYTES * count * inputs);
          MemorySegment.copy(
              x.data(), x.row(first), own, ValueLayout.JAVA_FLOAT, 0, count * inputs);
          kernel.pack(own, count, inputs, packed.asSlice(first * rowBytes));
        });
  }

  /** Few enough that every worker gets several tasks. Sums don't depend on it. */
  private int outputsPerTask(NativeKernel kernel, CpuWeight w, int parts) {
    int shared = Math.ceilDiv(w.rows(), 4 * workers.count());
    if (kernel.panelBytes() > 0) {
      int panels = Math.ceilDiv(shared, NativeKernel.PANEL);
      return Math.min(panels * NativeKernel.PANEL, MATMUL_COLUMNS) / parts;
    }
    int rowBytes = Math.toIntExact(w.dtype().bytes(1, w.columns()));
    int least = Math.max(parts, LEAST_STREAMED_BYTES / rowBytes);
    int most = Math.max(least, STREAMED_BYTES / rowBytes);
    return Math.clamp(shared, least, most) / parts;
  }

  private long[] rowStarts(int worker, int count) {
    if (rowStarts[worker].length < count) {
      rowStarts[worker] = new long[count];
    }
    return rowStarts[worker];
  }

  /**
   * Finds where weight rows begin: their numbers, then their scales and zeros if they have any. An
   * array takes them, since code that has yet to be compiled writes to memory outside the heap some
   * ten times more slowly, and a step has half a million of them.
   *
   * @param columns addresses of a plane
   * @param at the first row's place among them
   */
  private static void starts(
      CpuWeight w, int first, int count, int planes, int columns, long[] out, int at) {
    for (int done = 0; done < count; ) {
      int row = first + done;
      int together = Math.min(count - done, w.contiguous(row));
      MemorySegment segment = w.segment(row);
      if (!segment.scope().isAlive()) {
        throw new IllegalStateException("the memory of a weight is closed");
      }
      for (int plane = 0; plane < planes; plane++) {
        long from = segment.address() + w.offset(row, plane);
        long each = w.rowBytes(plane);
        int to = plane * columns + at + done;
        for (int i = 0; i < together; i++) {
          out[to + i] = from + i * each;
        }
      }
      done += together;
    }
  }

  private MemorySegment ofWorker(int worker, long bytes) {
    ofWorkers[worker] = grown(ofWorkers[worker], bytes);
    return ofWorkers[worker];
  }

  private static MemorySegment grown(MemorySegment now, long bytes) {
    return now.byteSize() >= bytes ? now : Arena.ofAuto().allocate(bytes, CACHE_LINE);
  }
}
