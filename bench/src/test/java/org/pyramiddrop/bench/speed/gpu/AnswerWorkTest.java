package org.pyramiddrop.bench.speed.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Collections;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.bench.speed.pruning.AnswerWork;
import org.pyramiddrop.bench.speed.pruning.Phases;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.pruning.ImageShape;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

class AnswerWorkTest {
  private static final Ceilings H200 = new Ceilings(790, 4.3);
  private static final PromptShape PROMPT = PromptShape.of(30, 576, 1, 30);
  private static final PruningPlan PYRAMID = PruningPlan.pyramid(4, 0.5);

  @Test
  void theFloorIsWorkByTheCeiling() {
    assertThat(H200.flopsMillis(7.9e12)).isCloseTo(10, within(1e-12));
    assertThat(H200.bytesMillis(4.3e9)).isCloseTo(1, within(1e-12));
  }

  @Test
  void refusesCeilingsThatAreNone() {
    assertThatIllegalArgumentException().isThrownBy(() -> new Ceilings(0, 1));
    assertThatIllegalArgumentException().isThrownBy(() -> new Ceilings(1, Double.NaN));
    assertThatIllegalArgumentException().isThrownBy(() -> H200.or(null, -1.0));
  }

  @ParameterizedTest
  @CsvSource({
    "576, 1, 5.55, 0.49", //
    "2880, 5, 22.9, 2.45"
  })
  void aLlavaOf7BTakesNoLessThanItsWork(int imageTokens, int crops, double pruned, double vision) {
    PromptShape prompt = PromptShape.of(30, imageTokens, crops, 30);
    ImageShape image =
        new ImageShape(Collections.nCopies(crops, imageTokens / crops), /* others= */ 0);
    Phases<Double> plain = floor(PruningPlan.none(), prompt, image);
    double n = imageTokens + 60;
    double square = 4096.0 * 4096;
    double feedForward = 3 * 4096.0 * 11008;
    double layer = n * (4 * square + feedForward) + n * (n + 1) * 4096;
    // Of the last layer only the last token's output is wanted: weights, keys and values are read
    // for one row.
    double multiplyAdds = 31 * layer + n * 2 * square;
    double read = 2 * square + feedForward + 2 * n * 4096 + 4096.0 * 32064;
    assertThat(plain.get(Phase.PREFILL))
        .isCloseTo(2 * multiplyAdds / 790e9 + 2 * read / 4.3e9, within(1e-9));
    assertThat(plain.get(Phase.VISION)).isCloseTo(vision, Offset.offset(0.02 * vision));
    assertThat(floor(PYRAMID, prompt, image).get(Phase.PREFILL))
        .isCloseTo(pruned, Offset.offset(0.005 * pruned));
    double weights = 2 * (32 * (4 * square + feedForward) + 4096.0 * 32064);
    double keyValues = (n + 1 + 63) * 2 * 32 * 4096 * 2;
    assertThat(plain.get(Phase.STEP)).isCloseTo((weights + keyValues) / 4.3e9, within(1e-9));
    assertThat(plain.get(Phase.ANSWER))
        .isCloseTo(
            plain.get(Phase.VISION) + plain.get(Phase.PREFILL) + 127 * plain.get(Phase.STEP),
            within(1e-9));
  }

  private static Phases<Double> floor(PruningPlan plan, PromptShape prompt, ImageShape image) {
    return H200.floor(work(plan, prompt, List.of(image), 127, DType.BFLOAT16));
  }

  private static AnswerWork work(
      PruningPlan plan, PromptShape prompt, List<ImageShape> images, int steps, DType weights) {
    return AnswerWork.of(ModelShape.LLAVA_7B, plan, prompt, images, steps, weights, DType.BFLOAT16);
  }

  @Test
  void aShortPrefillTakesNoLessThanReadingTheWeights() {
    PromptShape word = PromptShape.of(1, 0, 0, 0);
    AnswerWork work = work(PruningPlan.none(), word, List.of(), 1, DType.BFLOAT16);
    double keyValues = 32 * 2 * 4096 * 2;
    assertThat(H200.floor(work).get(Phase.PREFILL))
        .isCloseTo(H200.bytesMillis(work.weightBytes() + keyValues), within(1e-9));
  }

  /** A stage of 132 tokens reads its weights for longer than it multiplies; one of 348 doesn't. */
  @Test
  void theFloorIsTheLargerOfArithmeticAndBytesProductByProduct() {
    AnswerWork work = work(PYRAMID, PROMPT, List.of(), 1, DType.BFLOAT16);
    double longer = H200.floor(work).get(Phase.PREFILL) - H200.flopsMillis(work.prefillFlops());
    double square = 4096.0 * 4096;
    double feedForward = 3 * 4096.0 * 11008;
    // Seven whole layers, the outputs of the one before them, keys and values of the last.
    double few = 7 * (4 * square + feedForward) + 2 * square + feedForward + 2 * square;
    double one = 2 * square + feedForward + 4096.0 * 32064;
    double expected =
        H200.bytesMillis(2 * few) - H200.flopsMillis(2 * 132 * few) + H200.bytesMillis(2 * one);
    assertThat(longer).isCloseTo(expected, Offset.offset(0.03 * expected));
  }

  @Test
  void aPrunedDecodeStepReadsWhatEachStageHolds() {
    // 8 layers a stage; 10 generated tokens and the step's own beside the prompt's.
    double rows = 8 * (636 + 348 + 204 + 132 + 4 * 11.0);
    assertThat(ModelWork.keyValueBytes(ModelShape.LLAVA_7B, PYRAMID, PROMPT, 10, DType.BFLOAT16))
        .isEqualTo(2 * rows * 4096 * 2);
    // The mean over 21 steps is the middle one's.
    AnswerWork work = work(PYRAMID, PROMPT, List.of(), 21, DType.BFLOAT16);
    assertThat(work.stepBytes() - work.weightBytes()).isCloseTo(2 * rows * 4096 * 2, within(1.0));
  }

  @Test
  void narrowWeightsAreReadFasterAndKeysAreNot() {
    PromptShape word = PromptShape.of(1, 0, 0, 0);
    AnswerWork work = work(PruningPlan.none(), word, List.of(), 1, DType.INT8);
    double keyValues = 32 * 2 * 4096 * 2;
    double weights = 8.5 / 8 * (6_476_005_376.0 + 131_334_144);
    assertThat(work.weightBytes()).isCloseTo(weights, within(1.0));
    assertThat(H200.floor(work).get(Phase.PREFILL))
        .isCloseTo(H200.bytesMillis(weights + keyValues), within(1e-9));
  }
}
