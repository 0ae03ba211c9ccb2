package org.pyramiddrop.bench.speed.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.bench.model.ModelInput;
import org.pyramiddrop.bench.model.TowerInput;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.Resolution;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ReportTest {
  private static final Result.Times OURS =
      new Result.Times(List.of(List.of(20.0), List.of(40.0), List.of(30.0)));
  private static final Result.Times THEIRS =
      new Result.Times(List.of(List.of(10.0), List.of(80.0), List.of(45.0)));
  private static final Result LINEAR =
      new Result(
          Comparisons.linear(new Product(7, 64, 11), 1, DType.FLOAT32),
          OURS,
          Optional.empty(),
          new TreeMap<>(
                  Map.of(
                      "PyTorch",
                      new Result.Peer(Verdict.right("all right"), Optional.of(THEIRS)),
                      "Jlama",
                      new Result.Peer(Verdict.wrong("2 wrong"), Optional.empty())))
              .descendingMap());
  private static final Result MODEL =
      new Result(
          Comparisons.model(
              "tiny",
              Path.of("tiny"),
              new ModelInput(
                  List.of(1),
                  new TowerInput(
                      new Resolution(1, 1),
                      new ImageLayout(1, false, null),
                      List.of(new Pixels(1, 1, 1, new float[1])))),
              3,
              DType.BFLOAT16),
          new Result.Times(List.of(List.of(100.0, 10.0, 120.0, 100.0))),
          Optional.of(new Result.Times(List.of(List.of(50.0, 8.0, 66.0, 50.0)))),
          Map.of(
              "PyTorch",
              new Result.Peer(
                  Verdict.right("near"),
                  Optional.of(new Result.Times(List.of(List.of(200.0, 5.0, 210.0, 300.0)))))));
  private static final Report REPORT =
      Report.of(List.of("torch 1", "jlama 2"), 2, "bench compare", List.of(LINEAR, MODEL));
  private static final Document DOCUMENT = REPORT.document(List.of("machine: a processor"));

  @Test
  void tellsRowsWeLoseAndWrongResultsLikeAnyOther() {
    assertThat(DOCUMENT.markdown())
        .contains(
            "- machine: a processor",
            "- sides: torch 1; jlama 2; threads of each: 2",
            "| operation | weights | rounds | ours | PyTorch | times as fast | Jlama | times as fast |",
            "| linear 7x64x11 | float32 | 3 | 30.0 (20.0–40.0) | 45.0 (10.0–80.0) | 1.500 (0.500–2.000) | output differs | – |",
            "| tiny, each further token | bfloat16 | 1 | 10.0 (10.0–10.0) | 5.00 (5.00–5.00) | 0.500 (0.500–0.500) | – | – |",
            "| tiny, to the first token, ours pruned (4 stages, λ = 0.5): less work | bfloat16 | 1 | 50.0 (50.0–50.0) | 200 (200–200) | 4.000 (4.000–4.000) | – | – |")
        .anyMatch(line ->
            line.startsWith("linear 7x64x11, float32: the same random activations")
                && line.endsWith("PyTorch: all right. Jlama: not timed, 2 wrong."));
  }

  @Test
  void printsTheSameOnATerminal() {
    assertThat(DOCUMENT.lines())
        .anyMatch(line -> line.startsWith("linear 7x64x11") && line.contains("output differs"))
        .anyMatch(
            line -> line.startsWith("tiny, 3 tokens, ours pruned (4 stages, λ = 0.5): less work"));
  }

  @Test
  void keepsEveryNumberForOtherPrograms() {
    JsonNode file = JsonMapper.shared().valueToTree(REPORT);
    assertThat(file.path("operations").size()).isEqualTo(1 + 4 + 4);
    JsonNode linear = file.path("operations").path(0);
    assertThat(linear.path("oursMillis").path("median").doubleValue()).isEqualTo(30);
    assertThat(linear.path("peers").path("PyTorch").path("ratioOfMedians").doubleValue())
        .isEqualTo(1.5);
    assertThat(linear.path("peers").path("Jlama").path("right").booleanValue()).isFalse();
    assertThat(linear.path("peers").path("Jlama").has("millis")).isFalse();
    JsonNode model = file.path("operations").path(1);
    assertThat(model.path("pruned").booleanValue()).isFalse();
    assertThat(model.path("oursMillis").path("median").doubleValue()).isEqualTo(100);
    JsonNode pruned = file.path("operations").path(5);
    assertThat(pruned.path("pruned").booleanValue()).isTrue();
    assertThat(pruned.path("oursMillis").path("median").doubleValue()).isEqualTo(50);
  }
}
