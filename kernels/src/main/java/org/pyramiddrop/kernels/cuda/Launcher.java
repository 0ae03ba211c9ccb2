package org.pyramiddrop.kernels.cuda;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.Arguments;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CudaFunction;
import org.pyramiddrop.cuda.CudaModule;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.cuda.TensorMap;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Profile;

/**
 * Starts kernels on one stream: names one, appends the fields of its struct of arguments in their
 * order, and launches.
 *
 * <p>One block of arguments serves all launches, since a launch copies them.
 */
final class Launcher {
  /** The most that any kernel's struct of arguments takes. */
  private static final int ARGUMENT_BYTES = 512;

  /** Shared memory a block gets without asking. */
  private static final int PLAIN_SHARED_BYTES = 48 << 10;

  private static final int MOST_BLOCKS = 65_535;

  private final CudaModule module;
  private final CudaStream stream;
  private final DType dtype;
  private final int multiprocessors;
  private final int maxSharedBytes;
  private final Arguments arguments;
  private final Timeline timeline;
  private final Map<String, Loaded> loaded = new HashMap<>();
  private @Nullable Loaded chosen;

  /** The sizes of the next launch, if it is a matrix product. */
  private Profile.@Nullable Product product;

  /** A function, and how much shared memory its launches have been allowed. */
  private static final class Loaded {
    private final CudaFunction function;
    private int sharedBytes = PLAIN_SHARED_BYTES;

    Loaded(CudaFunction function) {
      this.function = function;
    }
  }

  Launcher(Context context, CudaModule module, CudaStream stream, DType dtype) {
    multiprocessors = context.multiprocessors();
    maxSharedBytes = context.maxSharedBytes();
    this.module = module;
    this.stream = stream;
    this.dtype = dtype;
    arguments = Arguments.of(ARGUMENT_BYTES);
    timeline = new Timeline(context, stream);
  }

  /** The stream that all launches go to. */
  CudaStream stream() {
    return stream;
  }

  /** Knows of every launch; copies and other work on the stream have to be reported to it. */
  Timeline timeline() {
    return timeline;
  }

  /** The element type of activations and weights. */
  DType dtype() {
    return dtype;
  }

  /** How many multiprocessors there are to fill. */
  int multiprocessors() {
    return multiprocessors;
  }

  /** The most shared memory that a block can have, in bytes; it differs between GPUs. */
  int maxSharedBytes() {
    return maxSharedBytes;
  }

  /** The kernel of that name for the device's element type; its arguments follow. */
  Launcher kernel(String name) {
    return kernel(name, dtype);
  }

  /** The kernel of that name for an element type. */
  Launcher kernel(String name, DType type) {
    return untypedKernel(name + "_" + type.name().toLowerCase(Locale.ROOT));
  }

  /** The kernel of just that name. */
  Launcher untypedKernel(String name) {
    chosen = loaded.computeIfAbsent(name, n -> new Loaded(module.function(n)));
    arguments.reset();
    product = null;
    return this;
  }

  /** Says that the next launch is a matrix product, for profiles. */
  Launcher matrixProduct(int rows, int inputs, int outputs, DType weights) {
    product = new Profile.Product(rows, inputs, outputs, weights);
    return this;
  }

  /** A device address; 0 for none. */
  Launcher pointer(long address) {
    arguments.pointer(address);
    return this;
  }

  /** An int. */
  Launcher int32(int value) {
    arguments.int32(value);
    return this;
  }

  /** A 64-bit integer. */
  Launcher int64(long value) {
    arguments.int64(value);
    return this;
  }

  /** A float. */
  Launcher float32(float value) {
    arguments.float32(value);
    return this;
  }

  /** A description for the copy engine. */
  Launcher tensorMap(TensorMap map) {
    arguments.tensorMap(map);
    return this;
  }

  /**
   * Starts it.
   *
   * @param threads of a block
   * @param sharedBytes dynamic shared memory of a block
   * @throws IllegalArgumentException if the grid is larger than a GPU takes
   */
  void launch(int gridX, int gridY, int gridZ, int threads, int sharedBytes) {
    if (gridY > MOST_BLOCKS || gridZ > MOST_BLOCKS) {
      throw new IllegalArgumentException(
          "a grid of %d × %d × %d blocks is more than a GPU takes".formatted(gridX, gridY, gridZ));
    }
    Loaded kernel = Objects.requireNonNull(chosen, "a kernel to launch");
    if (sharedBytes > kernel.sharedBytes) {
      kernel.function.allowSharedBytes(sharedBytes);
      kernel.sharedBytes = sharedBytes;
    }
    kernel.function.launch(stream, gridX, gridY, gridZ, threads, sharedBytes, arguments);
    if (timeline.isTracing()) {
      timeline.launched(kernel.function.name(), "%dx%dx%d".formatted(gridX, gridY, gridZ), product);
    }
  }
}
