package org.pyramiddrop.bench.speed.pruning;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ImageShape;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.Place;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * The work of an answer under a plan, as {@link FlopCounter} counts it.
 *
 * @param paperMultiplyAdds the paper's count of the prefill: multiply-adds of image tokens only
 * @param visionFlops of all crops, a cut in the vision tower included
 * @param prefillFlops of cuts behind the projector and of the decoder, up to the first token's
 *     logits
 * @param deepFlops of the same prefill of a decoder of this width that has {@value #DEEP} layers:
 *     of few layers, drops make more of them cheap
 * @param answerFlops of vision, prefill and all decode steps
 * @param pieces of that prefill; those that are alike are counted
 * @param weightBytes of the decoder's matrices, which each step reads
 * @param stepBytes that a step reads, keys and values included, the mean over the steps
 * @param steps behind the first token
 */
public record AnswerWork(
    double paperMultiplyAdds,
    double visionFlops,
    double prefillFlops,
    double deepFlops,
    double answerFlops,
    List<Piece> pieces,
    double weightBytes,
    double stepBytes,
    int steps) {
  static final int DEEP = 32;

  /**
   * Work that memory or arithmetic bounds, whichever takes longer.
   *
   * @param count how often it is done
   * @param flops each time
   * @param bytes that it reads each time
   */
  public record Piece(long count, double flops, double bytes) {}

  /**
   * Counts.
   *
   * @param prompt as it enters the decoder under the plan
   * @param images its images before any cut
   * @param steps at least one
   * @param weights how the decoder's matrices are stored
   * @param keyValues how keys and values are
   */
  public static AnswerWork of(
      ModelShape model,
      PruningPlan plan,
      PromptShape prompt,
      List<ImageShape> images,
      int steps,
      DType weights,
      DType keyValues) {
    FlopCounter counter = new FlopCounter(model, plan.schedule(model.layers()));
    double vision = counter.vision(images, inTower(plan));
    double cuts = counter.vision(images, plan) - vision;
    double prefill = cuts + counter.prefill(prompt);
    double weightBytes = ModelWork.weightBytes(model, weights);
    // Both grow by the same from each step to the next.
    int last = steps - 1;
    double step = (counter.decodeStep(prompt, 0) + counter.decodeStep(prompt, last)) / 2;
    double keyValueBytes =
        (ModelWork.keyValueBytes(model, plan, prompt, 0, keyValues)
                + ModelWork.keyValueBytes(model, plan, prompt, last, keyValues))
            / 2;
    return new AnswerWork(
        counter.paper(prompt.images()),
        vision,
        prefill,
        cuts + ModelWork.prefill(model, DEEP, plan, prompt),
        vision + prefill + steps * step,
        pieces(cuts, counter.prefillPieces(prompt), weights, keyValues),
        weightBytes,
        weightBytes + keyValueBytes,
        steps);
  }

  private static List<Piece> pieces(
      double cuts, List<FlopCounter.Piece> decoder, DType weights, DType keyValues) {
    Map<FlopCounter.Piece, Long> alike =
        decoder.stream()
            .filter(piece -> piece.multiplyAdds() > 0)
            .collect(
                Collectors.groupingBy(
                    Function.identity(), LinkedHashMap::new, Collectors.counting()));
    List<Piece> pieces = new ArrayList<>();
    if (cuts > 0) {
      pieces.add(new Piece(1, cuts, 0));
    }
    alike.forEach((piece, count) -> {
      double bytes = ModelWork.bytes(piece.weights() ? weights : keyValues);
      pieces.add(new Piece(count, 2 * piece.multiplyAdds(), piece.read() * bytes));
    });
    return pieces;
  }

  private static PruningPlan inTower(PruningPlan plan) {
    return new PruningPlan(
        plan.cuts().stream().filter(cut -> cut.place() instanceof Place.Tower).toList(),
        plan.ranking(),
        plan.positions());
  }
}
