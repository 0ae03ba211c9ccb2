package org.pyramiddrop.kernels.cuda;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.cuda.Product.LibraryPart;

/** Which ways there are to do a product, and how each is run. */
final class ProductWays {
  private final Launcher launcher;
  private final LinearKernels kernels;
  private final LibraryProducts library;
  private final boolean hopper;

  /**
   * The ways there are on one GPU.
   *
   * @param hopper whether kernels for compute capability 9.0 are among them
   */
  ProductWays(Launcher launcher, LinearKernels kernels, LibraryProducts library, boolean hopper) {
    this.launcher = launcher;
    this.kernels = kernels;
    this.library = library;
    this.hopper = hopper;
  }

  /**
   * The way taken where nothing was measured: cuBLASLt where all that is left to do is in place, or
   * an addition, else a kernel of ours with everything fused.
   */
  Way unmeasured(Product product) {
    return isLibraryFirst(product) ? new Way.Guessed() : own(product).getFirst();
  }

  /** Whether there is more than one way. */
  boolean hasAlternatives(Product product) {
    return product.libraryPart() != LibraryPart.NONE || own(product).size() > 1;
  }

  private static boolean isLibraryFirst(Product product) {
    return switch (product.libraryPart()) {
      case ALL -> true;
      case SUMS -> product.sumsFitInOut() || product.activation() == Activation.ADD;
      case NONE -> false;
    };
  }

  /**
   * All ways worth a measurement, the one taken without any first; one at least.
   *
   * @param most how many algorithms cuBLASLt is asked for
   */
  List<Way> candidates(Product product, int most) {
    List<Way> planned = new ArrayList<>();
    if (product.libraryPart() != LibraryPart.NONE) {
      library
          .algorithms(product, most)
          .forEach(algorithm -> planned.add(new Way.Planned(algorithm)));
    }
    List<Way> own = own(product);
    List<Way> all = new ArrayList<>(isLibraryFirst(product) ? planned : own);
    all.addAll(isLibraryFirst(product) ? own : planned);
    return all;
  }

  /** Kernels of ours that do all of it, the one that should be fastest first. */
  private List<Way> own(Product product) {
    if (launcher.dtype() == DType.FLOAT32 || !product.aligned()) {
      return List.of(new Way.Plain());
    }
    Tile best = Tile.of(product, launcher);
    List<Way> all = new ArrayList<>();
    if (hopper && kernels.takesGated(product)) {
      all.add(new Way.Hopper());
    }
    all.add(new Way.Tiled(best));
    for (Tile tile : Tile.values()) {
      if (tile != best && tile.fits(launcher)) {
        all.add(new Way.Tiled(tile));
      }
    }
    return all;
  }

  /** Whether a way, found for another number of rows or in another process, does this product. */
  boolean can(Product product, Way way) {
    return switch (way) {
      case Way.Tiled _, Way.Hopper _, Way.Plain _ -> own(product).contains(way);
      case Way.Guessed _ -> product.libraryPart() != LibraryPart.NONE;
      case Way.Planned planned ->
          product.libraryPart() != LibraryPart.NONE && library.can(product, planned);
    };
  }

  /** Does a product. */
  void run(Product product, Way way) {
    switch (way) {
      case Way.Tiled(Tile tile) -> kernels.multiply(product, tile);
      case Way.Hopper _ -> kernels.multiplyGatedOnHopper(product);
      case Way.Plain _ -> kernels.multiplyPlain(product);
      case Way.Planned _, Way.Guessed _ -> library.run(product, way);
    }
  }

  /** Gives back what was kept to do a product that way again. */
  void forget(Product product, Way way) {
    if (product.libraryPart() != LibraryPart.NONE) {
      library.forget(product, way);
    }
  }
}
