package org.pyramiddrop.loader;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs the {@link Fuzzers} for some seconds, all in one JVM and without looking where inputs get
 * to; or guided, as many at a time as there are processors, for {@code -Dpyramiddrop.fuzz.minutes},
 * which is {@code make fuzz}. What they find lies in {@code target/fuzz}.
 */
class FuzzersTest {
  private static final int MINUTES = Integer.getInteger("pyramiddrop.fuzz.minutes", 0);
  private static final Duration SHORT = Duration.ofSeconds(6);
  private static final String ALL = "any";

  private final Path folder = Path.of("target", "fuzz").toAbsolutePath();

  @Test
  void whateverAFileHoldsItIsReadOrRefusedAsDocumented() throws Exception {
    List<FuzzerRun> runs =
        MINUTES > 0
            ? guided(Duration.ofMinutes(MINUTES))
            : List.of(FuzzerRun.blind(ALL, folder.resolve(ALL), seedsOfAll(), SHORT));
    runs.forEach(System.out::println);
    assertThat(runs).filteredOn(run -> !run.isClean()).isEmpty();
  }

  /** A fuzzer gets nowhere from files that are refused at their first line. */
  @Test
  void seedsAreReadButForThoseOfARefusedKind(@TempDir Path temporary) throws IOException {
    Readers readers = new Readers(temporary);
    List<String> refused = new ArrayList<>();
    for (String kind : Readers.KINDS) {
      for (Path seed : seeds(kind)) {
        try {
          readers.read(kind, Files.readAllBytes(seed));
        } catch (CheckpointException | ChatTemplateException | ImageException e) {
          refused.add(kind + "/" + seed.getFileName());
        }
      }
    }
    assertThat(refused)
        .filteredOn(seed -> !seed.contains("found-"))
        .containsExactlyInAnyOrder("image/cmyk.jpg", "image/grey-16.png");
  }

  private static List<Path> seeds(String kind) throws IOException {
    Path from = Fixtures.resource("/org/pyramiddrop/loader/FuzzersInputs/" + kind);
    try (Stream<Path> seeds = Files.list(from)) {
      return seeds.sorted().toList();
    }
  }

  private List<FuzzerRun> guided(Duration budget) throws Exception {
    List<String> names = Readers.KINDS;
    int atOnce = Math.min(names.size(), Runtime.getRuntime().availableProcessors());
    Duration each = budget.dividedBy(Math.ceilDiv(names.size(), atOnce));
    List<FuzzerRun> runs = new ArrayList<>();
    try (ExecutorService workers = Executors.newFixedThreadPool(atOnce)) {
      List<Future<FuzzerRun>> started =
          names.stream()
              .map(name -> workers.submit(() -> FuzzerRun.guided(name, folder.resolve(name), each)))
              .toList();
      for (Future<FuzzerRun> run : started) {
        runs.add(run.get());
      }
    }
    return runs;
  }

  /** The seeds of each kind, with its name in front. */
  private Path seedsOfAll() throws IOException {
    Path made = Files.createDirectories(folder.resolve("seeds"));
    for (String kind : Readers.KINDS) {
      for (Path seed : seeds(kind)) {
        byte[] name = (kind + "\n").getBytes(ISO_8859_1);
        byte[] file = Files.readAllBytes(seed);
        byte[] both = Arrays.copyOf(name, name.length + file.length);
        System.arraycopy(file, 0, both, name.length, file.length);
        Files.write(made.resolve(kind + "-" + seed.getFileName()), both);
      }
    }
    return made;
  }
}
