package org.pyramiddrop.bench.gpu;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.pyramiddrop.bench.Document;
import org.pyramiddrop.bench.Document.Section;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.Table;

/** What was measured on a GPU, beside what it could do at most, as text and as Markdown. */
final class GpuReport {
  private static final String NONE = "";

  private final Ceilings ceilings;
  private final List<String> facts = new ArrayList<>();
  private final List<Section> sections = new ArrayList<>();

  /**
   * Begins with where it was measured.
   *
   * @param ceilings that shares are of
   */
  GpuReport(Ceilings ceilings) {
    this.ceilings = ceilings;
  }

  /** Adds a line about the machine or the run. */
  void fact(String name, String value) {
    facts.add(name + ": " + value);
  }

  /** Adds the whole model. */
  void model(GpuModel.Result result) {
    Table table =
        new Table()
            .row(
                "",
                "median ms",
                "low",
                "high",
                "work",
                "floor ms",
                "of the floor",
                "tokens/s",
                "keys and values");
    table.row("load", number(result.loadMillis()), NONE, NONE, NONE, NONE, NONE, NONE, NONE);
    timed(
        table,
        "vision and projector",
        result.vision(),
        flops(result.visionFlops()),
        ceilings.flopsMillis(result.visionFlops()),
        NONE,
        NONE);
    for (GpuModel.PlanTimes plan : result.plans()) {
      timed(
          table,
          "prefill, " + plan.name(),
          plan.prefill(),
          flops(plan.prefillFlops()),
          ceilings.flopsMillis(plan.prefillFlops()),
          NONE,
          "%.1f MiB".formatted(plan.keyValueBytes() / (double) (1 << 20)));
    }
    for (GpuModel.PlanTimes plan : result.plans()) {
      timed(
          table,
          "decode step, " + plan.name(),
          plan.step(),
          "%.3f GB".formatted(plan.stepBytes() / 1e9),
          ceilings.bytesMillis(plan.stepBytes()),
          "%.1f".formatted(tokensPerSecond(plan.step())),
          NONE);
    }
    String title =
        "a model of %d layers, %d wide, on %s: %d tokens of a picture and %d of text"
            .formatted(
                result.shape().layers(),
                result.shape().hidden(),
                result.device(),
                result.prompt().imageTokens(),
                result.prompt().textTokens());
    sections.add(
        new Section(
            title,
            table,
            List.of(
                "prefill: from ids and image embeddings to the first token; work is the language model's"
                    + " honest count, floors are at %s TFLOP/s and %s TB/s"
                        .formatted(number(ceilings.tflops()), number(ceilings.bandwidth())),
                "decode: floors are for reading every weight and all keys and values once")));
  }

  private static void timed(
      Table table, String name, Spread millis, String work, double floor, String... rest) {
    table.row(
        name,
        number(millis.median()),
        number(millis.low()),
        number(millis.high()),
        work,
        number(floor),
        share(floor, millis.median()),
        rest[0],
        rest[1]);
  }

  /** Adds operations alone. */
  void operations(List<GpuTimes.Times> all, String rival) {
    Table table =
        new Table()
            .row(
                "",
                "own µs",
                "low",
                "high",
                "TFLOP/s",
                "cuBLASLt µs",
                "PyTorch µs",
                "own : PyTorch");
    for (GpuTimes.Times times : all) {
      table.row(
          times.operation().name(),
          number(times.own().median()),
          number(times.own().low()),
          number(times.own().high()),
          times.operation().flops() == 0
              ? NONE
              : number(times.operation().flops() / times.own().median() / 1e6),
          median(times.cublas()),
          times.torch().isEmpty() && rival.startsWith("no PyTorch")
              ? "no PyTorch"
              : median(times.torch()),
          times
              .torch()
              .map(torch -> "%.2f".formatted(times.own().median() / torch.median()))
              .orElse(NONE));
    }
    sections.add(
        new Section(
            "operations alone, recorded many times in a row",
            table,
            List.of(
                rival,
                "own products run with a GELU behind them, since plain ones go to cuBLASLt; cuBLASLt's time"
                    + " beside gate, up, SiLU is that of both products without the SiLU")));
  }

  /** Adds what the device was seen to reach. */
  void reached(Ceilings seen) {
    Table table =
        new Table()
            .row("", "seen here", "taken as the ceiling")
            .row("square product, TFLOP/s", number(seen.tflops()), number(ceilings.tflops()))
            .row("copy, TB/s", number(seen.bandwidth()), number(ceilings.bandwidth()));
    sections.add(new Section("what this machine reaches", table, List.of()));
  }

  static double tokensPerSecond(Spread step) {
    return 1000 / step.median();
  }

  /** Which part of the time the least possible time is. */
  static String share(double floor, double millis) {
    return "%.0f%%".formatted(100 * floor / millis);
  }

  private static String flops(double flops) {
    return "%.3f TFLOP".formatted(flops / 1e12);
  }

  private static String median(Optional<Spread> spread) {
    return spread.map(s -> number(s.median())).orElse("-");
  }

  /** Three digits or more. */
  private static String number(double value) {
    int decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  /** As text. */
  List<String> lines() {
    return new Document(facts, sections).lines();
  }

  /** As Markdown. */
  List<String> markdown() {
    return new Document(facts, sections).markdown();
  }
}
