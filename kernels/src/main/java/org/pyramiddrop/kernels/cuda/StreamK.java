package org.pyramiddrop.kernels.cuda;

import java.util.Arrays;
import org.pyramiddrop.cuda.DeviceBuffer;
import org.pyramiddrop.kernels.DType;

/**
 * Products of some rows on compute capability 9.0, which share the weights' bytes out evenly among
 * all multiprocessors: {@code matmul_stream_k.cu}.
 */
final class StreamK {
  /** Rows of x that a product can have; the kernels are named for them. */
  private static final int[] COLUMNS = {80, 144, 176, 208};

  private static final int MOST_COLUMNS = COLUMNS[COLUMNS.length - 1];

  /** Each reads all weights, the second from L2; more rows are bound by arithmetic. */
  private static final int MOST_PARTS = 2;

  /** Blocks that share x. */
  private static final int PAIR = 2;

  /** Inputs of a step. */
  private static final int DEPTH = 64;

  /** Rows of w of a block. */
  private static final int WEIGHTS = 128;

  /** Gates that lie side by side there, then as many ups. */
  private static final int EIGHT = 8;

  private static final int SUM_WARPS = 8;
  private static final int SUM_THREADS = 256;

  /** A worker with fewer steps spends more time beginning and ending than reading. */
  private static final int LEAST_STEPS = 4;

  private static final int MOST_STAGES = 8;
  private static final int MOST_STAGE_BYTES = 214 << 10;
  private static final int BOX_COLUMN_BYTES = 2 * DEPTH;
  private static final int BOX_ALIGNMENT = 1024;
  private static final int BARRIER_BYTES = 2 * Long.BYTES;

  private final Launcher launcher;
  private final DeviceMemory memory;

  /**
   * How many pairs have left their sums, of each tile that pairs share, block and warp; zeros
   * between launches. It lives as long as the GPU is open, since graphs keep its address.
   */
  private final DeviceBuffer arrived;

  StreamK(Launcher launcher, DeviceMemory memory) {
    this.launcher = launcher;
    this.memory = memory;
    arrived = memory.allocateBuffer((long) places(pairs()) * SUM_WARPS * Integer.BYTES);
    launcher.stream().fill(arrived.address(), (byte) 0, arrived.bytes());
  }

  private int pairs() {
    return launcher.multiprocessors() / PAIR;
  }

  /** Where blocks leave sums: each pair shares its first tile and its last. */
  private static int places(int pairs) {
    return pairs * 2 * PAIR;
  }

  /**
   * Whether the kernel does a product that {@link LinearKernels#supportsHopper}: of not too many
   * rows, and if gated, of a multiple of eight outputs.
   */
  boolean supports(Product product) {
    return product.rows() <= MOST_PARTS * MOST_COLUMNS
        && pairs() >= MOST_PARTS
        && (!product.gated() || product.outputs() % EIGHT == 0);
  }

  /** Does it. */
  void multiply(Product product) {
    int parts = Math.ceilDiv(product.rows(), MOST_COLUMNS);
    int rows = Math.ceilDiv(product.rows(), parts);
    int columns = Arrays.stream(COLUMNS).filter(most -> most >= rows).findFirst().orElseThrow();
    int outputs = product.gated() ? WEIGHTS : PAIR * WEIGHTS;
    long steps =
        (long) Math.ceilDiv(product.inputs(), DEPTH) * Math.ceilDiv(product.outputs(), outputs);
    int workers = Math.clamp(steps / LEAST_STEPS, 1, pairs() / parts);
    int pairs = parts * workers;
    String operation = product.gated() ? "swiglu" : "matmul";
    try (CudaTensor sums =
        CudaTensor.allocate(memory, DType.FLOAT32, places(pairs) * columns / 2, SUM_THREADS)) {
      launcher
          .kernel(operation + "_stream_k_" + columns)
          .matrixProduct(product.rows(), product.inputs(), product.sums(), product.w().dtype())
          .tensorMap(Hopper.tensorMap(product.x(), columns / PAIR))
          .tensorMap(Hopper.tensorMap(product.w(), product.gated() ? EIGHT : WEIGHTS))
          .int32(product.rows())
          .int32(product.inputs())
          .int32(parts)
          .pointer(sums.address())
          .pointer(arrived.address());
      LinearArguments.appendEpilogue(launcher, product.bias(), product.activation(), product.out())
          .launch(PAIR * pairs, 1, 1, Hopper.THREADS, sharedBytes(columns));
    }
  }

  private static int sharedBytes(int columns) {
    int stage = (WEIGHTS + columns) * BOX_COLUMN_BYTES;
    int stages = Math.min(MOST_STAGES, MOST_STAGE_BYTES / stage);
    return BOX_ALIGNMENT + stages * (stage + BARRIER_BYTES);
  }
}
