package org.pyramiddrop.bench.speed.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.report.Machine;
import org.pyramiddrop.bench.report.Numbers;
import org.pyramiddrop.bench.report.OutputFile.BenchFolder;
import org.pyramiddrop.bench.report.ReportingCommand;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.speed.jmh.Results.Ceiling;
import org.pyramiddrop.bench.speed.jmh.Results.Row;
import picocli.CommandLine;
import picocli.CommandLine.Command;

@ExtendWith(FreshBenchFolder.class)
class ResultsTest {
  private static final String MODEL = "\"size\":\"7b\",\"backend\":\"cpu\",";
  private static final String GPU = "\"size\":\"7b\",\"backend\":\"cuda\",";

  @TempDir private Path temp;

  private Results rating(String... entries) throws IOException {
    Path file = temp.resolve("results.json");
    Files.writeString(file, "[" + String.join(",", entries) + "]");
    return Results.of(
        new Machine("a processor", "cores", "25", "abc"),
        "cpu, cores",
        "bench run",
        "2026-01-01T00:00:00Z",
        JmhResult.read(file));
  }

  private static String entry(String name, String parameters, String unit, String values) {
    return """
    {"benchmark":"org.pyramiddrop.bench.jmh.%s","params":{%s},
     "primaryMetric":{"scoreUnit":"%s","rawData":%s}}
    """
        .formatted(name, parameters, unit, values);
  }

  private Results onCpu() throws IOException {
    // One core reads faster than all of them here: the ceiling is the best of all cores.
    Results rating =
        rating(
            entry("PeakBenchmark.allCores", "", "ops/s", "[[900,1000],[1100]]"),
            entry("ReadBandwidthBenchmark.oneCore", "\"streams\":\"4\"", "ops/s", "[[999]]"),
            entry("ReadBandwidthBenchmark.allCores", "\"streams\":\"1\"", "ops/s", "[[200]]"),
            entry("ReadBandwidthBenchmark.allCores", "\"streams\":\"4\"", "ops/s", "[[300]]"),
            entry(
                "DecodeProductBenchmark.product",
                MODEL + "\"projection\":\"UP\",\"dtype\":\"BFLOAT16\"",
                "ms/op",
                "[[8.9,9.1,9.0]]"),
            entry(
                "MatrixProductBenchmark.product",
                MODEL + "\"projection\":\"UP\",\"tokens\":\"636\",\"dtype\":\"FLOAT32\"",
                "ms/op",
                "[[1000,1200],[1100]]"),
            entry(
                "DropBenchmark.drop",
                MODEL + "\"part\":\"SELECTION\",\"imageTokens\":\"576\",\"dtype\":\"BFLOAT16\"",
                "ms/op",
                "[[0.01234]]"));
    return rating;
  }

  @Test
  void setsSpeedsBesideTheCeilingOfTheSameRun() throws IOException {
    List<String> lines = onCpu().document().lines();
    assertThat(lines)
        .contains(
            "machine: a processor; cores; Java 25; commit abc",
            "ceiling: 92.3 GFLOP/s (multiply-adds, all cores)",
            "ceiling: 20.1 GB/s (reading, all cores, 4 streams)");
    // 90,177,536 bytes in 9 ms, of 300 times 64 MiB a second; two operations for two bytes.
    assertThat(cells(lines, "decode product"))
        .containsExactly(
            "decode product",
            "1x4096x11008",
            "bfloat16",
            "9.00",
            "8.90–9.10",
            "10.0",
            "10.0",
            "50%");
    // 57.4 GFLOP in 1.1 s, of 1100 times 83.9 MFLOP a second.
    assertThat(cells(lines, "product"))
        .containsExactly(
            "product", "636x4096x11008", "float32", "1100", "1000–1200", "52.1", "57%");
    assertThat(cells(lines, "selection"))
        .containsExactly("selection", "288 of 576", "float32", "0.0123", "0.0123–0.0123");
    assertThat(onCpu().document().markdown())
        .contains(
            "| product | 636x4096x11008 | float32 | 1100 | 1000–1200 | 52.1 |  | 57% |",
            "- ceiling: 92.3 GFLOP/s (multiply-adds, all cores)");
  }

  @Test
  void countsThroughputAsTimeOfOneOperation() throws IOException {
    Row peak = onCpu().rows().getFirst();
    assertThat(peak.millis().median()).isEqualTo(1);
    assertThat(peak.millis().low()).isCloseTo(1 / 1.1, within(1e-12));
    assertThat(peak.millis().high()).isCloseTo(1 / 0.9, within(1e-12));
    assertThat(peak.share()).isNull();
  }

  @Test
  void onAGpuEachTypeHasACeilingOfItsOwn() throws IOException {
    Results rating =
        rating(
            ceiling("SQUARE_PRODUCT", "FLOAT32", "20"),
            ceiling("SQUARE_PRODUCT", "BFLOAT16", "2"),
            ceiling("READ", "FLOAT32", "1"),
            ceiling("READ", "BFLOAT16", "0.6"),
            entry(
                "MatrixProductBenchmark.product",
                GPU + "\"projection\":\"UP\",\"tokens\":\"636\",\"dtype\":\"BFLOAT16\"",
                "ms/op",
                "[[0.2]]"));
    double flops = 2.0 * 8192 * 8192 * 8192;
    assertThat(rating.ceilings())
        .extracting(Ceiling::speed)
        .containsExactly(flops / 20 / 1e6, flops / 2 / 1e6, 65536.0 * 8192 * 4 / 1e6);
    double product = 2.0 * 636 * 4096 * 11008 / 0.2 / 1e6;
    assertThat(rating.rows().getLast().share())
        .isCloseTo(product / (flops / 2 / 1e6), within(1e-12));
  }

  private static String ceiling(String part, String dtype, String millis) {
    return entry(
        "DeviceCeilingBenchmark.ceiling",
        GPU + "\"part\":\"%s\",\"dtype\":\"%s\"".formatted(part, dtype),
        "ms/op",
        "[[" + millis + "]]");
  }

  @Test
  void withoutItsCeilingAnOperationHasNoShare() throws IOException {
    Results rating =
        rating(
            entry(
                "DecodeProductBenchmark.product",
                MODEL + "\"projection\":\"UP\",\"dtype\":\"BFLOAT16\"",
                "ms/op",
                "[[9]]"));
    assertThat(rating.rows().getFirst().share()).isNull();
  }

  @Command
  private static final class Publishing extends ReportingCommand {
    private final Results results;

    Publishing(Results results) {
      this.results = results;
    }

    @Override
    public Integer call() {
      publish(results.document(), Results.FILE, results);
      return 0;
    }
  }

  @Test
  void keepsWhatItReadsBack() throws IOException {
    Results results = onCpu();
    Path markdown = temp.resolve("table.md");
    StringWriter out = new StringWriter();
    CommandLine command =
        new CommandLine(new Publishing(results)).setOut(new PrintWriter(out, true));
    assertThat(command.execute("--markdown", markdown.toString())).isZero();
    assertThat(Results.read(BenchFolder.root().resolve(Results.FILE))).isEqualTo(results);
    assertThat(Files.readAllLines(markdown)).isEqualTo(results.document().markdown());
    assertThat(out.toString().lines().skip(1)).isEqualTo(results.document().lines());
  }

  @Test
  void refusesAFileThatHoldsOtherThings() throws IOException {
    Path file = Files.writeString(temp.resolve("other.json"), "{\"rows\":[]}");
    assertThatThrownBy(() -> Results.read(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("other.json holds no results of bench run");
    assertThatThrownBy(() -> Results.read(temp.resolve("none.json")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("bench run writes them");
  }

  @Test
  void refusesATimeInAnUnknownUnit() {
    assertThatThrownBy(() -> rating(entry("PeakBenchmark.allCores", "", "us/op", "[[1]]")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("us/op");
  }

  @Test
  void takesTheMiddleOfTheMeasurements() {
    assertThat(Spread.of(List.of(5.0, 1.0, 3.0))).isEqualTo(new Spread(3, 1, 5, 3));
    assertThat(Spread.of(List.of(4.0, 1.0, 3.0, 9.0))).isEqualTo(new Spread(3.5, 1, 9, 4));
  }

  @Test
  void hasNoMedianOfWhatIsNotANumber() {
    assertThatThrownBy(() -> Spread.of(List.of(1.0, Double.NaN)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Spread.of(List.of())).isInstanceOf(IllegalArgumentException.class);
  }

  private static boolean agree(Spread a, Spread b) {
    Results earlier = run("a", row("layer", "1", a.median(), a.low(), a.high()));
    Results later = run("b", row("layer", "1", b.median(), b.low(), b.high()));
    return later.beside(earlier).lines().getLast().equals("1 of 1 rows agree");
  }

  @Test
  void twoRunsAgreeWhereTheirRangesMeet() {
    assertThat(agree(new Spread(10, 9, 11, 5), new Spread(12, 11, 13, 5))).isTrue();
    assertThat(agree(new Spread(12, 11, 13, 5), new Spread(10, 9, 11, 5))).isTrue();
    assertThat(agree(new Spread(10, 9, 11, 5), new Spread(12, 11.1, 13, 5))).isFalse();
    assertThat(agree(new Spread(12, 11.1, 13, 5), new Spread(10, 9, 11, 5))).isFalse();
  }

  @Test
  void putsTogetherWhatRoundsMeasured() throws IOException {
    Path file = temp.resolve("results.json");
    String half = "\"shape\":\"1x2x3\",\"dtype\":\"FLOAT32\"";
    Files.writeString(
        file,
        "["
            + entry("MatrixProductBenchmark.product", half, "ms/op", "[[10,30],[20]]")
            + ","
            + entry("MatrixProductBenchmark.product", half.replace('2', '4'), "ms/op", "[[1]]")
            + ","
            + entry("MatrixProductBenchmark.product", half, "ms/op", "[[5,40]]")
            + "]");
    List<JmhResult> results = JmhResult.read(file);
    assertThat(results).hasSize(2);
    assertThat(results.getFirst().millis()).isEqualTo(new Spread(20, 5, 40, 5));
    assertThat(results.getLast().millis()).isEqualTo(new Spread(1, 1, 1, 1));
  }

  @Test
  void setsTwoRunsBesideEachOther() {
    Results earlier =
        run(
            "a",
            row("layer", "1", 10, 9, 12),
            row("layer", "2", 20, 19, 21),
            row("old", "1", 1, 1, 1));
    Results later =
        run(
            "b",
            row("layer", "2", 30, 29, 31),
            row("layer", "1", 11, 10, 13),
            row("new", "1", 1, 1, 1));
    List<String> lines = later.beside(earlier).lines();
    assertThat(lines)
        .anyMatch(l -> l.startsWith("earlier: a;"))
        .anyMatch(l -> l.startsWith("later: b;"));
    assertThat(cells(lines, "a layer"))
        .containsExactly(
            "a layer", "2", "float32", "20.0", "19.0–21.0", "30.0", "29.0–31.0", "1.500", "no");
    assertThat(lines)
        .contains(
            "only in the later run: a new 1 float32", "only in the earlier run: a old 1 float32");
    assertThat(lines.getLast()).isEqualTo("1 of 2 rows agree");
  }

  @Test
  void runsWithNothingInCommonArentCompared() {
    assertThatThrownBy(
            () -> run("b", row("y", "1", 1, 1, 1)).beside(run("a", row("x", "1", 1, 1, 1))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no benchmark in common");
  }

  private static Results run(String processor, Row... rows) {
    Machine machine = new Machine(processor, "cores", "25", "abc");
    return new Results(machine, "cpu", "bench run", "today", List.of(), List.of(rows));
  }

  private static Row row(String name, String size, double median, double low, double high) {
    return new Row(
        name,
        Map.of("size", size),
        "a " + name,
        size,
        "float32",
        new Spread(median, low, high, 5),
        null,
        null,
        null);
  }

  @Test
  void printsThreeDigitsOrMore() {
    assertThat(List.of(Numbers.number(0), Numbers.number(0.005518), Numbers.number(0.1)))
        .containsExactly("0.00", "0.00552", "0.100");
    assertThat(List.of(Numbers.number(9.994), Numbers.number(43.21), Numbers.number(12345.6)))
        .containsExactly("9.99", "43.2", "12346");
  }

  @Test
  void readsCacheSizes() {
    assertThat(Machine.bytes("512K")).isEqualTo(524_288);
    assertThat(Machine.bytes("32M")).isEqualTo(33_554_432);
  }

  /** The cells of the first line that begins so, empty ones left out. */
  private static List<String> cells(List<String> lines, String start) {
    String line = lines.stream().filter(l -> l.startsWith(start + "  ")).findFirst().orElseThrow();
    return List.of(line.strip().split(" {2,}"));
  }
}
