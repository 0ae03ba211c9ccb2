package org.pyramiddrop.bench.accuracy.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

class ModelPlansTest {
  private static final ModelPlans LLAVA_7B = ModelPlans.of(ModelShape.LLAVA_7B);

  private static ModelPlans ofDepth(int layers) {
    return ModelPlans.of(ModelWork.with(ModelShape.LLAVA_7B, layers));
  }

  @ParameterizedTest
  @CsvSource({
    "32, 2, 8, 16, 24",
    "8, 1, 2, 4, 6",
    "40, 3, 10, 20, 30",
    "24, 2, 6, 12, 18",
    "12, 1, 3, 6, 9",
    "4, 1, 1, 2, 3"
  })
  void scalesThePapersLayers(int depth, int two, int eight, int sixteen, int twentyFour) {
    assertThat(List.of(2, 8, 16, 24).stream().map(ofDepth(depth)::scaled))
        .containsExactly(two, eight, sixteen, twentyFour);
  }

  private static Optional<Integer> nearestFastV(ModelPlans plans, int layer, double budget) {
    return plans
        .nearest(plans.fastV(layer), budget, Variant::multiplyAdds)
        .map(fastV -> fastV.kept().getLast());
  }

  @Test
  void findsPlansBeforeTheDecoderAtOneNumberOfTokens() {
    Map<String, List<Integer>> kept = new LinkedHashMap<>();
    for (ModelPlans.Family family : LLAVA_7B.beforeDecoder()) {
      Variant nearest = LLAVA_7B.nearest(family, 64, Variant::meanTokens).orElseThrow();
      assertThat(nearest.meanTokens()).isCloseTo(64, within(0.5));
      kept.put(family.name(), nearest.kept());
    }
    assertThat(kept.get("VisionZip")).containsExactly(64);
    assertThat(kept.get("VisionZip + PyramidDrop λ=0.5")).containsExactly(137, 68, 34, 17);
    assertThat(kept).containsKeys("DivPrune", "CDPruner", "random 3");
    assertThat(LLAVA_7B.nearest(LLAVA_7B.pyramids(List.of(0.01)), 64, Variant::meanTokens))
        .isEmpty();
    // 576, 288, 144 and 72 tokens are the most that it can have.
    ModelPlans.Family both = LLAVA_7B.beforeDecoder().get(1);
    assertThat(LLAVA_7B.nearest(both, 270, Variant::meanTokens).orElseThrow().kept())
        .containsExactly(576, 288, 144, 72);
    assertThat(LLAVA_7B.nearest(both, 271, Variant::meanTokens)).isEmpty();
  }

  // Computed in Python from the paper's equation 4 by trying every count. The first row's budget
  // is the table's 1.78, and 251 of 576 tokens come to 1.777940 against its 1.777399.
  @ParameterizedTest
  @CsvSource({
    "576, 0.5, 2, 251, 1777940152320",
    "576, 0.3, 2, 180, 1339360542720",
    "576, 0.6, 2, 297, 2063413002240",
    "576, 0.6, 16, 47, 2061051756544",
    "2880, 0.4, 2, 1091, 8217839124480",
    "2880, 0.6, 16, 173, 10976708657152"
  })
  void findsFastVsCountNearestToABudget(
      int imageTokens, double lambda, int layer, int keep, double multiplyAdds) {
    ModelPlans plans = new ModelPlans(ModelShape.LLAVA_7B, imageTokens);
    double budget = plans.pyramid(lambda).multiplyAdds();
    assertThat(nearestFastV(plans, layer, budget)).hasValue(keep);
    Variant fastV = plans.fastV(layer, keep);
    assertThat(fastV.kept()).containsExactly(imageTokens, keep);
    assertThat(fastV.multiplyAdds()).isEqualTo(multiplyAdds);
  }

  @Test
  void findsNoCountWhereTheLayersBeforeTheDropCostTooMuch() {
    assertThat(nearestFastV(LLAVA_7B, 16, LLAVA_7B.pyramid(0.5).multiplyAdds())).isEmpty();
    double nothingKept = LLAVA_7B.fastV(16, 0).multiplyAdds();
    assertThat(nearestFastV(LLAVA_7B, 16, nothingKept)).hasValue(0);
    assertThat(nearestFastV(LLAVA_7B, 2, LLAVA_7B.vanilla().multiplyAdds())).hasValue(576);
  }

  @Test
  void keepsEveryCountThatFastVIsAskedFor() {
    for (int keep = 0; keep <= 576; keep++) {
      assertThat(LLAVA_7B.fastV(2, keep).kept()).containsExactly(576, keep);
    }
  }

  @Test
  void givesPlansThatDoTheSameTheSameKeyAndNoOthers() {
    assertThat(LLAVA_7B.halvingFastV(2).key()).isEqualTo(LLAVA_7B.fastV(2, 288).key());
    assertThat(LLAVA_7B.pyramid(0.5).key())
        .isEqualTo(
            "576, 288 from layer 8, 144 from layer 16, 72 from layer 24; stage-end; renumber");
    assertThat(
            List.of(
                LLAVA_7B.vanilla().key(),
                LLAVA_7B.fastV(2, 288).key(),
                LLAVA_7B.fastV(2, 287).key(),
                LLAVA_7B.fastV(3, 288).key(),
                LLAVA_7B
                    .variant(
                        "",
                        LLAVA_7B
                            .fastV(2, 288)
                            .plan()
                            .withPositions(LLAVA_7B.pyramid(0.5).plan().positions()))
                    .key(),
                LLAVA_7B.variant("", PruningPlan.divPrune(64)).key(),
                LLAVA_7B.variant("", PruningPlan.random(64, 1)).key(),
                LLAVA_7B.variant("", PruningPlan.random(64, 2)).key(),
                LLAVA_7B.pyramid(0.4).key()))
        .doesNotHaveDuplicates();
  }
}
