package org.pyramiddrop.bench.speed.training;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.model.TimedTraining;
import org.pyramiddrop.bench.report.Numbers;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.bench.speed.pruning.NamedPlan;
import org.pyramiddrop.loader.LlavaConfig;

/** What training steps came to; lies in the result file as it is here. */
record TrainingResult(List<Row> rows) {
  /**
   * A plan's step, or PyTorch's.
   *
   * @param flops of the step; 0 where they weren't counted
   * @param timesAsFast as ours without drops, round by round
   * @param flopsRatio how many times less arithmetic than ours without drops
   */
  record Row(
      String name, Spread millis, double flops, Spread timesAsFast, @Nullable Double flopsRatio) {
    /** Which part of the saved work came back as time: 1 is all of it. */
    @JsonProperty(access = JsonProperty.Access.READ_ONLY)
    @Nullable Double paid() {
      return flopsRatio == null ? null : timesAsFast.median() / flopsRatio;
    }
  }

  /**
   * Sums up rounds.
   *
   * @param weights whether the decoder's own matrices are trained
   * @param millis of each plan, then of PyTorch if it took part
   * @param peer PyTorch's versions; null if it didn't
   */
  static TrainingResult of(
      LlavaConfig config,
      RandomSamples samples,
      List<NamedPlan> plans,
      boolean weights,
      List<List<Double>> millis,
      @Nullable String peer) {
    List<Row> rows = new ArrayList<>();
    double plain = TimedTraining.flops(config, samples.samples(), plans.getFirst().plan(), weights);
    for (NamedPlan plan : plans) {
      List<Double> own = millis.get(rows.size());
      double flops = TimedTraining.flops(config, samples.samples(), plan.plan(), weights);
      rows.add(
          new Row(
              plan.name(),
              Spread.of(own),
              flops,
              Spread.ofRatios(millis.getFirst(), own),
              plain / flops));
    }
    if (peer != null) {
      List<Double> theirs = millis.getLast();
      rows.add(
          new Row(
              "no drops, " + peer,
              Spread.of(theirs),
              0,
              Spread.ofRatios(millis.getFirst(), theirs),
              null));
    }
    return new TrainingResult(List.copyOf(rows));
  }

  Table<?> table() {
    return new Table<>("a training step", rows)
        .column("", Row::name)
        .spread("median ms", Row::millis)
        .ratios("times as fast", Row::timesAsFast)
        .column("GFLOP", row -> row.flops == 0 ? null : Numbers.number(row.flops / 1e9))
        .optional("FLOPs ratio", Row::flopsRatio, Numbers::ratio)
        .optional("paid", Row::paid, Numbers::ratio)
        .note(
            "forward, backward, gradient norm and AdamW; times as fast as ours without drops, round by round; paid: times as fast by FLOPs ratio, 1 is all of the saved work");
  }
}
