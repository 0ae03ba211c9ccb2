package org.pyramiddrop.bench.speed.pruning;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
import org.pyramiddrop.training.chart.LineChart;

/**
 * What plans came to; lies in the result file as it is here.
 *
 * @param hidden width of the decoder
 * @param plans the one without drops first
 * @param prefillShares may be none
 */
record PruningResult(
    String command,
    String device,
    int layers,
    int hidden,
    int imageTokens,
    int textTokens,
    int newTokens,
    List<PlanResult> plans,
    List<Breakdown.Shares> prefillShares) {
  private static final double MEBI = 1 << 20;

  List<Table<?>> tables() {
    List<Table<?>> tables = new ArrayList<>(List.of(vision(), prefill(), decode(), answer()));
    if (!prefillShares.isEmpty()) {
      tables.add(parts());
    }
    return tables;
  }

  private Table<PlanResult> table(String title, Phase phase) {
    return new Table<>(title, plans)
        .column("", PlanResult::name)
        .spread("median ms", result -> result.millis().get(phase));
  }

  private static Table<PlanResult> saving(Table<PlanResult> table, Phase phase) {
    return table
        .ratios("times as fast", result -> result.speedup().get(phase))
        .ratio("FLOPs ratio", result -> result.flopsRatio().get(phase))
        .ratio("paid", result -> result.paid().get(phase));
  }

  private Table<PlanResult> vision() {
    return saving(table("vision", Phase.VISION), Phase.VISION)
        .note(
            "from pixels to the projector's output; a cut in the vision tower is part of it, one behind"
                + " the projector of the prefill");
  }

  private Table<PlanResult> prefill() {
    double plain = plans.getFirst().work().deepFlops();
    Table<PlanResult> table =
        table("prefill", Phase.PREFILL)
            .number("paper's TFLOPs", result -> result.work().paperMultiplyAdds() / 1e12)
            .number("GFLOP", result -> result.work().prefillFlops() / 1e9)
            .number(
                "GFLOP/s",
                result ->
                    result.work().prefillFlops()
                        / 1e6
                        / result.millis().get(Phase.PREFILL).median());
    return saving(table, Phase.PREFILL)
        .ratio("FLOPs ratio of 32 layers", result -> plain / result.work().deepFlops())
        .note(
            "from token ids and image embeddings to the first token, cuts behind the projector included;"
                + " the paper counts multiply-adds of image tokens, GFLOP is the honest count; paid: times as fast by FLOPs ratio, 1 is"
                + " all of the saved work; the last column is a count alone, for a decoder as deep as a 7B"
                + " model's, of whose layers a smaller part ends a stage");
  }

  private Table<PlanResult> decode() {
    return table("decode, a token", Phase.STEP)
        .ratios("times as fast", result -> result.speedup().get(Phase.STEP))
        .number("keys and values, MiB", result -> result.keyValueBytes() / MEBI)
        .note(
            "each run's mean over its steps, which read every weight under all plans; keys and values"
                + " as allocated, room for the answer included");
  }

  private Table<PlanResult> answer() {
    Table<PlanResult> table =
        table("end to end, " + newTokens + " new tokens", Phase.ANSWER)
            .number("GFLOP", result -> result.work().answerFlops() / 1e9);
    return saving(table, Phase.ANSWER)
        .note(
            "one clock over vision, prefill and %d decode step%s"
                .formatted(newTokens - 1, newTokens == 2 ? "" : "s"));
  }

  private Table<Breakdown.Shares> parts() {
    Table<Breakdown.Shares> table =
        new Table<>("what the prefill spends its time on", prefillShares)
            .column("", Breakdown.Shares::name)
            .number("median ms", shares -> shares.prefillMillis().median());
    for (Breakdown.Part part : Breakdown.Part.values()) {
      table.number(part.label(), shares -> 100 * shares.share(part).median());
    }
    return table.note(
        "medians of each round's shares in %, timed call by call in rounds of their own; ranking is"
            + " the last token's query and its scores, gather the rows that stay");
  }

  /** The share of the time over the share of the FLOPs, both of those without drops. */
  LineChart chart(List<String> labels) {
    List<LineChart.Point> prefill =
        plans.stream().map(plan -> shares(plan, Phase.PREFILL)).toList();
    List<LineChart.Point> answer = plans.stream().map(plan -> shares(plan, Phase.ANSWER)).toList();
    double least =
        Stream.concat(prefill.stream(), answer.stream())
            .mapToDouble(LineChart.Point::x)
            .min()
            .orElseThrow();
    return new LineChart(
            "Time against FLOPs",
            "share of the FLOPs without drops",
            "share of the time without drops")
        .marks("prefill", prefill, labels, LineChart.LabelSide.BELOW)
        .marks("end to end", answer, labels, LineChart.LabelSide.ABOVE)
        .guide(
            "time falls as FLOPs do",
            List.of(new LineChart.Point(least, least), new LineChart.Point(1, 1)));
  }

  static LineChart.Point shares(PlanResult plan, Phase phase) {
    return new LineChart.Point(
        1 / plan.flopsRatio().get(phase), 1 / plan.speedup().get(phase).median());
  }
}
