package org.pyramiddrop.bench.speed.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.openjdk.jmh.runner.options.TimeValue;
import org.pyramiddrop.bench.Bench;
import org.pyramiddrop.bench.EmulatedGpu;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.report.Machine;

@ExtendWith(FreshBenchFolder.class)
class RunCommandTest {
  @TempDir private Path temp;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(String... arguments) {
    return Bench.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
  }

  private static Suite suite(String only, String backend, boolean quick) {
    return new Suite(
        Pattern.compile(only),
        backend,
        Map.of("size", ModelSize.TINY.label()),
        quick,
        1,
        OptionalInt.of(0),
        TimeValue.milliseconds(1));
  }

  private static List<String> names(Suite suite) {
    return suite.passes().stream().flatMap(pass -> pass.benchmarks().stream()).toList();
  }

  @Test
  void ceilingsAreProbedFirstWhateverRuns() {
    assertThat(names(suite("gather|DropB", "cpu", false)))
        .containsExactly(
            "PeakBenchmark.allCores", "ReadBandwidthBenchmark.allCores", "DropBenchmark.drop");
    assertThat(suite("DropB", "cpu", false).passes())
        .extracting(Suite.Pass::quick)
        .containsExactly(true, true, false);
    assertThat(names(suite("", "cuda", true)).getFirst())
        .isEqualTo("DeviceCeilingBenchmark.ceiling");
  }

  @Test
  void everythingRunsUnlessSomethingIsPicked() {
    List<String> all = names(suite("", "cpu", false));
    assertThat(all).hasSize(11).contains("PeakBenchmark.oneCore", "ReadBandwidthBenchmark.oneCore");
    assertThat(names(suite("", "cpu", true)))
        .containsExactlyElementsOf(all.stream().filter(n -> !n.endsWith(".oneCore")).toList());
  }

  @Test
  void keepsTheResultsOfWhatRan() throws IOException {
    // Reading memory is left out: filling it takes seconds.
    Suite suite =
        new Suite(
            Pattern.compile("DropB|Prefill"),
            "cpu",
            Map.of("size", "tiny", "imageTokens", "20", "part", "SELECTION"),
            /* quick= */ true,
            /* rounds= */ 2,
            OptionalInt.of(0),
            TimeValue.milliseconds(1));
    List<Suite.Pass> passes =
        suite.passes().stream()
            .filter(pass -> pass.type().type() != ReadBandwidthBenchmark.class)
            .toList();
    suite.run(passes, temp, new PrintWriter(out, true));
    assertThat(out.toString())
        .contains("3 of 6: DropBenchmark.drop, ", "6 of 6: DropBenchmark.drop, ");
    assertThat(Files.readString(temp.resolve("DropBenchmark.log"))).contains("# Run complete");
    List<JmhResult> results = JmhResult.read(temp.resolve(Suite.RESULTS));
    // Arithmetic, three plans, selection, twice five runs of it.
    assertThat(results).hasSize(1 + 3 + 1);
    assertThat(results.getLast().millis().count()).isEqualTo(2 * 5);
    assertThat(results.getLast().parameters())
        .containsEntry("size", "tiny")
        .containsEntry("part", "SELECTION")
        .containsEntry("backend", "cpu");
    Results rating = Results.of(new Machine("", "", "", ""), "", "", "", results);
    assertThat(rating.ceilings()).hasSize(1);
    assertThat(rating.rows())
        .filteredOn(row -> row.operation().startsWith("prefill"))
        .hasSize(3)
        .allSatisfy(row -> assertThat(row.share()).isPositive());
  }

  @Test
  void saysWhichBenchmarkFailedAndWhereTheReasonStands() throws IOException {
    try (EmulatedGpu _ = EmulatedGpu.absent(temp)) {
      Suite suite = suite("DropB", "cuda", true);
      assertThatThrownBy(
              () -> suite.run(List.of(suite.passes().getLast()), temp, new PrintWriter(out, true)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("DropBenchmark.drop failed; %s says why", temp.resolve("DropBenchmark.log"));
    }
    assertThat(Files.readString(temp.resolve("DropBenchmark.log"))).contains("no NVIDIA driver");
  }

  @Test
  void aRecordingsTimeIsThatOfOneOfItsOperations() {
    Path log = temp.resolve("log");
    Suite toy = suite("Drop", "cuda", true);
    assertThat(toy.options(toy.passes().getLast(), log).getOperationsPerInvocation().get())
        .isEqualTo(3);
    Suite onGpu =
        new Suite(
            toy.only(), "cuda", Map.of(), /* quick= */ true, 1, OptionalInt.of(0), Suite.QUICK);
    assertThat(onGpu.options(onGpu.passes().getLast(), log).getOperationsPerInvocation().get())
        .isEqualTo(100);
    Suite onCpu = suite("Drop", "cpu", true);
    assertThat(onCpu.options(onCpu.passes().getLast(), log).getOperationsPerInvocation().hasValue())
        .isFalse();
  }

  @Test
  void refusesWhatFitsNoBenchmark() {
    assertThat(run("run", "--only", "Nothing")).isEqualTo(2);
    assertThat(err.toString().lines())
        .singleElement()
        .asString()
        .startsWith("bench: no benchmark on cpu has Nothing in its name; there are PeakBenchmark.");
    assertThatThrownBy(() -> suite("Peak", "cuda", false).passes())
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void refusesABrokenPatternAnUnknownSizeAndAnUnknownBackend() {
    assertThat(run("run", "--only", "(")).isEqualTo(2);
    assertThat(run("run", "--size", "13b")).isEqualTo(2);
    assertThat(run("run", "--backend", "tpu")).isEqualTo(2);
    assertThat(err.toString().lines())
        .containsExactly(
            "bench: --only takes a regular expression: Unclosed group in (",
            "bench: there is no size 13b; choose 7b, small, tiny",
            "bench: there is no backend tpu; use cpu, native or cuda");
  }

  @Test
  void withoutAGpuSaysWhyBeforeAnythingRuns() {
    try (EmulatedGpu _ = EmulatedGpu.absent(temp)) {
      assertThat(run("run", "--backend", "cuda")).isEqualTo(1);
    }
    assertThat(err.toString().lines())
        .singleElement()
        .asString()
        .startsWith("bench: no NVIDIA driver");
  }

  @Test
  void summariesNeedResults() {
    assertThat(run("summary", temp.resolve("none.json").toString())).isEqualTo(2);
    assertThat(err.toString()).contains("bench run writes them");
  }
}
