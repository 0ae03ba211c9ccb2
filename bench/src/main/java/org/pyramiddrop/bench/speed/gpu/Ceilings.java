package org.pyramiddrop.bench.speed.gpu;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.bench.speed.pruning.AnswerWork;
import org.pyramiddrop.bench.speed.pruning.Phases;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;

/**
 * What a GPU can do at most, and so the least time that work can take on it.
 *
 * @param tflops 10¹² floating point operations a second, two for each multiply-add
 * @param bandwidth 10¹² bytes a second that its memory reads and writes
 */
record Ceilings(double tflops, double bandwidth) {
  private static final double PER_MILLI = 1e9;

  Ceilings {
    if (!(tflops > 0) || !(bandwidth > 0)) {
      throw new IllegalArgumentException(
          "a GPU's ceilings must be above 0, not %s TFLOP/s and %s TB/s"
              .formatted(tflops, bandwidth));
    }
  }

  Ceilings or(@Nullable Double givenTflops, @Nullable Double givenBandwidth) {
    return new Ceilings(
        givenTflops == null ? tflops : givenTflops,
        givenBandwidth == null ? bandwidth : givenBandwidth);
  }

  /** The least milliseconds for this arithmetic. */
  double flopsMillis(double flops) {
    return flops / (tflops * PER_MILLI);
  }

  /** The least milliseconds for moving these bytes. */
  double bytesMillis(double bytes) {
    return bytes / (bandwidth * PER_MILLI);
  }

  /**
   * The least milliseconds of each phase; the answer's is the sum of the others. A short stage's
   * products take as long as their weights take to read, so a prefill's is the larger of arithmetic
   * and bytes product by product.
   */
  Phases<Double> floor(AnswerWork work) {
    double vision = flopsMillis(work.visionFlops());
    double prefill =
        work.pieces().stream()
            .mapToDouble(piece ->
                piece.count() * Math.max(flopsMillis(piece.flops()), bytesMillis(piece.bytes())))
            .sum();
    double step = bytesMillis(work.stepBytes());
    double answer = vision + prefill + work.steps() * step;
    return new Phases<>(
        Map.of(
            Phase.VISION, vision, Phase.PREFILL, prefill, Phase.STEP, step, Phase.ANSWER, answer));
  }

  /** These beside what was seen to be reached. */
  Table<?> table(Ceilings seen) {
    record Row(String name, double seen, double ceiling) {}
    return new Table<>(
            "what this machine reaches",
            List.of(
                new Row("square product, TFLOP/s", seen.tflops, tflops),
                new Row("read, TB/s", seen.bandwidth, bandwidth)))
        .column("", Row::name)
        .number("seen here", Row::seen)
        .number("shares are of", Row::ceiling);
  }
}
