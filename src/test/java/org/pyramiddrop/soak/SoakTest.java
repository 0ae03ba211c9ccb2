package org.pyramiddrop.soak;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** That the soak runs, and that it sees what it is there to see. */
final class SoakTest {
  private static final SplittableRandom RANDOM = new SplittableRandom();

  @Test
  void aShortSoakEndsWithoutAComplaint() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-XX:NativeMemoryTracking=summary",
                "-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"),
                "-cp",
                System.getProperty("java.class.path"),
                "org.pyramiddrop.soak.Soak",
                "100",
                "cpu",
                "../../models/scenes")
            .redirectErrorStream(true)
            .start();
    String out = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(out).isZero();
    assertThat(out).contains("100 requests answered alike").doesNotContain(" - ");
    assertThat(out.lines().filter(line -> line.matches(" +(50|100) .*"))).hasSize(2);
  }

  @Test
  void anotherAnswerThanTheFirstTimeIsSeen() throws IOException {
    int[] asked = {0};
    Ask changing = new Ask("changing", () -> asked[0]++ < 5 ? "two" : "three");
    assertThat(Soak.run(List.of(changing), 20, RANDOM.split()))
        .containsExactly("request 6 (changing) was answered three, the first time two");
  }

  @Test
  void memoryThatIsNotGivenBackIsSeen() throws IOException {
    assumeThat(Footprint.now(0).resident()).isPresent();
    // So much that what other tests give back meanwhile, some 10 MB, changes it by a few percent.
    int bytes = 1 << 18;
    try (Arena arena = Arena.ofConfined()) {
      Ask leaking = new Ask("leaking", () -> arena.allocate(bytes).fill((byte) 1).byteSize());
      assertThat(Soak.run(List.of(leaking), 1800, 12, RANDOM.split()))
          .filteredOn(problem -> problem.startsWith("resident memory grows by "))
          .singleElement()
          .extracting(problem -> Double.valueOf(problem.replaceAll(".* by (.*) MB.*", "$1")))
          .asInstanceOf(InstanceOfAssertFactories.DOUBLE)
          .isCloseTo(bytes / 1e3, withinPercentage(8));
    }
  }

  @Test
  void eachKindIsAskedBeforeAnyIsAskedAgain() throws IOException {
    List<Integer> asked = new ArrayList<>();
    List<Ask> asks =
        IntStream.range(0, 30).mapToObj(i -> new Ask("kind " + i, () -> asked.add(i))).toList();
    assertThat(Soak.run(asks, 99, 3, RANDOM.split())).isEmpty();
    assertThat(asked.subList(0, 30)).doesNotHaveDuplicates();
  }

  @Test
  void threadsThatDoNotEndAreSeen() throws IOException {
    CountDownLatch end = new CountDownLatch(1);
    Ask leaking =
        new Ask(
            "leaking",
            () ->
                Thread.ofPlatform()
                    .daemon()
                    .start(() -> {
                      try {
                        end.await();
                      } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                      }
                    })
                    .isAlive());
    try {
      assertThat(Soak.run(List.of(leaking), 60, 12, RANDOM.split()))
          .hasSize(1)
          .first()
          .asString()
          .startsWith("threads grow from ");
    } finally {
      end.countDown();
    }
  }

  /** Footprints every 100 requests; memory wavers by 2 MB, and is 20 MB higher now and then. */
  private static List<Footprint> footprints(double bytesPerRequest) {
    List<Footprint> made = new ArrayList<>();
    LongStream.rangeClosed(1, 60)
        .map(i -> i * 100)
        .forEach(requests -> {
          double bytes = 3e8 + bytesPerRequest * requests + RANDOM.nextDouble(2e6);
          OptionalLong memory =
              OptionalLong.of((long) bytes + (RANDOM.nextInt(10) == 0 ? 20_000_000 : 0));
          OptionalLong few = OptionalLong.of(20);
          made.add(new Footprint(requests, memory, few, OptionalLong.empty(), few, few));
        });
    return made;
  }

  @ParameterizedTest
  @ValueSource(doubles = {-500, 0, 400})
  void whatWaversAndComesBackIsNoGrowth(double bytesPerRequest) {
    assertThat(Growth.of(footprints(bytesPerRequest))).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(doubles = {2000, 5000})
  void steadyGrowthBelowTheNoiseIsSeen(double bytesPerRequest) {
    assertThat(Growth.of(footprints(bytesPerRequest)))
        .hasSize(1)
        .first()
        .asString()
        .startsWith("resident memory grows by ");
  }
}
