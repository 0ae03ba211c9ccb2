package org.pyramiddrop.bench.speed.gpu;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.report.Numbers;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.bench.speed.pruning.AnswerWork;
import org.pyramiddrop.bench.speed.pruning.Phases;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
import org.pyramiddrop.bench.speed.pruning.PlanResult;

/** What whole models came to, as tables. */
final class ModelTables {
  private static final double MEBI = 1 << 20;

  private ModelTables() {}

  /** All that was measured of one model, part by part, with the spread. */
  static List<Table<?>> details(ModelResult result) {
    List<Table<?>> tables = new ArrayList<>();
    tables.add(phases(result));
    tables.add(pruning(result));
    tables.add(peers(result));
    NewLengths lengths = result.newLengths();
    if (lengths != null) {
      tables.add(lengths.table());
    }
    return tables;
  }

  private static String title(ModelResult result) {
    ModelResult.Prompt prompt = result.prompt();
    return "%s: an image of %s pixels, %d crop%s, %d image tokens, %d of text"
        .formatted(
            result.model(),
            prompt.image(),
            prompt.crops(),
            prompt.crops() == 1 ? "" : "s",
            prompt.imageTokens(),
            prompt.textTokens());
  }

  /**
   * What took some time.
   *
   * @param floor the least possible milliseconds, if it is known; a load, which is timed once, has
   *     none
   */
  private record Timed(String name, Spread millis, String work, @Nullable Double floor) {
    @Nullable String share() {
      return floor == null ? null : ModelTables.share(floor, millis);
    }
  }

  private static Table<?> phases(ModelResult result) {
    List<Timed> rows = new ArrayList<>();
    rows.add(new Timed("load", Spread.of(List.of(result.loadMillis())), "", null));
    for (PlanResult plan : result.plans()) {
      Phases<Double> floor = result.ceilings().floor(plan.work());
      for (Phase phase : Phase.values()) {
        String name = phase.label(result.newTokens()) + ", " + plan.name();
        String work = work(plan.work(), phase);
        rows.add(new Timed(name, plan.millis().get(phase), work, floor.get(phase)));
      }
    }
    return new Table<>(title(result), rows)
        .column("", Timed::name)
        .number("median ms", row -> row.millis.median())
        .column("low–high", row -> row.floor == null ? "" : Numbers.range(row.millis))
        .column("work", Timed::work)
        .optional("floor ms", Timed::floor, Numbers::number)
        .column("of the floor", Timed::share)
        .note(
            "vision: from pixels in host memory to the image's embeddings, all crops; prefill: from"
                + " token ids to the first token; decode step: each run's mean over its steps; the last"
                + " row of each is one clock from pixels to the last token, in a run of its own")
        .note(
            "floors: the product's own count of work at %s TFLOP/s and %s TB/s; each product of a prefill takes its arithmetic or the reading of its weights, whichever is longer; a step reads every weight once, and all keys and values"
                .formatted(
                    Numbers.number(result.ceilings().tflops()),
                    Numbers.number(result.ceilings().bandwidth())));
  }

  private static String work(AnswerWork work, Phase phase) {
    return switch (phase) {
      case VISION -> Numbers.decimal(work.visionFlops() / 1e12, 3) + " TFLOP";
      case PREFILL -> Numbers.decimal(work.prefillFlops() / 1e12, 3) + " TFLOP";
      case STEP -> Numbers.decimal(work.stepBytes() / 1e9, 3) + " GB";
      case ANSWER -> "";
    };
  }

  private static String share(double floor, Spread millis) {
    return Numbers.percent(floor / millis.median());
  }

  private static Table<?> pruning(ModelResult result) {
    return new Table<>("what pruning pays", result.plans())
        .column("", PlanResult::name)
        .ratios("prefill, times as fast", plan -> plan.speedup().get(Phase.PREFILL))
        .ratio("FLOPs ratio", plan -> plan.flopsRatio().get(Phase.PREFILL))
        .ratio("paid", plan -> plan.paid().get(Phase.PREFILL))
        .ratios(
            result.newTokens() + " tokens, times as fast", plan -> plan.speedup().get(Phase.ANSWER))
        .column("keys and values, MiB", plan -> mebibytes(plan.keyValueBytes()))
        .note(
            "against the plan without drops, round by round; paid: times as fast by FLOPs ratio, 1 is all of"
                + " the saved work; keys and values as allocated, room for the answer included");
  }

  private static String mebibytes(long bytes) {
    return Numbers.decimal(bytes / MEBI, 0);
  }

  private static Table<?> peers(ModelResult result) {
    Table<ModelResult.Peer> table =
        new Table<>("beside PyTorch", result.peers())
            .column("times as long as ours without drops", ModelResult.Peer::name);
    for (Phase phase : Phase.values()) {
      table.column(
          phase.label(result.newTokens()),
          peer -> orDash(peer.ratios(), ratios -> Numbers.ratio(ratios.get(phase).median())));
    }
    table.column(
        "low–high",
        peer -> orDash(peer.ratios(), ratios -> Numbers.ratios(ratios.get(Phase.ANSWER))));
    result.peers().forEach(peer -> table.note(peer.name() + ": " + peer.said()));
    return table.note(
        ("the same checkpoint, ids and pixels, no drops, in turn with ours; timed only if the first token's"
                + " logits are within %s of their deviation; PyTorch doesn't wait for single tokens, and runs all"
                + " layers of the vision tower, ours those whose output is read; eager: cache that grows, no"
                + " graphs; all others: static cache, a layer compiled for all of its kind, and a CUDA graph of"
                + " vision, one of the prefill, one of a step")
            .formatted(TorchAnswers.BOUND));
  }

  private static <T> String orDash(@Nullable T measured, Function<T, String> text) {
    return measured == null ? "-" : text.apply(measured);
  }

  /**
   * A plan or a peer of a model.
   *
   * @param keyValues mebibytes
   */
  private record Row(
      String name, @Nullable Phases<Spread> millis, Phases<Double> floor, String keyValues) {}

  /** All models in one table, a plan or a peer a row. */
  static Table<?> table(List<ModelResult> results) {
    int newTokens = results.getFirst().newTokens();
    List<Row> rows = new ArrayList<>();
    List<String> notes = new ArrayList<>();
    for (ModelResult result : results) {
      String model = result.model() + ", ";
      for (PlanResult plan : result.plans()) {
        Phases<Double> floor = result.ceilings().floor(plan.work());
        rows.add(
            new Row(model + plan.name(), plan.millis(), floor, mebibytes(plan.keyValueBytes())));
      }
      Phases<Double> floor = result.ceilings().floor(result.plans().getFirst().work());
      for (ModelResult.Peer peer : result.peers()) {
        boolean timed = peer.millis() != null;
        rows.add(new Row(model + peer.name(), peer.millis(), floor, timed ? "" : "-"));
        if (!timed) {
          notes.add(model + peer.name() + ": " + peer.said());
        }
      }
      notes.add(title(result));
    }
    Table<Row> table = new Table<>("the table", rows).column("", Row::name);
    for (Phase phase : Phase.values()) {
      table.column(
          phase.label(newTokens) + " ms",
          row -> orDash(row.millis, millis -> Numbers.number(millis.get(phase).median())));
      if (phase != Phase.VISION) {
        table.column(
            "of the floor",
            row -> orDash(row.millis, millis -> share(row.floor.get(phase), millis.get(phase))));
      }
    }
    table.column("keys and values, MiB", Row::keyValues);
    notes.forEach(table::note);
    return table;
  }
}
