package org.pyramiddrop.kernels.cuda;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.CublasLt;
import org.pyramiddrop.cuda.CublasLtAlgorithm;
import org.pyramiddrop.cuda.CudaException;
import org.pyramiddrop.cuda.ElementType;
import org.pyramiddrop.cuda.MatrixProduct;
import org.pyramiddrop.cuda.ProductShape;
import org.pyramiddrop.cuda.ScaledMatrix;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.Profile;

/**
 * Products by cuBLASLt, with a plan for each shape and algorithm.
 *
 * <p>What it can't finish is finished by a kernel of ours, on sums of {@link Product#sumsType}.
 *
 * <p>So is a residual: cuBLASLt rounds a product to the type of out before it adds what out held.
 * An H100 showed it, version 13.1, with sums that are not split and parts that may only be added in
 * float32, so no setting forbids it. Rounded once, by a kernel of ours, a residual keeps up to half
 * a step of each product, which is enough to change what a ranking keeps. No GPU has timed that: by
 * what the kernel takes behind a GELU, 7 to 10 µs for each of a layer's two products of 600 rows,
 * 4% of a prefill. {@link CudaOptions#libraryAdds} lets cuBLASLt add as it did.
 */
final class CublasLtProducts {
  /** Prompts differ in length, and every length has its own plans. */
  private static final int PLANS_KEPT = 512;

  /** Rows, inputs and outputs of a product that tells whether there are any like it. */
  private static final int SIZE = 256;

  /** What one plan is for. */
  private record Key(ProductShape shape, ProductAlgorithm algorithm) {}

  private final CublasLt cublas;
  private final LinearKernels kernels;
  private final DeviceMemory memory;
  private final Launcher launcher;
  private final RowQuantization quantization;
  private @Nullable Boolean float8;
  private final Map<Key, MatrixProduct> plans = new LinkedHashMap<>(16, 0.75f, true);

  /**
   * Products on the launcher's stream.
   *
   * @param memory where sums go that are finished later
   */
  CublasLtProducts(Launcher launcher, CublasLt cublas, LinearKernels kernels, DeviceMemory memory) {
    this.launcher = launcher;
    this.cublas = cublas;
    this.kernels = kernels;
    this.memory = memory;
    quantization = new RowQuantization(launcher, memory);
  }

  /**
   * Whether cuBLASLt has products of eight-bit floats here: a small and a larger one, in all types
   * and ways that are asked for. Whatever it says to the question, all else goes on.
   */
  boolean multipliesFloat8() {
    if (float8 == null) {
      float8 =
          cublas.supportsFloat8()
              && Stream.of(ElementType.FLOAT32, type(launcher.dtype()))
                  .flatMap(out ->
                      Stream.of(
                          ProductShape.ofFloat8(LibraryUse.EXACT_ROWS + 1, 16, Blocks.SIZE, out),
                          ProductShape.ofFloat8(SIZE, SIZE, SIZE, out)))
                  .flatMap(shape -> Stream.of(shape, shape.withAccumulation()))
                  .allMatch(this::hasAlgorithm);
    }
    return float8;
  }

  private boolean hasAlgorithm(ProductShape shape) {
    try {
      return !cublas.algorithms(shape, 1).isEmpty();
    } catch (CudaException e) {
      return false;
    }
  }

  /** Algorithms for a product, the one that cuBLASLt thinks fastest first. */
  List<CublasLtAlgorithm> algorithms(Product product, int most) {
    return cublas.algorithms(shape(product), most);
  }

  /** Whether cuBLASLt does this very product by an algorithm. */
  boolean supports(Product product, ProductAlgorithm.CublasLt algorithm) {
    return find(new Key(shape(product), algorithm)).isPresent();
  }

  /** Frees a plan that is not needed any more. */
  void release(Product product, ProductAlgorithm algorithm) {
    MatrixProduct plan = plans.remove(new Key(shape(product), algorithm));
    if (plan != null) {
      plan.close();
    }
  }

  /** Does a product of which cuBLASLt can do a part. */
  void run(Product product, ProductAlgorithm algorithm) {
    Key key = new Key(shape(product), algorithm);
    MatrixProduct plan =
        find(key)
            .orElseThrow(() ->
                new IllegalStateException(
                    "cuBLASLt does no %s by %s".formatted(key.shape, algorithm)));
    if (product.libraryPart() == Product.LibraryPart.ALL) {
      run(plan, product, product.out().address());
    } else if (product.sumsFitInOut()) {
      boolean added = product.activation() == Activation.ADD;
      run(plan, product, product.out().address());
      kernels.finish(
          product, product.out().address(), added ? Activation.NONE : product.activation());
    } else {
      long bytes = (long) product.rows() * product.sums() * product.sumsType().bytes();
      try (DeviceMemory.Block sums = memory.allocate(bytes)) {
        run(plan, product, sums.address());
        kernels.finish(product, sums.address(), product.activation());
      }
    }
  }

  private void run(MatrixProduct plan, Product product, long out) {
    if (product.quantizes()) {
      CudaWeight.Planes w = product.w().planes();
      try (RowQuantization.Rows x = quantization.quantize(product)) {
        plan.run(launcher.stream(), x.matrix(), new ScaledMatrix(w.numbers(), w.scales()), out);
      }
    } else {
      plan.run(
          launcher.stream(),
          product.x().address(),
          product.w().address(),
          product.biasAddress(),
          out);
    }
    launcher
        .timeline()
        .launched(
            "cublasLtMatmul",
            "",
            new Profile.Product(
                product.rows(), product.inputs(), product.sums(), product.w().dtype()));
  }

  /** What cuBLASLt is asked to do. */
  private static ProductShape shape(Product product) {
    boolean all = product.libraryPart() == Product.LibraryPart.ALL;
    ElementType out = type(all ? product.out().dtype() : product.sumsType());
    ProductShape shape =
        product.quantizes()
            ? ProductShape.ofFloat8(
                product.rows(), product.sums(), RowQuantization.padded(product.inputs()), out)
            : ProductShape.of(
                    product.transposed(),
                    product.rows(),
                    product.sums(),
                    product.inputs(),
                    type(product.x().dtype()))
                .withOutType(out);
    shape = all && product.bias() != null ? shape.withBias() : shape;
    boolean adds = product.activation() == Activation.ADD;
    return adds && (all || product.sumsFitInOut()) ? shape.withAccumulation() : shape;
  }

  private Optional<MatrixProduct> find(Key key) {
    MatrixProduct known = plans.get(key);
    if (known != null) {
      return Optional.of(known);
    }
    Optional<MatrixProduct> made =
        key.algorithm instanceof ProductAlgorithm.CublasLt(CublasLtAlgorithm algorithm)
            ? cublas.plan(key.shape, algorithm)
            : Optional.of(plan(key.shape));
    made.ifPresent(plan -> keep(key, plan));
    return made;
  }

  private MatrixProduct plan(ProductShape shape) {
    try {
      return cublas.plan(shape);
    } catch (CudaException e) {
      if (!shape.scaled()) {
        throw e;
      }
      throw new DeviceException(
          "cuBLASLt has no %s; -D%s=false multiplies without it"
              .formatted(shape, CudaOptions.HOPPER_PROPERTY),
          e);
    }
  }

  private void keep(Key key, MatrixProduct plan) {
    if (plans.size() == PLANS_KEPT) {
      // The one used longest ago; work already on the stream, or in a graph, has all it needs.
      Iterator<MatrixProduct> all = plans.values().iterator();
      MatrixProduct oldest = all.next();
      all.remove();
      oldest.close();
    }
    plans.put(key, plan);
  }

  private static ElementType type(DType dtype) {
    return switch (dtype) {
      case FLOAT32 -> ElementType.FLOAT32;
      case FLOAT16 -> ElementType.FLOAT16;
      case BFLOAT16 -> ElementType.BFLOAT16;
      case INT8, INT4, FP8 -> throw dtype.notSingle();
    };
  }
}
