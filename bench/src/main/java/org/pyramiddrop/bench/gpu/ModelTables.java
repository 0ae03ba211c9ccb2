package org.pyramiddrop.bench.gpu;

import static org.pyramiddrop.bench.gpu.Numbers.NONE;
import static org.pyramiddrop.bench.gpu.Numbers.mebibytes;
import static org.pyramiddrop.bench.gpu.Numbers.number;
import static org.pyramiddrop.bench.gpu.Numbers.range;
import static org.pyramiddrop.bench.gpu.Numbers.ratio;
import static org.pyramiddrop.bench.gpu.Numbers.share;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.pyramiddrop.bench.Document.Section;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.Table;

/** What whole models came to, as tables. */
final class ModelTables {
  private ModelTables() {}

  /** All that was measured of one model, part by part, with the spread. */
  static List<Section> details(ModelResult result) {
    return List.of(parts(result), pruning(result), peers(result));
  }

  /** The model and what it was asked. */
  private static String title(ModelResult result) {
    ModelResult.Prompt prompt = result.prompt();
    return "%s: a picture of %s pixels, %d crop%s, %d image tokens, %d of text"
        .formatted(
            result.model(),
            prompt.picture(),
            prompt.crops(),
            prompt.crops() == 1 ? "" : "s",
            prompt.imageTokens(),
            prompt.textTokens());
  }

  private static Section parts(ModelResult result) {
    Table table = new Table().row("", "median ms", "low–high", "work", "floor ms", "of the floor");
    table.row("load", number(result.loadMillis()), NONE, NONE, NONE, NONE);
    for (ModelResult.Plan plan : result.plans()) {
      Phases.Run floor = plan.work().floor(result.ceilings());
      Phases millis = plan.millis();
      String of = ", " + plan.name();
      part(table, "vision" + of, millis.vision(), tera(plan.work().visionFlops()), floor.vision());
      part(
          table,
          "prefill" + of,
          millis.prefill(),
          tera(plan.work().prefillFlops()),
          floor.prefill());
      part(
          table,
          "decode step" + of,
          millis.step(),
          String.format(Locale.ROOT, "%.3f GB", plan.work().stepBytes() / 1e9),
          floor.step());
      part(table, result.newTokens() + " tokens" + of, millis.answer(), NONE, floor.answer());
    }
    return new Section(
        title(result),
        table,
        List.of(
            "vision: from pixels in host memory to the picture's embeddings, all crops; prefill: from"
                + " token ids to the first token; decode step: each run's mean over its steps; the last"
                + " row of each is one clock from pixels to the last token, in a run of its own",
            "floors: the product's own count of work at %s TFLOP/s and %s TB/s; a prefill and a step read every weight once, a step all keys and values as well"
                .formatted(
                    number(result.ceilings().tflops()), number(result.ceilings().bandwidth()))));
  }

  private static void part(Table table, String name, Spread millis, String work, double floor) {
    table.row(
        name,
        number(millis.median()),
        range(millis),
        work,
        number(floor),
        share(floor, millis.median()));
  }

  private static String tera(double flops) {
    return String.format(Locale.ROOT, "%.3f TFLOP", flops / 1e12);
  }

  private static Section pruning(ModelResult result) {
    Table table =
        new Table()
            .row(
                "",
                "prefill, times as fast",
                "low–high",
                "FLOPs ratio",
                "paid",
                result.newTokens() + " tokens, times as fast",
                "low–high",
                "keys and values, MiB");
    for (ModelResult.Plan plan : result.plans()) {
      Spread prefill = plan.prefillSaving().speedup();
      table.row(
          plan.name(),
          ratio(prefill.median()),
          range(prefill),
          ratio(plan.prefillSaving().flopsRatio()),
          ratio(plan.prefillSaving().paid()),
          ratio(plan.answerSpeedup().median()),
          range(plan.answerSpeedup()),
          mebibytes(plan.keyValueBytes()));
    }
    return new Section(
        "what pruning pays",
        table,
        List.of(
            "against the plan without drops, round by round; paid: times as fast by FLOPs ratio, 1 is all of"
                + " the saved work; keys and values as allocated, room for the answer included"));
  }

  private static Section peers(ModelResult result) {
    Table table =
        new Table()
            .row(
                "times as long as ours without drops",
                "vision",
                "prefill",
                "decode step",
                result.newTokens() + " tokens",
                "low–high");
    List<String> notes = new ArrayList<>();
    for (ModelResult.Peer peer : result.peers()) {
      Phases ratios = peer.ratios();
      if (ratios == null) {
        table.row(peer.name(), "-", "-", "-", "-", "-");
      } else {
        table.row(
            peer.name(),
            ratio(ratios.vision().median()),
            ratio(ratios.prefill().median()),
            ratio(ratios.step().median()),
            ratio(ratios.answer().median()),
            range(ratios.answer()));
      }
      notes.add(peer.name() + ": " + peer.said());
    }
    notes.add(
        ("the same checkpoint, ids and pixels, no drops, in turn with ours; timed only if the first token's"
                + " logits are within %s of their deviation; PyTorch doesn't wait for single tokens, and runs all"
                + " layers of the vision tower, ours those whose output is read; all but eager: static cache,"
                + " compiled in that mode, and CUDA graphs")
            .formatted(TorchAnswers.BOUND));
    return new Section("beside PyTorch", table, notes);
  }

  /** All models in one table, a plan or a peer a row. */
  static Section table(List<ModelResult> results) {
    int newTokens = results.getFirst().newTokens();
    Table table =
        new Table()
            .row(
                "",
                "vision ms",
                "prefill ms",
                "of the floor",
                "decode step ms",
                "of the floor",
                newTokens + " tokens ms",
                "of the floor",
                "keys and values, MiB");
    List<String> notes = new ArrayList<>();
    for (ModelResult result : results) {
      String model = result.model() + ", ";
      for (ModelResult.Plan plan : result.plans()) {
        row(
            table,
            model + plan.name(),
            plan.millis(),
            plan.work().floor(result.ceilings()),
            mebibytes(plan.keyValueBytes()));
      }
      AnswerWork work = result.plans().getFirst().work();
      for (ModelResult.Peer peer : result.peers()) {
        Phases millis = peer.millis();
        if (millis == null) {
          table.row(model + peer.name(), "-", "-", "-", "-", "-", "-", "-", "-");
          notes.add(model + peer.name() + ": " + peer.said());
        } else {
          row(table, model + peer.name(), millis, work.floor(result.ceilings()), NONE);
        }
      }
      notes.add(title(result));
    }
    return new Section("the table", table, notes);
  }

  private static void row(
      Table table, String name, Phases millis, Phases.Run floor, String keyValues) {
    table.row(
        name,
        number(millis.vision().median()),
        number(millis.prefill().median()),
        share(floor.prefill(), millis.prefill().median()),
        number(millis.step().median()),
        share(floor.step(), millis.step().median()),
        number(millis.answer().median()),
        share(floor.answer(), millis.answer().median()),
        keyValues);
  }

  /** What was to be reached, and what was. */
  static Section goals(List<ModelResult> results) {
    Table table = new Table().row("", "measured", "goal", "");
    for (ModelResult result : results) {
      for (Goal.Mark mark : Goal.marks(result)) {
        table.row(result.model() + ", " + mark.what(), mark.measured(), mark.least(), mark.said());
      }
    }
    return new Section("goals", table, List.of());
  }
}
