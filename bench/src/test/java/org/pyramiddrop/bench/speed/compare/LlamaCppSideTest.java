package org.pyramiddrop.bench.speed.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.bench.timing.Rounds;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.FileAccess;

/** A script stands in for {@code llama-bench}; its files and options are the real ones. */
class LlamaCppSideTest {
  private static final String TIME =
      "{\"build_commit\": \"d8a24cce\", \"build_number\": 7001, \"n_threads\": $t, \"n_prompt\": $p, \"n_gen\": $n, \"n_depth\": $d, \"avg_ns\": 1, \"samples_ns\": [ $x ], \"samples_ts\": [ 0.5 ]}";

  @TempDir private static Path shared;
  private static Path model;

  @TempDir private Path temp;

  @BeforeAll
  static void write() {
    model = shared.resolve("tiny");
    CheckpointShape shape =
        new CheckpointShape(3, 64, 96, 4, 4, 512, CheckpointShape.clip(32, 48, 2, 2, 56));
    RandomCheckpoint.write(model, shape.config(), DType.BFLOAT16, 1);
  }

  /** A llama-bench that prints a line a model: 2 ms a layer, of a file that is one, and 1 more. */
  private Path program(String line) throws IOException {
    String script =
        """
        #!/bin/sh
        echo "$@" >>'LOG'
        models=
        while [ $# -gt 0 ]; do
          case $1 in
            -m) models="$models $2" ;;
            -t) t=$2 ;;
            -p) p=$2 ;;
            -n) n=$2 ;;
            -d) d=$2 ;;
          esac
          shift 2
        done
        for m in $models; do
          [ "$(head -c 4 "$m")" = GGUF ] || exit 9
          case $m in *-1-*) x=3000000 ;; *) x=7000000 ;; esac
          LINE
        done
        """
            .replace("LOG", temp.resolve("log").toString())
            .replace("LINE", line);
    Path folder = temp.resolve("llama.cpp");
    Path program = Files.createDirectories(folder.resolve("build/bin")).resolve("llama-bench");
    assertThat(Files.writeString(program, script).toFile().setExecutable(true)).isTrue();
    assertThat(LlamaCppMain.program(folder)).isEqualTo(program);
    return program;
  }

  private PeerProcess start(String line) throws IOException {
    return PeerProcess.llamaCpp(program(line), 2, model);
  }

  private static String echo(String json) {
    return "echo \"" + json.replace("\"", "\\\"") + "\"";
  }

  private List<String> asked() throws IOException {
    return Files.readAllLines(temp.resolve("log"));
  }

  private String options(int prompt, int generated, int depth, int mapped) {
    return "-o jsonl -r 1 -dev none -t 2 -p %d -n %d -d %d -mmp %d -m %s"
        .formatted(prompt, generated, depth, mapped, model);
  }

  @Test
  void saysWhatItIsAndWhatItHas() throws IOException {
    try (PeerProcess llama = start(echo(TIME))) {
      assertThat(llama.versions()).isEqualTo("llama.cpp build 7001 (d8a24cce)");
      assertThat(llama.threads()).isEqualTo(2);
      assertThat(llama.has("layer", DType.INT4)).isTrue();
      assertThat(llama.has("decoder", DType.BFLOAT16)).isTrue();
      assertThat(llama.has("layer", DType.FLOAT32)).isFalse();
      assertThat(llama.has("linear", DType.BFLOAT16)).isFalse();
    }
    assertThat(asked()).containsExactly(options(0, 1, 1, 0) + "-1-bfloat16.gguf");
  }

  @ParameterizedTest
  @CsvSource({"BFLOAT16,BF16", "INT8,Q8_0", "INT4,Q4_0"})
  void timesALayerAsTheDifferenceOfTwoDepths(DType dtype, String type) throws IOException {
    Comparison comparison = Comparisons.layer(model, 9, dtype);
    try (PeerProcess llama = start(echo(TIME))) {
      Result result = Result.of(comparison, temp, "cpu", List.of(llama), 2, Rounds.of(0, 2));
      Result.Peer peer = result.peer("llama.cpp").orElseThrow();
      // 7 ms for three layers and 3 for one.
      assertThat(peer.times().orElseThrow().rounds()).containsExactly(List.of(2.0), List.of(2.0));
      assertThat(peer.verdict().said())
          .startsWith("not checked, since llama-bench shows no outputs; the weights as " + type);
      assertThat(result.disagrees()).isFalse();
      assertThat(result.ours().spread(0).low()).isPositive();
    }
    String last = "-%s.gguf".formatted(dtype.label());
    assertThat(asked().getLast())
        .isEqualTo(options(9, 0, 0, 1) + "-1" + last + " -m " + model + "-3" + last);
  }

  @ParameterizedTest
  @CsvSource({"BFLOAT16,MAPPED,1", "INT8,COPIED,0"})
  void timesAnswersMappedAndInMemory(DType dtype, FileAccess reading, int mapped)
      throws IOException {
    Comparison comparison = Comparisons.decoder(model, 9, 5, dtype, reading);
    try (PeerProcess llama = start(echo(TIME))) {
      Result result = Result.of(comparison, temp, "cpu", List.of(llama), 2, Rounds.of(0, 1));
      // To the first token, and the four others.
      assertThat(result.peer("llama.cpp").orElseThrow().times().orElseThrow().rounds())
          .containsExactly(
              dtype.inBlocks() ? List.of(7.0, 1.75, 14.0) : List.of(7.0, 1.75, 14.0, 7.0));
      assertThat(result.ours().rounds().getFirst()).hasSizeGreaterThan(2).allMatch(ms -> ms > 0);
      assertThat(result.pruned()).isEmpty();
    }
    String file = "-3-%s.gguf".formatted(dtype.label());
    assertThat(asked()).endsWith(options(9, 0, 0, mapped) + file, options(0, 4, 9, mapped) + file);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "echo 'usage' >&2; echo 'error: invalid parameter for argument: -dev' >&2; exit 1|llama-bench ended with 1: error: invalid parameter for argument: -dev",
        "kill -ILL $$|llama-bench ended with 132, without a word",
        "echo 'model t/s'|llama-bench says what isn't understood: model t/s",
        "echo '{}'|llama-bench says what isn't understood: {}",
        "true|llama-bench timed 0 models instead of 1",
      })
  void saysWhyItCannotBeAsked(String line, String message) throws IOException {
    LlamaCppMain side = new LlamaCppMain(program(line).toString(), 2);
    assertThatThrownBy(() -> side.hello(model))
        .isInstanceOf(PeerProcess.Failure.class)
        .hasMessage(message);
  }

  @Test
  void saysWhatToDoAboutIt() {
    assertThatThrownBy(() -> start("echo 'bad CPU' >&2; exit 1").close())
        .isInstanceOf(PeerProcess.Failure.class)
        .hasMessage(
            "llama.cpp: llama-bench ended with 1: bad CPU; build it anew, or leave out --llama-cpp");
  }

  @ParameterizedTest
  @CsvSource({"$t,4", "$p,7", "$n,0", "$d,0", "$x,0"})
  void refusesTimesOfSomethingElse(String what, String other) throws IOException {
    Path program = program(echo(TIME.replace(what, other)));
    LlamaCppMain side = new LlamaCppMain(program.toString(), 2);
    assertThatThrownBy(() -> side.hello(model))
        .isInstanceOf(PeerProcess.Failure.class)
        .hasMessageStartingWith("llama-bench says what isn't understood: {\"build");
  }

  @Test
  void refusesLayersThatTakeNoTime() throws IOException {
    Comparison comparison = Comparisons.layer(model, 9, DType.BFLOAT16);
    try (PeerProcess llama = start("x=5; " + echo(TIME))) {
      assertThatThrownBy(
              () -> Result.of(comparison, temp, "cpu", List.of(llama), 2, Rounds.of(0, 1)))
          .isInstanceOf(PeerProcess.Failure.class)
          .hasMessage("llama.cpp: took no longer for 3 layers than for one");
    }
  }
}
