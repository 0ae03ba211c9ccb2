package org.pyramiddrop.kernels.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.Transposed;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.cuda.Product.LibraryPart;

/** Which algorithms a product can be done by, and how each is run. */
final class ProductAlgorithms {
  private final Launcher launcher;
  private final LinearKernels kernels;
  private final CublasLtProducts library;
  private final DeviceMemory memory;
  private final @Nullable StreamK streamK;

  /**
   * The algorithms of one GPU.
   *
   * @param memory for matrices that are widened, and for sums
   * @param hopper whether kernels for compute capability 9.0 are among them
   */
  ProductAlgorithms(
      Launcher launcher,
      LinearKernels kernels,
      CublasLtProducts library,
      DeviceMemory memory,
      boolean hopper) {
    this.launcher = launcher;
    this.kernels = kernels;
    this.library = library;
    this.memory = memory;
    streamK = hopper ? new StreamK(launcher, memory) : null;
  }

  /**
   * The algorithm where nothing was measured: cuBLASLt's default, if what is left to do after it is
   * nothing, is done in place, or is an addition; else a kernel of ours with everything fused.
   */
  ProductAlgorithm defaultFor(Product product) {
    return isLibraryFirst(product)
        ? new ProductAlgorithm.CublasLtDefault()
        : ownKernels(product).getFirst();
  }

  /** Whether there is more than one algorithm. */
  boolean hasAlternatives(Product product) {
    return product.libraryPart() != LibraryPart.NONE || ownKernels(product).size() > 1;
  }

  private static boolean isLibraryFirst(Product product) {
    return product.quantizes()
        || switch (product.libraryPart()) {
          case ALL -> true;
          case SUMS -> product.sumsFitInOut() || product.activation() == Activation.ADD;
          case NONE -> false;
        };
  }

  /**
   * All algorithms worth a measurement. The first is the kind that {@link #defaultFor} takes.
   *
   * @param most how many algorithms cuBLASLt is asked for
   */
  List<ProductAlgorithm> candidates(Product product, int most) {
    List<ProductAlgorithm> cublas = new ArrayList<>();
    if (product.libraryPart() != LibraryPart.NONE) {
      library
          .algorithms(product, most)
          .forEach(algorithm -> cublas.add(new ProductAlgorithm.CublasLt(algorithm)));
    }
    List<ProductAlgorithm> ownKernels = ownKernels(product);
    List<ProductAlgorithm> all = new ArrayList<>(isLibraryFirst(product) ? cublas : ownKernels);
    all.addAll(isLibraryFirst(product) ? ownKernels : cublas);
    return all;
  }

  /**
   * Kernels of ours that do all of it, the one that should be fastest first: none where x is
   * quantised, since theirs would be another result.
   */
  private List<ProductAlgorithm> ownKernels(Product product) {
    if (product.quantizes()) {
      return List.of();
    }
    if (launcher.dtype() == DType.FLOAT32
        || product.transposed() != Transposed.W
        || !product.aligned()) {
      return List.of(new ProductAlgorithm.Plain());
    }
    Tile best = Tile.fastest(product, launcher);
    List<ProductAlgorithm> all = new ArrayList<>();
    boolean onHopper = streamK != null && kernels.supportsHopper(product);
    if (onHopper && product.gated()) {
      all.add(new ProductAlgorithm.Hopper());
    }
    all.add(new ProductAlgorithm.Tiled(best));
    // No GPU has timed these, so they are for measurement to choose.
    if (onHopper && !product.gated()) {
      all.add(new ProductAlgorithm.Hopper());
    }
    if (streamK != null && onHopper && streamK.supports(product)) {
      all.add(new ProductAlgorithm.StreamK());
    }
    for (Tile tile : Tile.values()) {
      if (tile != best && tile.fits(launcher)) {
        all.add(new ProductAlgorithm.Tiled(tile));
      }
    }
    if (product.w().dtype().inBlocks()) {
      // No GPU has timed it, either.
      all.add(new ProductAlgorithm.Widened());
    }
    return all;
  }

  /**
   * Whether an algorithm does this product. It may have been found for another number of rows, or
   * in another process.
   */
  boolean supports(Product product, ProductAlgorithm algorithm) {
    return switch (algorithm) {
      case ProductAlgorithm.Tiled _,
          ProductAlgorithm.Hopper _,
          ProductAlgorithm.StreamK _,
          ProductAlgorithm.Plain _,
          ProductAlgorithm.Widened _ ->
          ownKernels(product).contains(algorithm);
      case ProductAlgorithm.CublasLtDefault _ -> product.libraryPart() != LibraryPart.NONE;
      case ProductAlgorithm.CublasLt cublas ->
          product.libraryPart() != LibraryPart.NONE && library.supports(product, cublas);
    };
  }

  /** Does a product. */
  void run(Product product, ProductAlgorithm algorithm) {
    switch (algorithm) {
      case ProductAlgorithm.Tiled(Tile tile) -> kernels.multiply(product, tile);
      case ProductAlgorithm.Hopper _ -> kernels.multiplyOnHopper(product);
      case ProductAlgorithm.StreamK _ -> Objects.requireNonNull(streamK).multiply(product);
      case ProductAlgorithm.Plain _ -> kernels.multiplyPlain(product);
      case ProductAlgorithm.Widened _ -> multiplyWidened(product);
      case ProductAlgorithm.CublasLt _, ProductAlgorithm.CublasLtDefault _ ->
          library.run(product, algorithm);
    }
  }

  private void multiplyWidened(Product product) {
    CudaWeight w = product.w();
    try (CudaTensor wide = CudaTensor.allocate(memory, launcher.dtype(), w.rows(), w.columns())) {
      kernels.widen(w, wide);
      Product widened = product.of(product.x(), CudaWeight.of(wide), product.out());
      run(widened, defaultFor(widened));
    }
  }

  /** Frees what was kept to run an algorithm on a product again. */
  void release(Product product, ProductAlgorithm algorithm) {
    if (product.libraryPart() != LibraryPart.NONE) {
      library.release(product, algorithm);
    }
  }
}
