package org.pyramiddrop.bench.pruning;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.pyramiddrop.bench.Document;
import org.pyramiddrop.bench.Document.Section;
import org.pyramiddrop.bench.ResultFile;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.Table;
import org.pyramiddrop.bench.chart.LineChart;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What plans came to, as text, Markdown, JSON and a chart. */
final class PruningReport {
  private static final double MEBI = 1 << 20;

  private final List<String> facts;
  private final List<PlanResult> results;
  private final List<PlanShares> shares;
  private final List<Section> sections;

  /**
   * Arranges results.
   *
   * @param facts where and how it was measured, a line each
   * @param shares may be none
   */
  PruningReport(
      List<String> facts, List<PlanResult> results, List<PlanShares> shares, int newTokens) {
    this.facts = List.copyOf(facts);
    this.results = List.copyOf(results);
    this.shares = List.copyOf(shares);
    sections = new ArrayList<>();
    sections.add(prefill());
    sections.add(decode());
    sections.add(answer(newTokens));
    if (!shares.isEmpty()) {
      sections.add(parts());
    }
  }

  private Section prefill() {
    Table table =
        new Table()
            .row(
                "",
                "median ms",
                "low–high",
                "paper's TFLOPs",
                "GFLOP",
                "GFLOP/s",
                "times as fast",
                "low–high",
                "FLOPs ratio",
                "paid",
                "FLOPs ratio of 32 layers");
    double plain = results.getFirst().work().deep();
    for (PlanResult result : results) {
      Saving saving = result.prefillSaving();
      table.row(
          result.plan().name(),
          number(result.prefill().median()),
          range(result.prefill()),
          number(result.work().paper() / 1e12),
          number(result.work().prefill() / 1e9),
          number(result.work().prefill() / 1e6 / result.prefill().median()),
          ratio(saving.speedup().median()),
          ratios(saving.speedup()),
          ratio(saving.flopsRatio()),
          ratio(saving.paid()),
          ratio(plain / result.work().deep()));
    }
    return new Section(
        "prefill",
        table,
        List.of(
            "from token ids and image embeddings to the first token; the paper counts multiply-adds of"
                + " image tokens, GFLOP is the honest count; paid: times as fast by FLOPs ratio, 1 is"
                + " all of the saved work; the last column is a count alone, for a decoder as deep as a 7B"
                + " model's, of whose layers a smaller part ends a stage"));
  }

  private Section decode() {
    Table table =
        new Table()
            .row("", "median ms", "low–high", "times as fast", "low–high", "keys and values, MiB");
    for (PlanResult result : results) {
      table.row(
          result.plan().name(),
          number(result.step().median()),
          range(result.step()),
          ratio(result.stepSpeedup().median()),
          ratios(result.stepSpeedup()),
          number(result.keyValueBytes() / MEBI));
    }
    return new Section(
        "decode, a token",
        table,
        List.of(
            "each run's mean over its steps, which read every weight under all plans; keys and values"
                + " as allocated, room for the answer included"));
  }

  private Section answer(int newTokens) {
    Table table =
        new Table()
            .row(
                "",
                "median ms",
                "low–high",
                "GFLOP",
                "times as fast",
                "low–high",
                "FLOPs ratio",
                "paid");
    for (PlanResult result : results) {
      Saving saving = result.answerSaving();
      table.row(
          result.plan().name(),
          number(result.answer().median()),
          range(result.answer()),
          number(result.work().answer() / 1e9),
          ratio(saving.speedup().median()),
          ratios(saving.speedup()),
          ratio(saving.flopsRatio()),
          ratio(saving.paid()));
    }
    return new Section(
        "end to end, " + newTokens + " new tokens",
        table,
        List.of(
            "one clock over the prefill and %d decode step%s"
                .formatted(newTokens - 1, newTokens == 2 ? "" : "s")));
  }

  private Section parts() {
    List<String> head = new ArrayList<>(List.of("", "median ms"));
    Stream.of(Part.values()).map(Part::label).forEach(head::add);
    Table table = new Table().row(head.toArray(String[]::new));
    for (PlanShares plan : shares) {
      List<String> row = new ArrayList<>(List.of(plan.plan().name()));
      row.add(number(plan.prefill().median()));
      for (Part part : Part.values()) {
        row.add(number(100 * plan.share(part).median()));
      }
      table.row(row.toArray(String[]::new));
    }
    return new Section(
        "what the prefill spends its time on",
        table,
        List.of(
            "medians of each round's shares in %, timed call by call in rounds of their own; ranking is"
                + " the last token's query and its scores, gather the rows that stay"));
  }

  /** As text. */
  List<String> lines() {
    return new Document(facts, sections).lines();
  }

  /** As Markdown. */
  List<String> markdown() {
    return new Document(facts, sections).markdown();
  }

  /** As JSON. */
  void json(ObjectNode file) {
    ArrayNode plans = file.putArray("plans");
    for (PlanResult result : results) {
      ObjectNode plan = plans.addObject().put("name", result.plan().name());
      plan.put("paperMultiplyAdds", result.work().paper())
          .put("prefillFlops", result.work().prefill())
          .put("answerFlops", result.work().answer())
          .put("keyValueBytes", result.keyValueBytes());
      ResultFile.spread(plan.putObject("prefillMillis"), result.prefill());
      ResultFile.spread(plan.putObject("stepMillis"), result.step());
      ResultFile.spread(plan.putObject("answerMillis"), result.answer());
      saving(plan.putObject("prefillSaving"), result.prefillSaving());
      ResultFile.spread(plan.putObject("stepSpeedup"), result.stepSpeedup());
      saving(plan.putObject("answerSaving"), result.answerSaving());
    }
    ArrayNode breakdowns = file.putArray("prefillShares");
    for (PlanShares shared : shares) {
      ObjectNode plan = breakdowns.addObject().put("name", shared.plan().name());
      ResultFile.spread(plan.putObject("prefillMillis"), shared.prefill());
      ObjectNode parts = plan.putObject("shares");
      shared
          .shares()
          .forEach((part, share) -> ResultFile.spread(parts.putObject(part.label()), share));
    }
  }

  private static void saving(ObjectNode to, Saving saving) {
    ResultFile.spread(to.putObject("speedup"), saving.speedup());
    to.put("flopsRatio", saving.flopsRatio()).put("paid", saving.paid());
  }

  /** The share of the time over the share of the FLOPs, both of those without drops. */
  LineChart chart() {
    List<Saving> prefill = results.stream().map(PlanResult::prefillSaving).toList();
    List<Saving> answer = results.stream().map(PlanResult::answerSaving).toList();
    double least =
        Stream.concat(prefill.stream(), answer.stream())
            .mapToDouble(Saving::flopsShare)
            .min()
            .orElseThrow();
    List<String> labels = results.stream().map(result -> result.plan().label()).toList();
    return new LineChart(
            "Time against FLOPs",
            "share of the FLOPs without drops",
            "share of the time without drops")
        .marks("prefill", points(prefill), labels, LineChart.Beside.BELOW)
        .marks("end to end", points(answer), labels, LineChart.Beside.ABOVE)
        .guide(
            "time falls as FLOPs do",
            List.of(new LineChart.Point(least, least), new LineChart.Point(1, 1)));
  }

  private static List<LineChart.Point> points(List<Saving> savings) {
    return savings.stream()
        .map(saving -> new LineChart.Point(saving.flopsShare(), saving.timeShare()))
        .toList();
  }

  private static String range(Spread spread) {
    return number(spread.low()) + "–" + number(spread.high());
  }

  private static String ratios(Spread spread) {
    return ratio(spread.low()) + "–" + ratio(spread.high());
  }

  private static String ratio(double value) {
    return String.format(Locale.ROOT, "%.3f", value);
  }

  /** Three digits or more. */
  private static String number(double value) {
    int decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }
}
