package org.pyramiddrop.kernels.cuda;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.CublasLt;
import org.pyramiddrop.cuda.ElementType;
import org.pyramiddrop.cuda.MatrixProduct;
import org.pyramiddrop.cuda.ProductShape;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;

/**
 * Linear layers and the gated product: {@link CudaStreaming} for a few rows, cuBLASLt where it can
 * do all of it, {@code matmul.cu} where something is fused, and {@code matmul_plain.cu} for shapes
 * and addresses that neither takes.
 */
final class CudaLinear {
  /** What tensor cores and cuBLASLt want addresses and rows to be multiples of, in bytes. */
  private static final int ALIGNMENT = 16;

  /** Prompts differ in length, and every length has its own plans. */
  private static final int PLANS_KEPT = 512;

  private static final int PLAIN_TILE = 64;
  private static final int PLAIN_THREADS = 256;
  private static final int PLAIN_SHARED_BYTES = 2 * 16 * (PLAIN_TILE + 4) * Float.BYTES;

  private static final int ACTIVATE_THREADS = 256;
  private static final int ACTIVATE_RUN = 8;

  /** What {@code matmul.cu} multiplies in a block: rows of x with rows of w. */
  private enum Tile {
    LARGE(128, 256, 256, 4),
    /** A quarter of the large one, which takes more than a quarter of its time. */
    SMALL(64, 128, 128, 1.25);

    private static final int STAGES = 3;
    private static final int STAGE_ROW_BYTES = 128;

    private final int rows;
    private final int weights;
    private final int threads;
    private final double time;

    Tile(int rows, int weights, int threads, double time) {
      this.rows = rows;
      this.weights = weights;
      this.threads = threads;
      this.time = time;
    }

    int sharedBytes() {
      return STAGES * (rows + weights) * STAGE_ROW_BYTES;
    }

    int blocks(Product product) {
      int outputs = product.gated ? weights / 2 : weights;
      return Math.ceilDiv(product.rows(), rows) * Math.ceilDiv(product.outputs(), outputs);
    }

    /** How long the busiest multiprocessor works, in quarters of a large tile. */
    double time(Product product, int multiprocessors) {
      return Math.ceilDiv(blocks(product), multiprocessors) * time;
    }

    static Tile of(Product product, Launcher launcher) {
      int multiprocessors = launcher.multiprocessors();
      boolean fits = LARGE.sharedBytes() <= launcher.maxSharedBytes();
      return fits && LARGE.time(product, multiprocessors) <= SMALL.time(product, multiprocessors)
          ? LARGE
          : SMALL;
    }
  }

  /** A product to be done; a gated one has neither bias nor activation. */
  private record Product(
      CudaTensor x,
      CudaWeight w,
      @Nullable CudaWeight bias,
      Activation activation,
      CudaTensor out,
      boolean gated) {
    int rows() {
      return x.rows();
    }

    int inputs() {
      return x.columns();
    }

    int outputs() {
      return out.columns();
    }

    long biasAddress() {
      return bias == null ? 0 : bias.address();
    }

    /** Whether rows of x and w are whole accesses. */
    boolean aligned() {
      long rowBytes = (long) inputs() * x.dtype().bytes();
      return (x.address() | w.address() | rowBytes) % ALIGNMENT == 0;
    }

    /** Whether rows of out are, too. */
    boolean outAligned() {
      long rowBytes = (long) outputs() * out.dtype().bytes();
      return (out.address() | rowBytes) % ALIGNMENT == 0;
    }
  }

  private final Launcher launcher;
  private final CudaStreaming streaming;
  private final CublasLt cublas;
  private final Map<ProductShape, MatrixProduct> plans = new LinkedHashMap<>(16, 0.75f, true);

  CudaLinear(Launcher launcher, CudaStreaming streaming, CublasLt cublas) {
    this.launcher = launcher;
    this.streaming = streaming;
    this.cublas = cublas;
  }

  /** {@code out = activation(x · wᵀ + bias)}; out may be float32 whatever x is. */
  void linear(
      CudaTensor x,
      CudaWeight w,
      @Nullable CudaWeight bias,
      Activation activation,
      CudaTensor out) {
    Product product = new Product(x, w, bias, activation, out, false);
    if (x.rows() == 0) {
      return;
    }
    if (x.rows() <= CudaStreaming.MOST_ROWS) {
      stream(product);
    } else if (product.aligned() && product.outAligned() && planned(product)) {
      plan(product);
    } else if (product.aligned() && product.outAligned() && out.dtype() == DType.FLOAT32) {
      planThenActivate(product);
    } else {
      multiply(product);
    }
  }

  /** {@code out = silu(x · gateᵀ) ∘ (x · upᵀ)}. */
  void swiGlu(CudaTensor x, CudaWeight gateUp, CudaTensor out) {
    Product product = new Product(x, gateUp, null, Activation.NONE, out, true);
    if (x.rows() == 0) {
      return;
    }
    if (x.rows() <= CudaStreaming.MOST_ROWS) {
      stream(product);
    } else {
      multiply(product);
    }
  }

  // Kernels of our own ----------------------------------------------------------------------------

  private void stream(Product product) {
    if (product.gated) {
      streaming.swiGlu(product.x, product.w, product.out);
    } else {
      streaming.linear(product.x, product.w, product.bias, product.activation, product.out);
    }
  }

  private void multiply(Product product) {
    String operation = product.gated ? "swiglu" : "matmul";
    if (launcher.dtype() == DType.FLOAT32 || !product.aligned()) {
      int outputs = product.gated ? PLAIN_TILE / 2 : PLAIN_TILE;
      kernel(operation + "_plain", product)
          .launch(
              Math.ceilDiv(product.rows(), PLAIN_TILE),
              Math.ceilDiv(product.outputs(), outputs),
              1,
              PLAIN_THREADS,
              PLAIN_SHARED_BYTES);
    } else {
      Tile tile = Tile.of(product, launcher);
      kernel("%s_%dx%d".formatted(operation, tile.rows, tile.weights), product)
          .launch(tile.blocks(product), 1, 1, tile.threads, tile.sharedBytes());
    }
  }

  /** The kernel of that name with {@code linear::Arguments}. */
  private Launcher kernel(String name, Product product) {
    launcher
        .kernel(name)
        .pointer(product.x.address())
        .pointer(product.w.address())
        .integer(product.rows())
        .integer(product.inputs());
    return epilogue(product, product.activation);
  }

  private Launcher epilogue(Product product, Activation activation) {
    return LinearArguments.epilogue(launcher, product.bias, activation, product.out);
  }

  // cuBLASLt --------------------------------------------------------------------------------------

  private static boolean isPlain(Activation activation) {
    return activation == Activation.NONE || activation == Activation.ADD;
  }

  /** Whether cuBLASLt does all of it: it wants an aligned bias of the type of out. */
  private boolean planned(Product product) {
    boolean fits =
        product.bias == null
            || (product.out.dtype() == launcher.dtype() && product.biasAddress() % ALIGNMENT == 0);
    return fits && isPlain(product.activation);
  }

  private void plan(Product product) {
    run(product, product.bias != null);
  }

  /** Leaves the sums in {@code out}, which is float32, for bias and activation. */
  private void planThenActivate(Product product) {
    run(product, false);
    Activation rest = product.activation == Activation.ADD ? Activation.NONE : product.activation;
    launcher.kernel("activate").pointer(product.out.address()).integer(product.rows());
    long runs = (long) product.rows() * Math.ceilDiv(product.outputs(), ACTIVATE_RUN);
    epilogue(product, rest)
        .launch(
            Math.toIntExact(Math.ceilDiv(runs, (long) ACTIVATE_THREADS)),
            1,
            1,
            ACTIVATE_THREADS,
            0);
  }

  private void run(Product product, boolean bias) {
    ProductShape shape =
        ProductShape.of(
                product.rows(), product.outputs(), product.inputs(), type(product.x.dtype()))
            .into(type(product.out.dtype()));
    shape = bias ? shape.withBias() : shape;
    shape = product.activation == Activation.ADD ? shape.accumulating() : shape;
    matrixProduct(shape)
        .run(
            launcher.stream(),
            product.x.address(),
            product.w.address(),
            product.biasAddress(),
            product.out.address());
  }

  private MatrixProduct matrixProduct(ProductShape shape) {
    MatrixProduct known = plans.get(shape);
    if (known != null) {
      return known;
    }
    if (plans.size() == PLANS_KEPT) {
      // The one used longest ago; work already on the stream, or in a graph, has all it needs.
      Iterator<MatrixProduct> plan = plans.values().iterator();
      MatrixProduct oldest = plan.next();
      plan.remove();
      oldest.close();
    }
    MatrixProduct made = cublas.plan(shape);
    plans.put(shape, made);
    return made;
  }

  private static ElementType type(DType dtype) {
    return switch (dtype) {
      case FLOAT32 -> ElementType.FLOAT32;
      case FLOAT16 -> ElementType.FLOAT16;
      case BFLOAT16 -> ElementType.BFLOAT16;
    };
  }
}
