package org.pyramiddrop.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.CudaException;
import org.pyramiddrop.cuda.DeviceBuffer;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.GradientKernels;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Rotary;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;
import org.pyramiddrop.kernels.rotary.RotaryTable;

/**
 * The operations on an NVIDIA GPU. A call returns once its work is on the stream; weights are
 * converted to the device's type when they are handed over, but for those in blocks.
 */
final class CudaKernels implements Kernels {
  private final GpuCalls calls = new GpuCalls();
  private final Gpu gpu;
  private final DType dtype;
  private final CudaOptions options;
  private final CudaProfiler profiler;
  private final GradientKernels gradients;
  private boolean recording;
  private boolean closed;

  /**
   * Opens the first GPU.
   *
   * @param image the compiled kernels
   */
  CudaKernels(DType dtype, MemorySegment image, CudaOptions options) {
    this.dtype = dtype;
    this.options = options;
    try {
      gpu = calls.call(() -> new Gpu(calls, image, dtype, options));
    } catch (RuntimeException | Error e) {
      calls.close();
      throw e;
    }
    profiler = gpu.profiler(this::captureOnce);
    gradients = new CudaGradientKernels(calls, gpu, dtype, this::requireNotRecording);
  }

  // Calls on the thread that owns the GPU ---------------------------------------------------------

  private <T extends @Nullable Object> T onGpu(Supplier<T> work) {
    return calls.call(work);
  }

  private void launch(Runnable work) {
    calls.run(work);
  }

  /** Frees something after a failure; if that fails too, the first failure says so. */
  private static void closeAfter(Throwable failure, Runnable close) {
    try {
      close.run();
    } catch (RuntimeException e) {
      failure.addSuppressed(e);
    }
  }

  private void requireNotRecording(String what) {
    if (recording) {
      throw new IllegalStateException("a recording can't " + what);
    }
  }

  private static @Nullable CudaWeight weight(@Nullable Weight w) {
    return (CudaWeight) w;
  }

  @Override
  public String description() {
    return "cuda, %s, %s%s"
        .formatted(
            gpu.name(),
            dtype.name().toLowerCase(java.util.Locale.ROOT),
            gpu.hopper() ? ", kernels for compute capability 9.0" : "");
  }

  @Override
  public DType dtype() {
    return dtype;
  }

  /** Bytes of device memory that tensors, weights and indices hold now. */
  long bytesInUse() {
    return gpu.memory().bytesInUse();
  }

  // Memory ----------------------------------------------------------------------------------------

  @Override
  public Tensor allocate(DType wanted, int rows, int columns) {
    if (wanted != dtype && wanted != DType.FLOAT32) {
      throw new IllegalArgumentException(
          "this device keeps tensors in %s or FLOAT32, not %s".formatted(dtype, wanted));
    }
    return onGpu(() -> CudaTensor.allocate(gpu.memory(), wanted, rows, columns));
  }

  @Override
  public Weight weight(List<HostMatrix> parts) {
    requireNotRecording("make weights");
    // Blocks stay as they are; all other numbers become those that the device computes with.
    DType stored = parts.getFirst().dtype();
    DType kept = stored.inBlocks() ? stored : dtype;
    int rows = parts.stream().mapToInt(HostMatrix::rows).reduce(0, Math::addExact);
    int columns = parts.getFirst().columns();
    return onGpu(() -> {
      DeviceBuffer buffer = gpu.memory().allocateBuffer(kept.bytes(rows, columns));
      try {
        if (kept.inBlocks()) {
          gpu.uploadBlocks(parts, new Blocks(kept, rows, columns), buffer.address());
        } else {
          gpu.uploadNumbers(parts, kept, buffer.address());
        }
      } catch (RuntimeException | Error e) {
        closeAfter(e, () -> gpu.memory().free(buffer));
        throw e;
      }
      return CudaWeight.at(
          buffer.address(),
          () -> calls.release(() -> gpu.memory().free(buffer)),
          kept,
          rows,
          columns);
    });
  }

  @Override
  public Indices indices(int... values) {
    requireNotRecording("make indices");
    return onGpu(() -> {
      CudaIndices indices = CudaIndices.allocate(gpu.memory(), values.length);
      try {
        gpu.upload(MemorySegment.ofArray(values), indices.address());
      } catch (RuntimeException | Error e) {
        closeAfter(e, indices::close);
        throw e;
      }
      return indices;
    });
  }

  @Override
  public Rotary rotary(int headSize, double theta, int positions) {
    return new CudaRotary(headSize, positions, length -> tabulate(headSize, theta, length));
  }

  private CudaTensor tabulate(int headSize, double theta, int positions) {
    requireNotRecording("make tables");
    RotaryTable table = RotaryTable.of(headSize, theta, positions);
    Tensor both = allocate(DType.FLOAT32, Math.multiplyExact(2, positions), headSize / 2);
    try {
      upload(table.cos(), both.rows(0, positions));
      upload(table.sin(), both.rows(positions, positions));
    } catch (RuntimeException | Error e) {
      closeAfter(e, both::close);
      throw e;
    }
    return (CudaTensor) both;
  }

  @Override
  public void upload(float[] values, Tensor out) {
    CudaTensor to = (CudaTensor) out;
    requireNotRecording("upload");
    long address = to.address();
    launch(() -> gpu.uploadAs(to.dtype(), DType.FLOAT32, MemorySegment.ofArray(values), address));
  }

  @Override
  public void upload(int[] values, Indices out) {
    requireNotRecording("upload");
    long address = ((CudaIndices) out).address();
    launch(() -> gpu.upload(MemorySegment.ofArray(values), address));
  }

  @Override
  public float[] download(Tensor x) {
    CudaTensor from = (CudaTensor) x;
    requireNotRecording("download");
    long address = from.address();
    return onGpu(() -> gpu.downloadAs(from.dtype(), address, Math.toIntExact(from.size())));
  }

  @Override
  public int[] download(Indices x) {
    requireNotRecording("download");
    long address = ((CudaIndices) x).address();
    int[] values = new int[x.size()];
    launch(() -> gpu.download(address, MemorySegment.ofArray(values)));
    return values;
  }

  // Rows ------------------------------------------------------------------------------------------

  @Override
  public void embed(Weight table, Indices ids, Tensor out) {
    CudaTensor to = (CudaTensor) out;
    launch(() -> gpu.rows().embed((CudaWeight) table, (CudaIndices) ids, to));
  }

  @Override
  public void copy(Tensor x, Tensor out) {
    long from = ((CudaTensor) x).address();
    long to = ((CudaTensor) out).address();
    long bytes = ((CudaTensor) x).bytes();
    if (bytes > 0) {
      launch(() -> gpu.copy(from, to, bytes));
    }
  }

  @Override
  public void copyColumns(Tensor x, Tensor out, int firstColumn) {
    CudaTensor from = (CudaTensor) x;
    CudaTensor to = (CudaTensor) out;
    launch(() -> gpu.rows().copyColumns(from, to, firstColumn));
  }

  @Override
  public void add(Tensor x, Weight w) {
    CudaTensor to = (CudaTensor) x;
    launch(() -> gpu.rows().add(to, (CudaWeight) w));
  }

  @Override
  public void patches(Tensor pixels, int channels, int patch, int before, Tensor out) {
    CudaTensor from = (CudaTensor) pixels;
    CudaTensor to = (CudaTensor) out;
    launch(() -> gpu.rows().patches(from, channels, patch, before, to));
  }

  @Override
  public void checksums(Tensor x, Indices out) {
    CudaTensor from = (CudaTensor) x;
    CudaIndices to = (CudaIndices) out;
    launch(() -> gpu.rows().checksums(from, to));
  }

  @Override
  public void gatherRows(Tensor x, Indices rows, Tensor out) {
    CudaTensor from = (CudaTensor) x;
    CudaTensor to = (CudaTensor) out;
    launch(() -> gpu.rows().gatherRows(from, (CudaIndices) rows, to));
  }

  @Override
  public Indices gather(Indices x, Indices rows) {
    return onGpu(() -> {
      CudaIndices out = CudaIndices.allocate(gpu.memory(), rows.size());
      try {
        gpu.rows().gather((CudaIndices) x, (CudaIndices) rows, out);
      } catch (RuntimeException | Error e) {
        closeAfter(e, out::close);
        throw e;
      }
      return out;
    });
  }

  @Override
  public void gather(Indices x, Indices rows, Indices out) {
    launch(() -> gpu.rows().gather((CudaIndices) x, (CudaIndices) rows, (CudaIndices) out));
  }

  // Layers ----------------------------------------------------------------------------------------

  @Override
  public void linear(Tensor x, Weight w, @Nullable Weight bias, Activation activation, Tensor out) {
    CudaTensor from = (CudaTensor) x;
    CudaTensor to = (CudaTensor) out;
    launch(() -> gpu.linear().linear(from, (CudaWeight) w, weight(bias), activation, to));
  }

  @Override
  public void swiGlu(Tensor x, Weight gateUp, Tensor out) {
    CudaTensor from = (CudaTensor) x;
    CudaTensor to = (CudaTensor) out;
    launch(() -> gpu.linear().swiGlu(from, (CudaWeight) gateUp, to));
  }

  @Override
  public void rmsNorm(Tensor x, Weight w, float epsilon, Tensor out) {
    CudaTensor from = (CudaTensor) x;
    CudaTensor to = (CudaTensor) out;
    launch(() -> gpu.norms().rmsNorm(from, (CudaWeight) w, epsilon, to));
  }

  /** Whether a product quantises its rows; the library is asked on the GPU's thread. */
  private boolean quantizes(CudaTensor x, CudaWeight w) {
    return w.dtype() == DType.FP8 && onGpu(() -> gpu.linear().supportsNorm(x, w));
  }

  @Override
  public void normLinear(
      Tensor x, Weight norm, float epsilon, Weight w, @Nullable Weight bias, Tensor out) {
    CudaTensor from = (CudaTensor) x;
    if (gpu.streaming().supportsNorm(from, (CudaWeight) norm, (CudaWeight) w)) {
      CudaTensor to = (CudaTensor) out;
      launch(() ->
          gpu.streaming()
              .normLinear(from, (CudaWeight) norm, epsilon, (CudaWeight) w, weight(bias), to));
    } else if (quantizes(from, (CudaWeight) w)) {
      CudaTensor to = (CudaTensor) out;
      Product.Norm by = new Product.Norm((CudaWeight) norm, epsilon);
      launch(() -> gpu.linear().normLinear(from, by, (CudaWeight) w, weight(bias), to));
    } else {
      Kernels.super.normLinear(x, norm, epsilon, w, bias, out);
    }
  }

  @Override
  public void normSwiGlu(Tensor x, Weight norm, float epsilon, Weight gateUp, Tensor out) {
    CudaTensor from = (CudaTensor) x;
    CudaTensor to = (CudaTensor) out;
    if (gpu.streaming().supportsNorm(from, (CudaWeight) norm, (CudaWeight) gateUp)) {
      launch(() ->
          gpu.streaming().normSwiGlu(from, (CudaWeight) norm, epsilon, (CudaWeight) gateUp, to));
    } else if (quantizes(from, (CudaWeight) gateUp)) {
      Product.Norm by = new Product.Norm((CudaWeight) norm, epsilon);
      launch(() -> gpu.linear().normSwiGlu(from, by, (CudaWeight) gateUp, to));
    } else {
      Kernels.super.normSwiGlu(x, norm, epsilon, gateUp, out);
    }
  }

  @Override
  public void layerNorm(Tensor x, Weight w, Weight bias, float epsilon, Tensor out) {
    CudaTensor from = (CudaTensor) x;
    CudaTensor to = (CudaTensor) out;
    launch(() -> gpu.norms().layerNorm(from, (CudaWeight) w, (CudaWeight) bias, epsilon, to));
  }

  @Override
  public void rotate(Tensor x, int heads, Rotary rotary, Indices positions) {
    CudaTensor to = (CudaTensor) x;
    launch(() -> gpu.rotary().rotate(to, heads, (CudaRotary) rotary, (CudaIndices) positions));
  }

  @Override
  public void storeKeyValues(
      Tensor x,
      int firstColumn,
      @Nullable Rotary rotary,
      @Nullable Indices positions,
      Indices rows,
      Tensor keys,
      Tensor values) {
    CudaTensor from = (CudaTensor) x;
    CudaTensor k = (CudaTensor) keys;
    CudaTensor v = (CudaTensor) values;
    launch(() ->
        gpu.rotary()
            .storeKeyValues(
                from,
                firstColumn,
                (CudaRotary) rotary,
                (CudaIndices) positions,
                (CudaIndices) rows,
                k,
                v));
  }

  @Override
  public void rotateAndStore(
      Tensor qkv,
      Heads heads,
      Rotary rotary,
      Indices positions,
      Indices rows,
      Tensor keys,
      Tensor values) {
    CudaTensor from = (CudaTensor) qkv;
    CudaTensor k = (CudaTensor) keys;
    CudaTensor v = (CudaTensor) values;
    launch(() ->
        gpu.rotary()
            .rotateAndStore(
                from,
                heads,
                (CudaRotary) rotary,
                (CudaIndices) positions,
                (CudaIndices) rows,
                k,
                v));
  }

  @Override
  public void attention(Tensor q, Heads heads, Tensor keys, Tensor values, Mask mask, Tensor out) {
    CudaTensor from = (CudaTensor) q;
    CudaTensor k = (CudaTensor) keys;
    CudaTensor v = (CudaTensor) values;
    CudaTensor to = (CudaTensor) out;
    launch(() -> gpu.attention().attention(from, heads, k, v, mask, to));
  }

  @Override
  public void storeAndAttend(
      Tensor qkv,
      Heads heads,
      Rotary rotary,
      Indices positions,
      Indices rows,
      Tensor keys,
      Tensor values,
      Tensor out) {
    // Rows of one cache may see each other's keys, which blocks of one launch can't wait for.
    if (!options.fusedDecode() || qkv.rows() != 1 || !gpu.attention().takesStep(heads)) {
      Kernels.super.storeAndAttend(qkv, heads, rotary, positions, rows, keys, values, out);
      return;
    }
    CudaTensor from = (CudaTensor) qkv;
    CudaTensor k = (CudaTensor) keys;
    CudaTensor v = (CudaTensor) values;
    CudaTensor to = (CudaTensor) out;
    launch(() ->
        gpu.attention()
            .decodeStep(
                from,
                heads,
                (CudaRotary) rotary,
                (CudaIndices) positions,
                (CudaIndices) rows,
                k,
                v,
                to));
  }

  @Override
  public void selfAttention(Tensor qkv, Heads heads, int sequences, Tensor out) {
    CudaTensor from = (CudaTensor) qkv;
    CudaTensor to = (CudaTensor) out;
    launch(() -> gpu.attention().selfAttention(from, heads, sequences, to));
  }

  // Pruning and generation ------------------------------------------------------------------------

  @Override
  public void scoreTokens(Tensor queries, Heads heads, Tensor keys, Tensor out) {
    CudaTensor q = (CudaTensor) queries;
    CudaTensor k = (CudaTensor) keys;
    CudaTensor to = (CudaTensor) out;
    if (queries.rows() == 1) {
      launch(() -> gpu.attention().scoreTokens(q, heads, k, to));
    } else {
      launch(() -> gpu.attentionReceived().score(q, heads, k, to));
    }
  }

  @Override
  public void selectTopK(Tensor scores, int first, int count, int keep, Indices out, int at) {
    launch(() ->
        gpu.selection().selectTopK((CudaTensor) scores, first, count, keep, (CudaIndices) out, at));
  }

  @Override
  public void splitTopK(Tensor scores, Indices places, int keep, Indices out) {
    CudaTensor s = (CudaTensor) scores;
    launch(() -> gpu.selection().splitTopK(s, (CudaIndices) places, keep, (CudaIndices) out));
  }

  @Override
  public void sortPlaces(Indices x, Indices out) {
    launch(() -> gpu.selection().sortPlaces((CudaIndices) x, (CudaIndices) out));
  }

  @Override
  public void averageHeads(Tensor x, Heads heads, Tensor out) {
    CudaTensor to = (CudaTensor) out;
    launch(() -> gpu.merging().averageHeads((CudaTensor) x, heads, to));
  }

  @Override
  public void nearest(Tensor x, Indices targets, Indices others, Indices out) {
    CudaIndices from = (CudaIndices) others;
    CudaIndices to = (CudaIndices) out;
    launch(() -> gpu.merging().nearest((CudaTensor) x, (CudaIndices) targets, from, to));
  }

  @Override
  public void mergeRows(Tensor x, Indices targets, Indices others, Indices into, Tensor out) {
    CudaTensor from = (CudaTensor) x;
    CudaTensor to = (CudaTensor) out;
    launch(() ->
        gpu.merging()
            .mergeRows(from, (CudaIndices) targets, (CudaIndices) others, (CudaIndices) into, to));
  }

  @Override
  public void selectDiverse(Tensor x, Indices out) {
    launch(() -> gpu.greedy().diverse((CudaTensor) x, (CudaIndices) out));
  }

  @Override
  public void relevance(Tensor x, Tensor text, Tensor out) {
    CudaTensor to = (CudaTensor) out;
    launch(() -> gpu.relevance().relevance((CudaTensor) x, (CudaTensor) text, to));
  }

  @Override
  public void selectDeterminantal(Tensor x, Tensor relevance, Indices out) {
    CudaTensor r = (CudaTensor) relevance;
    launch(() -> gpu.greedy().determinantal((CudaTensor) x, r, (CudaIndices) out));
  }

  @Override
  public void sample(Tensor logits, Indices seen, Tensor controls, Indices out) {
    CudaTensor how = (CudaTensor) controls;
    launch(() ->
        gpu.selection().sample((CudaTensor) logits, (CudaIndices) seen, how, (CudaIndices) out));
  }

  // Recordings ------------------------------------------------------------------------------------

  @Override
  public Recording record(Runnable work) {
    requireNotRecording("hold another");
    if (!options.graphs()) {
      return new UncapturedRecording(work);
    }
    return onGpu(() -> captureWithRoom(work));
  }

  /** What the work launches is on the stream before the capture of the same begins. */
  @Override
  public Recording runAndRecord(Runnable work) {
    requireNotRecording("hold another");
    if (!options.graphs() || options.recordFirst()) {
      return Kernels.super.runAndRecord(work);
    }
    return onGpu(() -> {
      work.run();
      return captureWithRoom(work);
    });
  }

  private CudaRecording captureWithRoom(Runnable work) {
    try {
      return capture(work);
    } catch (DeviceException | CudaException e) {
      if (!isOutOfMemory(e)) {
        throw e;
      }
      // While recording nothing is freed; what lies idle may be what was missing.
      try {
        gpu.memory().trim();
        return capture(work);
      } catch (RuntimeException again) {
        again.addSuppressed(e);
        throw again;
      }
    }
  }

  private static boolean isOutOfMemory(RuntimeException e) {
    return (e instanceof CudaException failure && failure.isOutOfMemory())
        || (e.getCause() instanceof CudaException cause && cause.isOutOfMemory());
  }

  /** Twice, if products in it were chosen better behind the first time. */
  private CudaRecording capture(Runnable work) {
    gpu.linear().beforeCapture();
    CudaRecording graph = captureOnce(work);
    try {
      if (!gpu.linear().afterCapture()) {
        return graph;
      }
    } catch (RuntimeException | Error e) {
      closeAfter(e, graph::close);
      throw e;
    }
    graph.close();
    return captureOnce(work);
  }

  private CudaRecording captureOnce(Runnable work) {
    long before = bytesInUse();
    recording = true;
    try {
      CudaRecording graph = CudaRecording.of(work, calls, gpu.stream(), gpu.memory(), profiler);
      if (bytesInUse() != before) {
        graph.close();
        throw new IllegalStateException("a recording has to close what it allocates");
      }
      return graph;
    } finally {
      recording = false;
    }
  }

  /** Work done anew each time, on the thread that owns the GPU. */
  private final class UncapturedRecording implements Recording {
    private final Runnable work;

    UncapturedRecording(Runnable work) {
      this.work = work;
    }

    @Override
    public void run() {
      launch(work);
    }

    @Override
    public void close() {}
  }

  @Override
  public int busyRows() {
    return options.busyRows();
  }

  @Override
  public boolean replays() {
    return options.graphs();
  }

  @Override
  public boolean readsHostMatrices() {
    return false;
  }

  @Override
  public GradientKernels gradients() {
    return gradients;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      try {
        calls.release(gpu::close);
      } finally {
        calls.close();
      }
    }
  }
}
