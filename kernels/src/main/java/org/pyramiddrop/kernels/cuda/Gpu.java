package org.pyramiddrop.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CublasLt;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.HostMatrix;

/**
 * One GPU in use: its context, its one stream, and the launchers of each family of kernels. Only
 * the thread that made it may call it.
 */
final class Gpu implements AutoCloseable {
  /** The one compute capability, 9.0, that {@code sm_90a} code runs on. */
  private static final int HOPPER = 90;

  private final Context context;
  private final CudaStream stream;
  private final DeviceMemory memory;
  private final Staging staging;
  private final Timeline timeline;
  private final CudaRows rows;
  private final CudaStreaming streaming;
  private final boolean hopper;
  private final CudaLinear linear;
  private final CudaNorms norms;
  private final CudaRotaryKernels rotary;
  private final CudaAttention attention;
  private final CudaAttentionReceived attentionReceived;
  private final CudaSelection selection;
  private final CudaMerging merging;
  private final CudaRelevance relevance;
  private final CudaGreedySelection greedy;
  private final CudaConversion conversion;
  private final GradientLaunchers gradients;

  /**
   * Opens the first GPU on the calling thread.
   *
   * @param calls reach that thread
   * @param image the compiled kernels
   */
  Gpu(GpuCalls calls, MemorySegment image, DType dtype, CudaOptions options) {
    try {
      context = Context.open(0);
    } catch (IllegalStateException e) {
      // What was there when the backend was looked for is not there any more.
      throw new DeviceException(String.valueOf(e.getMessage()), e);
    }
    calls.probeLossWith(context::freeBytes);
    try {
      stream = context.stream();
      memory = new DeviceMemory(context, calls, options.reuse());
      staging = new Staging(context, Staging.Sizes.forThisMachine());
      Launcher launcher = new Launcher(context, context.load(image), stream, dtype);
      timeline = launcher.timeline();
      rows = new CudaRows(launcher);
      streaming = new CudaStreaming(launcher);
      hopper = options.hopper() && context.computeCapability() == HOPPER;
      linear = linear(launcher, image, options);
      norms = new CudaNorms(launcher);
      rotary = new CudaRotaryKernels(launcher);
      attention = new CudaAttention(launcher, memory, hopper, options.clusterDecode());
      attentionReceived = new CudaAttentionReceived(launcher, memory);
      selection = new CudaSelection(launcher);
      RowScaling scaling = new RowScaling(launcher, memory);
      merging = new CudaMerging(launcher, scaling);
      relevance = new CudaRelevance(launcher, memory);
      greedy = new CudaGreedySelection(launcher, scaling);
      conversion = new CudaConversion(launcher);
      gradients = GradientLaunchers.of(launcher, memory);
    } catch (RuntimeException | Error e) {
      try {
        context.close();
      } catch (RuntimeException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw e;
    }
  }

  private CudaLinear linear(Launcher launcher, MemorySegment image, CudaOptions options) {
    CublasLt cublas = CublasLt.open(context);
    LinearKernels kernels = new LinearKernels(launcher);
    CublasLtProducts library = new CublasLtProducts(launcher, cublas, kernels, memory);
    LibraryUse use =
        new LibraryUse(options.libraryAdds(), () -> hopper && library.multipliesFloat8());
    ProductAlgorithms algorithms =
        new ProductAlgorithms(launcher, kernels, library, memory, hopper);
    return switch (options.tuning()) {
      case Tuning.Off _ -> new CudaLinear(streaming, algorithms, use, null);
      case Tuning.Measured(Path folder, Tuning.StopwatchFactory stopwatches) -> {
        Stopwatch stopwatch = stopwatches.create(context, stream, memory);
        TuningCache cache = new TuningCache(folder, describe(cublas, image));
        ProductTuner tuner = new ProductTuner(algorithms, stream, memory, stopwatch, cache);
        yield new CudaLinear(streaming, algorithms, use, tuner);
      }
    };
  }

  /** All that the speed of a product depends on, in a line. */
  private String describe(CublasLt cublas, MemorySegment image) {
    return "%s with %d multiprocessors, driver for CUDA %d, cuBLASLt %d, kernels %s"
        .formatted(
            context.deviceName(),
            context.multiprocessors(),
            context.driverVersion(),
            cublas.version(),
            TuningCache.digest(image.toArray(ValueLayout.JAVA_BYTE)));
  }

  /** Whether kernels are used that only compute capability 9.0 runs. */
  boolean hopper() {
    return hopper;
  }

  String name() {
    return context.deviceName();
  }

  CudaStream stream() {
    return stream;
  }

  DeviceMemory memory() {
    return memory;
  }

  CudaRows rows() {
    return rows;
  }

  CudaStreaming streaming() {
    return streaming;
  }

  CudaLinear linear() {
    return linear;
  }

  CudaNorms norms() {
    return norms;
  }

  CudaRotaryKernels rotary() {
    return rotary;
  }

  CudaAttention attention() {
    return attention;
  }

  CudaAttentionReceived attentionReceived() {
    return attentionReceived;
  }

  CudaSelection selection() {
    return selection;
  }

  CudaMerging merging() {
    return merging;
  }

  CudaRelevance relevance() {
    return relevance;
  }

  CudaGreedySelection greedy() {
    return greedy;
  }

  GradientLaunchers gradients() {
    return gradients;
  }

  /** Profiles recordings that {@code capture} makes. */
  CudaProfiler profiler(Function<Runnable, CudaRecording> capture) {
    return new CudaProfiler(context, stream, timeline, capture);
  }

  /** Copies bytes on the device; the two ranges don't overlap. */
  void copy(long from, long to, long bytes) {
    stream.copy(from, to, bytes);
    timeline.launched("copy", "", null);
  }

  /** Sets all numbers to 0. */
  void clear(CudaTensor x) {
    stream.fill(x.address(), (byte) 0, x.bytes());
    timeline.launched("fill", "", null);
  }

  /** Writes numbers in another type, on the device. */
  void convert(CudaTensor x, CudaWeight out) {
    conversion.convert(
        x.address(), x.dtype(), out.address(), out.dtype(), Math.toIntExact(x.size()));
  }

  /** Copies bytes to the device; they may change once this returns. */
  void upload(MemorySegment from, long to) {
    staging.upload(from, to, stream);
  }

  /** Copies numbers to the device and converts them there. */
  void uploadAs(DType wanted, DType stored, MemorySegment from, long to) {
    if (wanted == stored) {
      upload(from, to);
      return;
    }
    staging.stage(
        from,
        stream,
        (pinned, offset, bytes) -> {
          long first = offset / stored.bytes();
          try (DeviceMemory.Block raw = memory.allocate(bytes)) {
            stream.upload(pinned, 0, raw.address(), bytes);
            conversion.convert(
                raw.address(),
                stored,
                to + first * wanted.bytes(),
                wanted,
                Math.toIntExact(bytes / stored.bytes()));
          }
        });
  }

  /** Copies matrices to the device, stacked along their rows, and converts them there. */
  void uploadNumbers(List<HostMatrix> parts, DType wanted, long to) {
    long at = to;
    for (HostMatrix part : parts) {
      uploadAs(wanted, part.dtype(), part.data(), at);
      at += wanted.bytes(part.rows(), part.columns());
    }
  }

  /**
   * Copies matrices in blocks to the device, plane by plane, stacked along their rows.
   *
   * @param all the matrix that they are together
   */
  void uploadBlocks(List<HostMatrix> parts, Blocks all, long to) {
    int row = 0;
    for (HostMatrix part : parts) {
      Blocks own = new Blocks(part.dtype(), part.rows(), part.columns());
      MemorySegment data = part.data();
      upload(data.asSlice(0, own.rows() * own.numberBytes()), to + all.numbers(row));
      upload(data.asSlice(own.scales(), own.rows() * own.scaleBytes()), to + all.scales(row));
      upload(data.asSlice(own.zeros(), own.rows() * own.zeroBytes()), to + all.zeros(row));
      row += own.rows();
    }
  }

  /** Copies bytes to the host and waits for them. */
  void download(long from, MemorySegment to) {
    staging.download(from, to, stream);
  }

  /** Copies numbers to the host, widened to float32. */
  float[] downloadAs(DType stored, long from, int count) {
    float[] values = new float[count];
    if (stored == DType.FLOAT32) {
      download(from, MemorySegment.ofArray(values));
      return values;
    }
    short[] bits = new short[count];
    download(from, MemorySegment.ofArray(bits));
    for (int i = 0; i < count; i++) {
      values[i] =
          stored == DType.FLOAT16
              ? Float.float16ToFloat(bits[i])
              : Float.intBitsToFloat(bits[i] << 16);
    }
    return values;
  }

  /** Waits for the GPU and gives everything back. */
  @Override
  public void close() {
    staging.close();
    context.close();
  }
}
