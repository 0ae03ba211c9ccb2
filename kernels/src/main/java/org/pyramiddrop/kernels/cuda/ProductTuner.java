package org.pyramiddrop.kernels.cuda;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.pyramiddrop.cuda.CudaException;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.kernels.DeviceException;

/**
 * Chooses how products are done, by measurement.
 *
 * <p>What was never met is measured at its first use, and kept for later processes. In a capture
 * nothing can be measured: there the unmeasured way is taken and the product noted, to be measured
 * behind the capture, which then has to be made anew. Ways differ in the order of sums and so in
 * the last bits of results; hence a choice, once made, holds as long as this does, for products
 * within a tile's rows of each other. A way that can't do one of those after all is chosen for that
 * number of rows alone.
 */
final class ProductTuner {
  /** How many algorithms cuBLASLt is asked for. */
  private static final int ALGORITHMS = 16;

  /** Timed runs of a way, unless that takes too long. */
  private static final int ROUNDS = 5;

  /** Behind the round in which this much time is spent there is no other. */
  private static final float MOST_MILLIS = 20;

  /** Ways that took so many times longer in the first round than the fastest leave. */
  private static final float IN_THE_RUNNING = 1.5f;

  private final System.Logger log = System.getLogger(ProductTuner.class.getPackageName());
  private final ProductWays ways;
  private final CudaStream stream;
  private final DeviceMemory memory;
  private final Stopwatch stopwatch;
  private final ChoiceFile file;
  private final Map<ProductKind, Way> choices = new HashMap<>();
  private final Map<ProductKind, Note> noted = new LinkedHashMap<>();

  /**
   * Measures on a stream.
   *
   * @param memory where what is multiplied goes meanwhile
   * @param file what was chosen before
   */
  ProductTuner(
      ProductWays ways,
      CudaStream stream,
      DeviceMemory memory,
      Stopwatch stopwatch,
      ChoiceFile file) {
    this.ways = ways;
    this.stream = stream;
    this.memory = memory;
    this.stopwatch = stopwatch;
    this.file = file;
  }

  /**
   * A product to be measured.
   *
   * @param product whose x and out may be closed by now
   * @param unmeasured the way it goes where nothing is measured
   */
  private record Note(Product product, Way unmeasured) {}

  /** A way in the running, and how long its runs took. */
  private record Timed(Way way, List<Float> millis) {
    /** The median; of two in the middle the lower. */
    float median() {
      return millis.stream().sorted().toList().get((millis.size() - 1) / 2);
    }
  }

  /** The way to do a product. */
  Way way(Product product) {
    if (!ways.hasAlternatives(product)) {
      return ways.unmeasured(product);
    }
    ProductKind exactly = ProductKind.exactly(product);
    ProductKind like = ProductKind.like(product);
    Optional<Way> known =
        chosen(exactly, product)
            .or(() -> chosen(like, product))
            .or(() -> kept(like, product))
            .or(() -> kept(exactly, product));
    if (known.isPresent()) {
      return known.get();
    }
    ProductKind unknown = choices.containsKey(like) ? exactly : like;
    Note note = new Note(product, ways.unmeasured(product));
    if (stream.isCapturing()) {
      noted.putIfAbsent(unknown, note);
      return note.unmeasured;
    }
    return measured(unknown, note);
  }

  /** The choice for a kind, if this product can go that way too. */
  private Optional<Way> chosen(ProductKind kind, Product product) {
    Way way = choices.get(kind);
    return way != null && ways.can(product, way) ? Optional.of(way) : Optional.empty();
  }

  /** The same, of choices made before this process. */
  private Optional<Way> kept(ProductKind kind, Product product) {
    file.get(kind).ifPresent(way -> choices.putIfAbsent(kind, way));
    return chosen(kind, product);
  }

  /** Forgets what was noted before a capture. */
  void forgetNoted() {
    noted.clear();
  }

  /** Whether the capture met products that were never measured. */
  boolean hasNoted() {
    return !noted.isEmpty();
  }

  /** Measures what was noted. */
  void measureNoted() {
    noted.forEach(this::measured);
    noted.clear();
  }

  private Way measured(ProductKind kind, Note note) {
    Optional<Way> fastest = Optional.empty();
    try {
      fastest = fastest(note.product);
      fastest.ifPresent(way -> file.put(kind, way));
    } catch (DeviceException e) {
      // There is room for the product, but not for measuring it beside all else.
      log.log(System.Logger.Level.WARNING, "{0} is not measured: {1}", kind.text(), e.getMessage());
    } finally {
      // What was taken to measure is of sizes that nothing else needs.
      memory.trim();
    }
    Way chosen = fastest.orElse(note.unmeasured);
    choices.put(kind, chosen);
    return chosen;
  }

  /** Empty if no way can be run, which the product itself will say better. */
  private Optional<Way> fastest(Product product) {
    try (CudaTensor x =
            CudaTensor.allocate(memory, product.x().dtype(), product.rows(), product.inputs());
        CudaTensor out =
            CudaTensor.allocate(memory, product.out().dtype(), product.rows(), product.outputs())) {
      RandomNumbers.fill(x, stream);
      Product trial = product.of(x, out);
      List<Way> candidates = ways.candidates(trial, ALGORITHMS);
      Optional<Way> fastest = Optional.empty();
      try {
        fastest = fastest(trial, candidates);
      } finally {
        for (Way way : candidates) {
          if (!fastest.equals(Optional.of(way))) {
            ways.forget(trial, way);
          }
        }
      }
      return fastest;
    }
  }

  /** Runs all ways in rotation, so that what changes meanwhile changes for all. */
  private Optional<Way> fastest(Product product, List<Way> candidates) {
    List<Timed> running = new ArrayList<>();
    for (Way way : candidates) {
      // The first run of a kernel loads it.
      if (runs(product, way)) {
        running.add(new Timed(way, new ArrayList<>()));
      }
    }
    float spent = 0;
    for (int round = 0; round < ROUNDS && spent < MOST_MILLIS; round++) {
      for (Timed timed : running) {
        float millis = millis(product, timed.way);
        timed.millis.add(millis);
        spent += millis;
      }
      if (round == 0) {
        leaveTheFast(running);
      }
    }
    // The first among equals.
    return running.stream().min(Comparator.comparingDouble(Timed::median)).map(Timed::way);
  }

  private static void leaveTheFast(List<Timed> running) {
    float least = Float.MAX_VALUE;
    for (Timed timed : running) {
      least = Math.min(least, timed.median());
    }
    float most = IN_THE_RUNNING * least;
    running.removeIf(timed -> timed.median() > most);
  }

  /** cuBLASLt may refuse when it runs what it offered or accepted before. */
  private boolean runs(Product product, Way way) {
    try {
      if (!ways.can(product, way)) {
        return false;
      }
      millis(product, way);
      return true;
    } catch (CudaException e) {
      if (!e.isUnsupported()) {
        throw e;
      }
      return false;
    }
  }

  private float millis(Product product, Way way) {
    return stopwatch.millis(way, () -> ways.run(product, way));
  }
}
