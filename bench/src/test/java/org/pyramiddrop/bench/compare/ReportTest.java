package org.pyramiddrop.bench.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.bench.Machine;
import org.pyramiddrop.bench.Product;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.Pixels;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class ReportTest {
  private static final Times OURS = new Times(List.of(List.of(20.0), List.of(40.0), List.of(30.0)));
  private static final Times THEIRS =
      new Times(List.of(List.of(10.0), List.of(80.0), List.of(45.0)));
  private static final Result LINEAR =
      new Result(
          new LinearContest(new Product(7, 64, 11), 1, DType.FLOAT32),
          OURS,
          List.of(),
          List.of(
              new Result.Peer("PyTorch", new Verdict.Agrees("all right"), Optional.of(THEIRS)),
              new Result.Peer("Jlama", new Verdict.Differs("2 wrong"), Optional.empty())));
  private static final Result MODEL =
      new Result(
          new ModelContest(
              "tiny",
              Path.of("tiny"),
              new ModelInput(List.of(1), new Pixels(1, 1, 1, new float[1])),
              3,
              DType.BFLOAT16),
          new Times(List.of(List.of(100.0, 10.0, 120.0))),
          List.of(new Result.Lighter("less work", new Times(List.of(List.of(50.0, 8.0, 66.0))))),
          List.of(
              new Result.Peer(
                  "PyTorch",
                  new Verdict.Agrees("near"),
                  Optional.of(new Times(List.of(List.of(200.0, 5.0, 210.0)))))));
  private static final Report REPORT =
      new Report(
          new Machine("a processor", "a device", "25", "abc"),
          List.of("torch 1", "jlama 2"),
          2,
          "make compare",
          List.of(LINEAR, MODEL));

  @Test
  void tellsRowsWeLoseAndWrongResultsLikeAnyOther() {
    assertThat(REPORT.markdown())
        .contains(
            "`make compare` on a processor; a device; Java 25; commit abc; torch 1; jlama 2; 2 threads a side.",
            "| operation | weights | rounds | ours | PyTorch | times as fast | Jlama | times as fast |",
            "| linear 7x64x11 | float32 | 3 | 30.0 (20.0–40.0) | 45.0 (10.0–80.0) | 1.50 (0.50–2.00) | wrong result | – |",
            "| tiny, each further token | bfloat16 | 1 | 10.0 (10.0–10.0) | 5.00 (5.00–5.00) | 0.50 (0.50–0.50) | – | – |",
            "| tiny, to the first token, less work | bfloat16 | 1 | 50.0 (50.0–50.0) | 200.0 (200.0–200.0) | 4.00 (4.00–4.00) | – | – |")
        .anyMatch(line ->
            line.startsWith("- linear 7x64x11, float32: the same random activations")
                && line.endsWith("PyTorch: all right. Jlama: not timed, 2 wrong."));
  }

  @Test
  void printsTheSameOnATerminal() {
    assertThat(REPORT.text())
        .anyMatch(line -> line.startsWith("linear 7x64x11") && line.contains("wrong result"))
        .anyMatch(line -> line.startsWith("tiny, 3 tokens, less work"));
  }

  @Test
  void keepsEveryNumberForOtherPrograms() {
    ObjectNode file = JsonMapper.shared().createObjectNode();
    REPORT.json(file);
    assertThat(file.path("operations").size()).isEqualTo(4);
    ObjectNode linear = (ObjectNode) file.path("operations").path(0);
    assertThat(linear.path("oursMillis").path("median").doubleValue()).isEqualTo(30);
    assertThat(linear.path("peers").path("PyTorch").path("ratioOfMedians").doubleValue())
        .isEqualTo(1.5);
    assertThat(linear.path("peers").path("Jlama").path("right").booleanValue()).isFalse();
    assertThat(linear.path("peers").path("Jlama").has("millis")).isFalse();
    ObjectNode model = (ObjectNode) file.path("operations").path(1);
    assertThat(model.path("lessWorkMillis").path("median").doubleValue()).isEqualTo(50);
  }
}
