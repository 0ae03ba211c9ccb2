package org.pyramiddrop.kernels.cpu;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Mask;

/**
 * Runs a decoder layer's kernels on a few numbers until Java has compiled them, beside the loading
 * of a model: vector code that isn't compiled yet is a hundred times slower, and a first decode
 * step took thirty times as long as those behind it. A model of few weights has answered before
 * that is done, and would only be held up.
 *
 * <p>Always the same calls in the same order, so that what the compiler goes by is the same in
 * every start. Weights lie in both kinds of memory, a file's and Java's own: code that knows one
 * alone would be thrown away when the other comes.
 */
final class WarmUp {
  /** Calls of prefill's operations after which Java's second compiler has had their loops. */
  private static final int PREFILLS = 200;

  /** Likewise of decode's, whose loops are each run once a call. */
  private static final int STEPS = 1000;

  /** Not whole tiles, so that the edges' way is taken too. */
  private static final int ROWS = 2 * MicroTile.ROWS + 1;

  /** Twice what a streaming product's loop takes at once: code that never ran isn't compiled. */
  private static final int INPUTS = 2 * StreamingProduct.INPUTS_AT_ONCE;

  private static final int OUTPUTS = MicroTile.COLUMNS;

  /**
   * More than one block of attention's, so that sums are scaled; some are left over of those that
   * one query reads side by side, since code that never ran isn't compiled.
   */
  private static final int KEYS = 143;

  private static final Heads HEADS = new Heads(INPUTS / 64, INPUTS / 64, 64);

  /** Bytes of weights from which on it is worth it. */
  static final long LEAST_BYTES = 16L << 20;

  /** What is compiled stays so: it is the process's, not a device's. */
  private static final Set<Optional<DType>> STARTED = ConcurrentHashMap.newKeySet();

  /** One after the other, in every start. */
  private static final ReentrantLock ALONE = new ReentrantLock();

  private final CpuKernels kernels = new CpuKernels(1);
  private final Random random = new Random(1);
  private final CpuTensor x = random(ROWS);
  private final CpuTensor keys = random(KEYS);
  private final CpuTensor out = CpuTensor.allocate(ROWS, INPUTS);
  private final CpuTensor products = CpuTensor.allocate(ROWS, OUTPUTS);
  private final CpuTensor gated = CpuTensor.allocate(ROWS, OUTPUTS / 2);

  private WarmUp() {}

  /**
   * Runs in the background, once a process for each type of weights.
   *
   * @param weights the type that products by the Vector API will have; empty if there are none
   */
  static void start(Optional<DType> weights) {
    if (!STARTED.add(weights)) {
      return;
    }
    Thread.ofPlatform().daemon().name("pyramiddrop-warm-up").start(() -> run(weights));
  }

  /** Runs here and now. */
  static void run(Optional<DType> weights) {
    ALONE.lock();
    try (Arena arena = Arena.ofShared()) {
      new WarmUp().run(weights, arena);
    } finally {
      ALONE.unlock();
    }
  }

  /** Whether it was started for a type of weights. */
  static boolean started(Optional<DType> weights) {
    return STARTED.contains(weights);
  }

  private CpuTensor random(int rows) {
    CpuTensor tensor = CpuTensor.allocate(rows, INPUTS);
    for (int i = 0; i < tensor.size(); i++) {
      tensor.data()[i] = random.nextFloat();
    }
    return tensor;
  }

  private void run(Optional<DType> type, Arena arena) {
    List<CpuWeight> weights = type.map(dtype -> weights(dtype, arena)).orElse(List.of());
    for (int i = 0; i < PREFILLS; i++) {
      run(weights, i, ROWS);
    }
    for (int i = 0; i < STEPS; i++) {
      run(weights, i, 1);
    }
  }

  private static List<CpuWeight> weights(DType dtype, Arena arena) {
    long bytes = dtype.bytes(OUTPUTS, INPUTS);
    return List.of(mapped(bytes, arena), arena.allocate(bytes, 64)).stream()
        .map(data -> CpuWeight.of(List.of(new HostMatrix(dtype, data, OUTPUTS, INPUTS))))
        .toList();
  }

  private void run(List<CpuWeight> weights, int turn, int rows) {
    CpuTensor q = x.rows(0, rows);
    if (!weights.isEmpty()) {
      CpuWeight weight = weights.get(turn % weights.size());
      kernels.linear(q, weight, null, Activation.NONE, products.rows(0, rows));
      kernels.swiGlu(q, weight, gated.rows(0, rows));
    }
    kernels.attention(q, HEADS, keys, keys, new Mask.Causal(), out.rows(0, rows));
  }

  /** Zeros in a file that is gone at once; in Java's own memory where none can be written. */
  private static MemorySegment mapped(long bytes, Arena arena) {
    try {
      Path file = Files.createTempFile("pyramiddrop", ".warm-up");
      try (FileChannel channel =
          FileChannel.open(
              file,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              StandardOpenOption.DELETE_ON_CLOSE)) {
        return channel.map(MapMode.READ_WRITE, 0, bytes, arena);
      }
    } catch (IOException e) {
      return arena.allocate(bytes, 64);
    }
  }
}
