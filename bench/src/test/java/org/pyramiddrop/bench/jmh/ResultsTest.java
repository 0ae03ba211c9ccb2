package org.pyramiddrop.bench.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.Bench;
import org.pyramiddrop.bench.Machine;
import org.pyramiddrop.bench.Spread;

class ResultsTest {
  @TempDir private Path temp;

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

  @Test
  void setsSpeedsBesideTheCeilingOfTheSameRun() throws IOException {
    // One core reads faster than all of them here: the ceiling is the best of all cores.
    Path file = temp.resolve("results.json");
    Files.writeString(
        file,
        "["
            + entry("PeakBenchmark.allCores", "", "[[900,1000],[1100]]")
            + ","
            + entry("ReadBandwidthBenchmark.oneCore", "\"streams\":\"4\"", "[[999]]")
            + ","
            + entry("ReadBandwidthBenchmark.allCores", "\"streams\":\"1\"", "[[200]]")
            + ","
            + entry("ReadBandwidthBenchmark.allCores", "\"streams\":\"4\"", "[[300]]")
            + ","
            + entry(
                "DecodeProductBenchmark.product",
                "\"shape\":\"1x4096x11008\",\"dtype\":\"BFLOAT16\"",
                "[[8.9,9.1,9.0]]")
            + ","
            + entry(
                "MatrixProductBenchmark.product",
                "\"shape\":\"636x4096x11008\",\"dtype\":\"FLOAT32\"",
                "[[1000,1200],[1100]]")
            + "]");
    StringWriter text = new StringWriter();
    Summary.read(file).print(new PrintWriter(text, true));
    List<String> lines = text.toString().lines().toList();
    // 90,177,536 bytes in 9 ms, of 300 times 64 MiB a second.
    assertThat(line(lines, "DecodeProduct"))
        .contains("9.00", "8.90", "9.10", "10.0", "GB/s", "50%");
    // 57.4 GFLOP in 1.1 s, of 1000 times 83.9 MFLOP a second.
    assertThat(line(lines, "MatrixProduct"))
        .contains("1100", "1000", "1200", "52.1", "GFLOP/s", "62%");
  }

  @Test
  void refusesABenchmarkWhoseWorkNobodyCounted() {
    JmhResult unknown = new JmhResult("OtherBenchmark.run", Map.of(), new Spread(1, 1, 1, 1));
    assertThatThrownBy(() -> Work.of(unknown))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("OtherBenchmark.run");
  }

  @Test
  void readsCacheSizes() {
    assertThat(Machine.bytes("512K")).isEqualTo(524_288);
    assertThat(Machine.bytes("32M")).isEqualTo(33_554_432);
  }

  @Test
  void saysInOneLineWhatIsWrongWithACommand() {
    StringWriter err = new StringWriter();
    PrintWriter none = new PrintWriter(new StringWriter());
    int code =
        Bench.run(
            none,
            new PrintWriter(err, true),
            "compare",
            "--python",
            "no-such-python",
            "--script",
            script().toString());
    assertThat(code).isEqualTo(1);
    assertThat(err.toString().lines())
        .containsExactly(
            "bench: no-such-python can't be started; set PYTHON to one with torch and transformers");
  }

  private Path script() {
    try {
      return Files.writeString(temp.resolve("side.py"), "");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String line(List<String> lines, String start) {
    return lines.stream().filter(line -> line.startsWith(start)).findFirst().orElseThrow();
  }

  private static String entry(String name, String parameters, String values) {
    return "{\"benchmark\":\"org.pyramiddrop.bench."
        + name
        + "\",\"params\":{"
        + parameters
        + "},\"primaryMetric\":{\"rawData\":"
        + values
        + "}}";
  }
}
