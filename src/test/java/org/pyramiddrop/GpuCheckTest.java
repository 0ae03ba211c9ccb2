package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script that checks a GPU machine, over a Java that only says what it is told to. */
final class GpuCheckTest {
  private static final Path SCRIPT = Path.of("../../bin/gpu-check");

  private static final String A_GPU = "echo 'A GPU, 80 GiB'";
  private static final String GOOD =
      "echo '[       185 tests successful      ]'; echo '[         0 tests failed          ]';"
          + " echo '[         0 tests skipped         ]'";

  private static final String MEASURED =
      "while [ \"$1\" != --out ]; do shift; done; echo '{}' >\"${2%.md}.json\"; echo tables >\"$2\"";

  @TempDir private Path dist;

  /** What the script finds in its environment beside what it needs. */
  private final Map<String, String> environment = new TreeMap<>();

  @BeforeEach
  void copyTheScript() throws IOException {
    Files.createDirectories(dist.resolve("bin"));
    Files.createDirectories(dist.resolve("runtime/bin"));
    Files.createDirectories(dist.resolve("check"));
    Files.createDirectories(dist.resolve("model"));
    Path contracts = dist.resolve("check/kernels-tests/org/pyramiddrop/kernels/cuda");
    Files.createDirectories(contracts);
    for (String name : List.of("CudaOneTest", "CudaTwoTest", "CudaTwoTest$Inner", "CudaContract")) {
      Files.createFile(contracts.resolve(name + ".class"));
    }
    Files.copy(SCRIPT, dist.resolve("bin/gpu-check"));
    Files.writeString(dist.resolve("check/commit"), "abc");
  }

  /**
   * How a run of the script ended.
   *
   * @param code its exit status
   * @param lines what it printed
   */
  private record Outcome(int code, List<String> lines) {}

  private Outcome run(String describe, String junit, String... arguments)
      throws IOException, InterruptedException {
    return run(new Stub(describe, junit, MEASURED), arguments);
  }

  /**
   * What Java does.
   *
   * @param describe when it is asked for the GPU
   * @param junit in place of JUnit's console
   * @param measured where it is to measure
   */
  private record Stub(String describe, String junit, String measured) {}

  private Outcome run(Stub stub, String... arguments) throws IOException, InterruptedException {
    Path java = dist.resolve("runtime/bin/java");
    Files.writeString(
        java,
        """
        #!/bin/sh
        for last; do :; done
        case "$*" in
          *"gpu --describe"*) %s ;;
          *ConsoleLauncher*) %s ;;
          *"gpu --skip"*) echo "$*" >>'HERE/asked'; echo "$TORCHINDUCTOR_CACHE_DIR" >>'HERE/cache'; %s ;;
          *"Bench run"*) echo "$*" >>'HERE/asked'; folder=${1#*folder=}
            echo 'a fork' >"$folder/OneBenchmark.log"; echo '{}' >"$folder/bench.json"
            [ ! -e 'HERE/breaks' ] || { echo "bench: $folder/OneBenchmark.log says why" >&2; exit 2; }
            while [ "$1" != --markdown ]; do shift; done; echo tables >"$2" ;;
          *"Bench checkpoint"*) echo "$*" >>'HERE/asked'; mkdir "$last" ;;
          *"Bench load"* | *"Bench profile"* | *"Bench pruning"* | *"Bench training"*) echo "$*" >>'HERE/asked'
            while [ "$1" != --markdown ]; do shift; done; echo "of ${2##*/}" >"$2" ;;
          *"gpu-table"*) [ ! -e 'HERE/differ' ] || { echo "they differ" >&2; exit 2; }
            echo "GPU: A GPU"; echo "the numbers of ${*#*gpu.md }" ;;
        esac
        """
            .formatted(stub.describe(), stub.junit(), stub.measured())
            .replace("HERE", dist.toString()));
    assertThat(java.toFile().setExecutable(true)).isTrue();
    Program script =
        Program.script(
            dist,
            "sh",
            dist.resolve("bin/gpu-check"),
            Stream.concat(Stream.of("--out", dist.resolve("out").toString()), Stream.of(arguments))
                .toArray(String[]::new));
    environment.forEach(script::with);
    CommandRun run = script.run();
    assertThat(script.leftovers()).isEmpty();
    return new Outcome(run.code(), Stream.of(run.out(), run.err()).flatMap(String::lines).toList());
  }

  private List<String> asked() throws IOException {
    return Files.readAllLines(dist.resolve("asked")).stream()
        .map(line -> line.replaceFirst(".*Bench ", ""))
        .toList();
  }

  @Test
  void saysInOneLineWhyItSkipsAndSucceeds() throws Exception {
    Outcome outcome = run("echo 'no usable GPU: no NVIDIA driver'; exit 1", GOOD);
    assertThat(outcome.lines())
        .containsExactly("gpu-check: skipped: no usable GPU: no NVIDIA driver");
    assertThat(outcome.code()).isZero();
  }

  @Test
  void doesNotTakeABrokenJavaForAMissingGpu() throws Exception {
    Outcome outcome = run("echo 'cannot execute' >&2; exit 127", GOOD);
    assertThat(outcome.lines()).singleElement().asString().endsWith("run here: cannot execute");
    assertThat(outcome.code()).isEqualTo(2);
  }

  @Test
  void endsWithATableOfEachStepAndTheNumbers() throws Exception {
    Outcome outcome = run(A_GPU, GOOD, "--only", "model", "--only", "benchmark");
    List<String> last =
        outcome.lines().subList(outcome.lines().indexOf(""), outcome.lines().size());
    assertThat(last)
        .hasSize(8)
        .startsWith("", "gpu-check on A GPU, 80 GiB")
        .endsWith(
            "",
            "GPU: A GPU",
            "the numbers of " + dist.resolve("out").resolve("gpu-llava-1.5.json"));
    assertThat(last.get(3)).matches("model +passed +\\d+  185 tests passed, 0 failed, 0 skipped");
    assertThat(last.get(4)).matches("benchmark +passed +\\d+  tables in gpu-llava-1.5.md");
    assertThat(Files.readAllLines(dist.resolve("out/summary.txt"))).isEqualTo(last);
    assertThat(outcome.code()).isZero();
  }

  @Test
  void measuresRandomModelsWhereNoneAreNamed() throws Exception {
    Path model = dist.resolve("model");
    run(
        A_GPU,
        GOOD,
        "--only",
        "benchmark",
        "--only",
        "benchmark-next",
        "--model",
        model.toString());
    List<String> asked = asked();
    assertThat(asked).hasSize(3);
    assertThat(asked.get(0)).startsWith("gpu --skip").endsWith(" --model " + model);
    assertThat(asked.get(1)).matches("checkpoint --next .*/gpu-llava-next");
    assertThat(asked.get(2)).startsWith("gpu --skip").matches(".* --model .*/gpu-llava-next");
    assertThat(model).exists();
  }

  @Test
  void putsModelsOfSeveralRunsIntoOneTable() throws Exception {
    run(A_GPU, GOOD, "--only", "benchmark");
    Outcome outcome = run(A_GPU, GOOD, "--only", "benchmark-next");
    Path out = dist.resolve("out");
    assertThat(outcome.lines())
        .endsWith(
            "the numbers of %s %s"
                .formatted(out.resolve("gpu-llava-1.5.json"), out.resolve("gpu-llava-next.json")));
  }

  @Test
  void saysWhyModelsDoNotGoIntoOneTable() throws Exception {
    Files.createFile(dist.resolve("differ"));
    Outcome outcome = run(A_GPU, GOOD, "--only", "benchmark");
    assertThat(outcome.lines()).endsWith("", "they differ");
    assertThat(outcome.code()).isEqualTo(1);
  }

  @Test
  void doesNotTakeAnEarlierRunsNumbersForThoseOfOneThatFails() throws Exception {
    run(A_GPU, GOOD, "--only", "benchmark");
    Outcome outcome =
        run(new Stub(A_GPU, GOOD, "echo 'out of memory' >&2; exit 1"), "--only", "benchmark");
    assertThat(outcome.lines()).anyMatch(line -> line.matches("benchmark +failed .*out of memory"));
    assertThat(outcome.lines()).noneMatch(line -> line.startsWith("the numbers"));
    assertThat(dist.resolve("out/gpu-llava-1.5.json")).doesNotExist();
    assertThat(outcome.code()).isEqualTo(1);
  }

  @Test
  void profilesAModelWithAndWithoutDrops() throws Exception {
    Path model = dist.resolve("model");
    Outcome outcome = run(A_GPU, GOOD, "--only", "profile", "--model", model.toString());
    assertThat(asked()).hasSize(3).allMatch(line -> line.contains("--model " + model));
    assertThat(asked().get(0)).startsWith("load ");
    assertThat(asked().get(1)).startsWith("profile ").contains("--plan none");
    assertThat(asked().get(2)).startsWith("profile ").contains("--plan pyramid");
    assertThat(dist.resolve("out/gpu-profile.md"))
        .hasContent("of gpu-profile-load.md\nof gpu-profile-none.md\nof gpu-profile-pyramid.md");
    assertThat(outcome.lines())
        .anyMatch(line -> line.matches("profile +passed .*tables in gpu-profile.md"));
    assertThat(outcome.code()).isZero();
  }

  @Test
  void timesLayersAndStepsWithJmh() throws Exception {
    Outcome outcome = run(A_GPU, GOOD, "--only", "layers");
    Path out = dist.resolve("out");
    assertThat(asked())
        .containsExactly(
            "run --backend cuda --dtype BFLOAT16 --quick --rounds 1"
                + " --only Vision|DecoderLayer|Prefill|DecodeStep --markdown "
                + out.resolve("gpu-layers.md"));
    assertThat(outcome.lines())
        .anyMatch(line -> line.matches("layers +passed +\\d+  tables in gpu-layers.md"));
    assertThat(out.resolve("gpu-layers.json")).hasContent("{}");
    assertThat(out.resolve("layers.txt")).hasContent("a fork");
    assertThat(outcome.code()).isZero();
  }

  @Test
  void keepsTheLogThatSaysWhyABenchmarkFailed() throws Exception {
    Files.createFile(dist.resolve("breaks"));
    Outcome outcome = run(A_GPU, GOOD, "--only", "layers");
    assertThat(outcome.lines())
        .anyMatch(line -> line.matches("layers +failed +\\d+  bench: layers.txt says why"));
    assertThat(dist.resolve("out/layers.txt")).hasContent("a fork");
    assertThat(outcome.code()).isEqualTo(1);
  }

  @Test
  void keepsWhatPyTorchCompilesForTheNextRun() throws Exception {
    run(A_GPU, GOOD, "--only", "operations");
    environment.put("TORCHINDUCTOR_CACHE_DIR", "/of/the/user");
    run(A_GPU, GOOD, "--only", "operations");
    assertThat(dist.resolve("cache")).hasContent(dist.resolve("out/compiled") + "\n/of/the/user");
  }

  @Test
  void timesEveryPlanOfBothModels() throws Exception {
    Path model = dist.resolve("model");
    Outcome outcome =
        run(
            A_GPU,
            GOOD,
            "--only",
            "pruning",
            "--only",
            "pruning-next",
            "--model",
            model.toString());
    assertThat(asked()).hasSize(3);
    assertThat(asked().get(0))
        .isEqualTo(
            "pruning --backend cuda --model %s --markdown %s"
                .formatted(model, dist.resolve("out/gpu-pruning.md")));
    assertThat(asked().get(1)).matches("checkpoint --next .*/gpu-pruning-next");
    assertThat(asked().get(2)).matches("pruning --backend cuda --model .*/gpu-pruning-next .*");
    assertThat(outcome.lines())
        .anyMatch(line -> line.matches("pruning +passed .*tables in gpu-pruning.md"))
        .anyMatch(line -> line.matches("pruning-next +passed .*tables in gpu-pruning-next.md"));
    assertThat(outcome.code()).isZero();
  }

  @Test
  void timesTrainingStepsOfBothModels() throws Exception {
    Path model = dist.resolve("model");
    Outcome outcome =
        run(
            A_GPU,
            GOOD,
            "--only",
            "training",
            "--only",
            "training-next",
            "--model",
            model.toString());
    assertThat(asked()).hasSize(3);
    assertThat(asked().get(0))
        .startsWith("training --backend cuda --model " + model + " --lora-rank 16 ")
        .contains("--script " + dist.resolve("check/python/torch_side.py"));
    assertThat(asked().get(1)).matches("checkpoint --next .*/gpu-training-next");
    assertThat(asked().get(2)).matches("training --backend cuda --model .*/gpu-training-next .*");
    assertThat(dist.resolve("out/gpu-training.md")).hasContent("of gpu-training.md");
    assertThat(outcome.lines())
        .anyMatch(line -> line.matches("training +passed .*tables in gpu-training.md"))
        .anyMatch(line -> line.matches("training-next +passed .*tables in gpu-training-next.md"));
    assertThat(outcome.code()).isZero();
  }

  @Test
  void leavesOutKernelsForComputeCapability9WhereAsked() throws Exception {
    String tellsOptions = GOOD + "; cat \"${1#@}\"";
    run(A_GPU, tellsOptions, "--only", "leaks");
    assertThat(dist.resolve("out/leaks.txt")).content().doesNotContain("hopper");
    run(A_GPU, tellsOptions, "--only", "leaks", "--no-hopper");
    assertThat(dist.resolve("out/leaks.txt")).content().contains("-Dpyramiddrop.cuda.hopper=false");
  }

  @Test
  void sumsUpContractsThatRunSideBySide() throws Exception {
    // Neither ends before both have begun.
    String meets =
        "class=${*##*cuda.}; echo \"$class ran\"; : >\"HERE/$class\";"
            + " while [ ! -e HERE/CudaOneTest ] || [ ! -e HERE/CudaTwoTest ]; do sleep 0.1; done;"
            + " echo '[        70 tests successful      ]'; echo '[         1 tests failed          ]';"
            + " echo '[         2 tests skipped         ]'";
    Outcome outcome = run(A_GPU, meets, "--only", "contracts");
    assertThat(outcome.lines())
        .anyMatch(
            line -> line.matches("contracts +passed +\\d+  140 tests passed, 2 failed, 4 skipped"));
    assertThat(dist.resolve("out/contracts.txt")).content().contains("OneTest ran", "TwoTest ran");
    assertThat(outcome.code()).isZero();
  }

  @Test
  void failsWhereOneOfTheContractsProcessesFails() throws Exception {
    for (int status : new int[] {1, 124, 134, 255}) {
      String two =
          "echo '[        99 tests successful      ]';"
              + " case $* in *CudaTwoTest) exit %d ;; esac".formatted(status);
      Outcome outcome = run(A_GPU, two, "--only", "contracts");
      assertThat(outcome.lines())
          .anyMatch(
              line -> line.matches("contracts +failed +\\d+  198 tests passed.*contracts.txt"));
      assertThat(outcome.code()).isEqualTo(1);
    }
  }

  @Test
  void failsWhereAStepFails() throws Exception {
    Outcome outcome = run(A_GPU, GOOD + "; exit 1", "--only", "leaks");
    assertThat(outcome.lines()).anyMatch(line -> line.matches("leaks +failed .*see leaks.txt"));
    assertThat(outcome.code()).isEqualTo(1);
  }

  @Test
  void failsWhereTestsAreMissing() throws Exception {
    String few = "echo '[         7 tests successful      ]'";
    Outcome outcome = run(A_GPU, few, "--only", "contracts");
    assertThat(outcome.lines())
        .anyMatch(line ->
            line.matches(
                "contracts +failed +\\d+  14 tests passed.*where at least 100 have to pass.*"));
    assertThat(outcome.code()).isEqualTo(1);
  }

  @Test
  void refusesAStepThatThereIsNot() throws Exception {
    Outcome outcome = run(A_GPU, GOOD, "--only", "everything");
    assertThat(outcome.lines())
        .containsExactly("gpu-check: there is no step everything; see --help");
    assertThat(outcome.code()).isEqualTo(2);
  }
}
