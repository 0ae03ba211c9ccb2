package org.pyramiddrop.bench.speed.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.VerboseMode;
import org.pyramiddrop.bench.report.Spread;

class WorkTest {
  private static Set<BenchmarkListEntry> generated() {
    OutputFormat silent =
        OutputFormatFactory.createFormatInstance(
            new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8),
            VerboseMode.SILENT);
    return BenchmarkList.defaultList().getAll(silent, List.of());
  }

  private static Work work(String name, String... parameters) {
    Map<String, String> map = new TreeMap<>();
    for (int i = 0; i < parameters.length; i += 2) {
      map.put(parameters[i], parameters[i + 1]);
    }
    return Work.of(new JmhResult(name, map, new Spread(1, 1, 1, 1)));
  }

  @Test
  void everyBenchmarkRunsAndIsCounted() {
    Set<String> generated =
        generated().stream()
            .map(entry -> entry.getUsername().replaceFirst(".*\\.(\\w+\\.\\w+)$", "$1"))
            .collect(Collectors.toSet());
    assertThat(BenchmarkClass.ALL.stream().flatMap(type -> type.benchmarks().stream()))
        .containsExactlyInAnyOrderElementsOf(generated);
    for (BenchmarkClass type : BenchmarkClass.ALL) {
      for (String benchmark : type.benchmarks()) {
        for (Map<String, String> parameters : choices(type.type())) {
          Work work = Work.of(new JmhResult(benchmark, parameters, new Spread(1, 1, 1, 1)));
          switch (work.limit()) {
            case ARITHMETIC -> assertThat(work.flops()).isGreaterThan(1e6);
            case MEMORY -> assertThat(work.bytes()).isGreaterThan(1e6);
            case LATENCY -> assertThat(work.operation()).isEqualTo("selection");
          }
        }
      }
    }
  }

  /** All choices of a class's parameters. */
  private static List<Map<String, String>> choices(Class<?> type) {
    List<Map<String, String>> all = List.of(new TreeMap<>());
    for (Class<?> c = type; c != null; c = c.getSuperclass()) {
      for (Field field : c.getDeclaredFields()) {
        if (field.isAnnotationPresent(Param.class)) {
          List<Map<String, String>> more = new ArrayList<>();
          for (Map<String, String> choice : all) {
            for (String value : values(field)) {
              Map<String, String> one = new TreeMap<>(choice);
              one.put(field.getName(), value);
              more.add(one);
            }
          }
          all = more;
        }
      }
    }
    return all;
  }

  private static List<String> values(Field field) {
    String[] named = field.getAnnotation(Param.class).value();
    return named.length == 1 && named[0].equals(Param.BLANK_ARGS)
        ? Arrays.stream(field.getType().getEnumConstants())
            .map(constant -> ((Enum<?>) constant).name())
            .toList()
        : List.of(named);
  }

  @Test
  void quickRunsTakeOnlyParametersThatThereAre() {
    for (BenchmarkClass type : BenchmarkClass.ALL) {
      List<Map<String, String>> choices = choices(type.type());
      type.quick()
          .parameters()
          .forEach((name, values) ->
              assertThat(choices.stream().map(choice -> choice.get(name)).toList())
                  .as("%s of %s", name, type.type())
                  .containsAll(values));
      assertThat(type.quick().runs()).isGreaterThanOrEqualTo(3);
    }
  }

  @Test
  void refusesABenchmarkWhoseWorkNobodyCounted() {
    assertThatThrownBy(() -> work("OtherBenchmark.run"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("OtherBenchmark.run");
  }

  @Test
  void countsOneLayerOfClip() {
    // 576 patches of 588 pixels; 577 tokens through 12 · 1024² weights and 577² pairs, twice.
    double embedding = 576.0 * 588 * 1024;
    double layer = 577 * 12.0 * 1024 * 1024 + 2.0 * 577 * 577 * 1024;
    assertThat(
            work("VisionBenchmark.image", "part", "TOWER_LAYER", "size", "7b", "dtype", "FLOAT32")
                .flops())
        .isCloseTo(2 * (embedding + layer), within(1.0));
  }

  @Test
  void countsTheProjector() {
    assertThat(
            work("VisionBenchmark.image", "part", "PROJECTOR", "size", "7b", "dtype", "FLOAT32")
                .flops())
        .isCloseTo(2 * 576.0 * (1024 * 4096 + 4096 * 4096), within(1.0));
  }

  @ParameterizedTest
  @CsvSource({"576, 16.8e9", "2880, 60.6e9"})
  void countsALayerInsideAStage(int image, double lowest) {
    double n = image + 60;
    double expected = 2 * n * (4.0 * 4096 * 4096 + 3.0 * 4096 * 11008) + 4 * 4096 * n * (n + 1) / 2;
    Work work =
        work(
            "DecoderLayerBenchmark.layer",
            "stage",
            String.valueOf(image),
            "size",
            "7b",
            "dtype",
            "BFLOAT16");
    assertThat(work.flops()).isCloseTo(expected, within(1.0)).isGreaterThan(lowest);
    assertThat(work.shape()).isEqualTo((int) n + " tokens");
  }

  @Test
  void countsALayerThatRanksAndGoesOnWithHalf() {
    // Small sizes: 512 wide, 1376 inside. Keys and values of 636 tokens, queries of 348 and one for
    // the ranking, which reads 636 keys; 30 text rows, 288 kept ones spread evenly over 576, 30
    // more.
    double pairs = 30 * 31 / 2.0 + 288 * (30 + 577 / 2.0) + 30 * 606 + 30 * 31 / 2.0;
    double expected =
        2
            * (2.0 * 636 * 512 * 512
                + 349.0 * 512 * 512
                + 2 * pairs * 512
                + 636 * 512
                + 348.0 * (512 * 512 + 3 * 512 * 1376));
    assertThat(
            work(
                    "DecoderLayerBenchmark.layer",
                    "stage",
                    "576-288",
                    "size",
                    "small",
                    "dtype",
                    "BFLOAT16")
                .flops())
        .isCloseTo(expected, within(1.0));
  }

  @Test
  void aStepReadsTheWeightsAndWhatEachStageHolds() {
    double weights = 4 * (4.0 * 4096 * 4096 + 3.0 * 4096 * 11008) + 4096.0 * 32064;
    // Caches hold the token itself as well.
    double rows = 637 + 349 + 205 + 133;
    String[] parameters = {
      "imageTokens", "576", "plan", "PYRAMID", "size", "7b", "dtype", "BFLOAT16", "backend", "cpu"
    };
    Work onCpu = work("DecodeStepBenchmark.step", parameters);
    assertThat(onCpu.shape()).isEqualTo("behind 636 tokens, PyramidDrop λ=0.5");
    assertThat(onCpu.bytes()).isCloseTo(2 * weights + 4 * 2 * rows * 4096, within(1.0));
    assertThat(onCpu.flops()).isCloseTo(2 * weights + 4 * rows * 4096, within(1.0));
    parameters[9] = "cuda";
    Work onGpu = work("DecodeStepBenchmark.step", parameters);
    assertThat(onGpu.bytes()).isCloseTo(2 * weights + 2 * 2 * rows * 4096, within(1.0));
  }

  @Test
  void countsWhatADropMoves() {
    String[] parameters = {
      "part", "RANKING", "imageTokens", "2880", "size", "7b", "dtype", "BFLOAT16", "backend", "cuda"
    };
    Work ranking = work("DropBenchmark.drop", parameters);
    assertThat(ranking.flops()).isEqualTo(2.0 * 2940 * 4096);
    assertThat(ranking.bytes()).isEqualTo(2940.0 * 4096 * 2);
    parameters[1] = "GATHER";
    assertThat(work("DropBenchmark.drop", parameters).bytes()).isEqualTo(2.0 * 1440 * 4096 * 2);
    parameters[9] = "cpu";
    assertThat(work("DropBenchmark.drop", parameters).bytes()).isEqualTo(2.0 * 1440 * 4096 * 4);
  }

  @Test
  void countsWhatACutBeforeTheDecoderComputes() {
    String[] parameters = {
      "part", "MAX_MIN", "imageTokens", "576", "size", "7b", "dtype", "BFLOAT16", "backend", "cpu"
    };
    assertThat(work("DropBenchmark.drop", parameters).flops()).isEqualTo(576.0 * 575 * 4096);
    parameters[1] = "VISION_ZIP";
    Work zip = work("DropBenchmark.drop", parameters);
    // Scores, the heads' mean, cosines of 512 with 10 targets, sums of merging.
    assertThat(zip.flops())
        .isEqualTo(2.0 * 577 * 1024 + 577.0 * 1024 + 2.0 * 512 * 10 * 64 + 512.0 * 1024);
    parameters[3] = "2880";
    assertThat(work("DropBenchmark.drop", parameters).flops()).isEqualTo(5 * zip.flops());
  }

  @Test
  void anOutputHeadReadsItsRows() {
    Work head =
        work(
            "DecodeProductBenchmark.product",
            "projection",
            "HEAD",
            "size",
            "7b",
            "dtype",
            "FLOAT16",
            "backend",
            "cpu");
    assertThat(head.operation()).isEqualTo("output head");
    assertThat(head.bytes()).isEqualTo(2.0 * 4096 * 32064);
  }
}
