package org.pyramiddrop.soak;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.pyramiddrop.transformer.Backend;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.LoadOptions;

/**
 * Asks one model many requests of all kinds, each once and then in random order, some of which are
 * refused or stopped; each must end as it did the first time. A table says what the process takes
 * meanwhile. {@code make soak} starts it.
 */
final class Soak {
  private static final int IMAGES = 4;
  private static final int FOOTPRINTS = 30;

  private Soak() {}

  /**
   * Arguments: how many requests, {@code cpu} or {@code cuda}, the folder of the demo model. Exits
   * with 1 and one line if an answer changes or the process grows.
   */
  public static void main(String[] arguments) throws IOException {
    long requests = Long.parseLong(arguments[0]);
    Backend backend = Backend.valueOf(arguments[1].toUpperCase(Locale.ROOT));
    Path scenes = Path.of(arguments[2]);
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    LoadOptions options = LoadOptions.defaults().withBackend(backend).withThreads(2);
    List<String> problems;
    try (Llava model = Llava.load(scenes.resolve("model"), options)) {
      problems = run(Ask.all(model, images(scenes)), requests, new SplittableRandom(seed));
    }
    if (problems.isEmpty()) {
      System.out.println(requests + " requests answered alike, no growth");
    } else {
      System.err.println(String.join("; ", problems));
      System.exit(1);
    }
  }

  private static List<Path> images(Path scenes) throws IOException {
    try (Stream<Path> files = Files.list(scenes.resolve("heldout"))) {
      return files.filter(file -> file.toString().endsWith(".png")).sorted().limit(IMAGES).toList();
    }
  }

  /** Asks; returns what is wrong, a sentence each. */
  static List<String> run(List<Ask> asks, long requests, SplittableRandom random)
      throws IOException {
    return run(asks, requests, FOOTPRINTS, random);
  }

  /** The same with another number of footprints: each takes two full collections. */
  static List<String> run(List<Ask> asks, long requests, int looks, SplittableRandom random)
      throws IOException {
    Map<Ask, Object> outcomes = new HashMap<>();
    List<Footprint> footprints = new ArrayList<>();
    long between = Math.max(1, requests / looks);
    long row = Math.min(1000, Math.max(1, requests / 2));
    System.out.println(Footprint.header());
    for (long asked = 1; asked <= requests; asked++) {
      // A kind's first request may start a thread of Java's own: it belongs to the warm-up.
      Ask ask = asks.get(asked <= asks.size() ? (int) asked - 1 : random.nextInt(asks.size()));
      Object outcome = ask.attempt().run();
      Object first = outcomes.putIfAbsent(ask, outcome);
      if (first != null && !first.equals(outcome)) {
        return List.of(
            "request %d (%s) was answered %s, the first time %s"
                .formatted(asked, ask.name(), outcome, first));
      }
      if (asked % between == 0 || asked % row == 0) {
        Footprint now = Footprint.now(asked);
        if (asked % between == 0) {
          footprints.add(now);
        }
        if (asked % row == 0) {
          System.out.println(now);
        }
      }
    }
    return Growth.of(footprints);
  }
}
