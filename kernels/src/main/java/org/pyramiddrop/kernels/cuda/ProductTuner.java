package org.pyramiddrop.kernels.cuda;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.CudaException;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.cuda.Transposed;
import org.pyramiddrop.kernels.DeviceException;

/**
 * Autotuning: chooses the algorithm of each kind of product by measurement.
 *
 * <p>A kind is measured when it is first met, and the choice is kept for later processes. During a
 * capture nothing can be measured. There the default algorithm is taken and the product becomes
 * pending; it is measured after the capture, which then has to be made again.
 *
 * <p>Algorithms differ in the order of their sums, and so in the last bits of results. Hence a
 * choice, once made, holds as long as this object lives, for all products whose rows end in the
 * same tile. Where the chosen algorithm doesn't support one of those, another is chosen for exactly
 * that number of rows.
 */
final class ProductTuner {
  /** How many algorithms cuBLASLt is asked for. */
  private static final int ALGORITHMS = 16;

  /** Timed runs of an algorithm, unless they take too long. */
  private static final int ROUNDS = 5;

  /** After so much time no further round begins. */
  private static final float MOST_MILLIS = 20;

  /** After the first round, algorithms are dropped that took so many times as long as the best. */
  private static final float SLOWDOWN_LIMIT = 1.5f;

  private final System.Logger log = System.getLogger(ProductTuner.class.getPackageName());
  private final ProductAlgorithms algorithms;
  private final CudaStream stream;
  private final DeviceMemory memory;
  private final Stopwatch stopwatch;
  private final TuningCache cache;
  private final Map<ProductKind, ProductAlgorithm> choices = new HashMap<>();
  private final Map<ProductKind, Pending> pending = new LinkedHashMap<>();

  /**
   * Measures on a stream.
   *
   * @param memory for trial operands
   * @param cache choices of earlier processes
   */
  ProductTuner(
      ProductAlgorithms algorithms,
      CudaStream stream,
      DeviceMemory memory,
      Stopwatch stopwatch,
      TuningCache cache) {
    this.algorithms = algorithms;
    this.stream = stream;
    this.memory = memory;
    this.stopwatch = stopwatch;
    this.cache = cache;
  }

  /**
   * A product to be measured.
   *
   * @param product its activations may be closed by now
   * @param defaultAlgorithm what it is done by as long as nothing is measured
   */
  private record Pending(Product product, ProductAlgorithm defaultAlgorithm) {}

  /** An algorithm, and how long its runs took. */
  private record Timed(ProductAlgorithm algorithm, List<Float> millis) {
    /** The median; of two in the middle the lower. */
    float median() {
      return millis.stream().sorted().toList().get((millis.size() - 1) / 2);
    }
  }

  /** The algorithm to do a product by. */
  ProductAlgorithm algorithm(Product product) {
    if (!algorithms.hasAlternatives(product)) {
      return algorithms.defaultFor(product);
    }
    ProductKind exactRows = ProductKind.ofExactRows(product);
    ProductKind rowTile = ProductKind.ofRowTile(product);
    Optional<ProductAlgorithm> known =
        chosen(exactRows, product)
            .or(() -> chosen(rowTile, product))
            .or(() -> cached(rowTile, product))
            .or(() -> cached(exactRows, product));
    if (known.isPresent()) {
      return known.get();
    }
    ProductKind unknown = choices.containsKey(rowTile) ? exactRows : rowTile;
    Pending met = new Pending(product, algorithms.defaultFor(product));
    if (stream.isCapturing()) {
      pending.putIfAbsent(unknown, met);
      return met.defaultAlgorithm;
    }
    return tune(unknown, met);
  }

  /** The choice for a kind, if it supports this product too. */
  private Optional<ProductAlgorithm> chosen(ProductKind kind, Product product) {
    ProductAlgorithm algorithm = choices.get(kind);
    return algorithm != null && algorithms.supports(product, algorithm)
        ? Optional.of(algorithm)
        : Optional.empty();
  }

  /** The same, of choices made before this process. */
  private Optional<ProductAlgorithm> cached(ProductKind kind, Product product) {
    cache.get(kind).ifPresent(algorithm -> choices.putIfAbsent(kind, algorithm));
    return chosen(kind, product);
  }

  /** Forgets what is pending, before a capture. */
  void clearPending() {
    pending.clear();
  }

  /** Whether the capture met products that were never measured. */
  boolean hasPending() {
    return !pending.isEmpty();
  }

  /** Measures what is pending. */
  void tunePending() {
    pending.forEach(this::tune);
    pending.clear();
  }

  private ProductAlgorithm tune(ProductKind kind, Pending met) {
    Optional<ProductAlgorithm> fastest = Optional.empty();
    try {
      fastest = fastest(met.product);
      fastest.ifPresent(algorithm -> cache.put(kind, algorithm));
    } catch (DeviceException e) {
      // There is room for the product, but not for measuring it beside all else.
      log.log(System.Logger.Level.WARNING, "{0} is not measured: {1}", kind.text(), e.getMessage());
    } finally {
      // The trial operands are of sizes that nothing else needs.
      memory.trim();
    }
    ProductAlgorithm chosen = fastest.orElse(met.defaultAlgorithm);
    choices.put(kind, chosen);
    return chosen;
  }

  /** Empty if no algorithm runs; doing the product itself will then say why. */
  private Optional<ProductAlgorithm> fastest(Product product) {
    try (CudaTensor x = like(product.x());
        CudaTensor w = trialWeight(product);
        CudaTensor out = like(product.out())) {
      RandomNumbers.fill(x, stream);
      Product trial = product.of(x, w == null ? product.w() : CudaWeight.of(w), out);
      List<ProductAlgorithm> candidates = algorithms.candidates(trial, ALGORITHMS);
      Optional<ProductAlgorithm> fastest = Optional.empty();
      try {
        fastest = fastest(trial, candidates);
      } finally {
        for (ProductAlgorithm algorithm : candidates) {
          if (!fastest.equals(Optional.of(algorithm))) {
            algorithms.release(trial, algorithm);
          }
        }
      }
      return fastest;
    }
  }

  private CudaTensor like(CudaTensor x) {
    return CudaTensor.allocate(memory, x.dtype(), x.rows(), x.columns());
  }

  /** What stands for activations that may be closed by now; none for a weight, which is not. */
  private @Nullable CudaTensor trialWeight(Product product) {
    if (product.transposed() != Transposed.X) {
      return null;
    }
    CudaWeight w = product.w();
    CudaTensor trial = CudaTensor.allocate(memory, w.dtype(), w.rows(), w.columns());
    RandomNumbers.fill(trial, stream);
    return trial;
  }

  /** Runs all candidates in rotation, so that a change of clock speed meets all of them. */
  private Optional<ProductAlgorithm> fastest(Product product, List<ProductAlgorithm> candidates) {
    List<Timed> running = new ArrayList<>();
    for (ProductAlgorithm algorithm : candidates) {
      // The first run of a kernel loads it.
      if (warmUp(product, algorithm)) {
        running.add(new Timed(algorithm, new ArrayList<>()));
      }
    }
    float spent = 0;
    for (int round = 0; round < ROUNDS && spent < MOST_MILLIS; round++) {
      for (Timed timed : running) {
        float millis = millis(product, timed.algorithm);
        timed.millis.add(millis);
        spent += millis;
      }
      if (round == 0) {
        dropSlow(running);
      }
    }
    // The first among equals.
    return running.stream().min(Comparator.comparingDouble(Timed::median)).map(Timed::algorithm);
  }

  private static void dropSlow(List<Timed> running) {
    float least = Float.MAX_VALUE;
    for (Timed timed : running) {
      least = Math.min(least, timed.median());
    }
    float most = SLOWDOWN_LIMIT * least;
    running.removeIf(timed -> timed.median() > most);
  }

  /**
   * Runs an algorithm once.
   *
   * @return whether that works: cuBLASLt may refuse to run what it offered or accepted before
   */
  private boolean warmUp(Product product, ProductAlgorithm algorithm) {
    try {
      if (!algorithms.supports(product, algorithm)) {
        return false;
      }
      millis(product, algorithm);
      return true;
    } catch (CudaException e) {
      if (!e.isUnsupported()) {
        throw e;
      }
      return false;
    }
  }

  private float millis(Product product, ProductAlgorithm algorithm) {
    return stopwatch.millis(algorithm, () -> algorithms.run(product, algorithm));
  }
}
