package org.pyramiddrop.transformer.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PruningPlanTest {

  @Test
  void thePlainModelHasOneStageThatKeepsEverything() {
    Schedule schedule = PruningPlan.none().schedule(32);

    assertThat(schedule.stages()).isEqualTo(1);
    assertThat(schedule.layersIn(0)).isEqualTo(32);
    assertThat(schedule.counts(576)).containsExactly(576);
  }

  @Test
  void theDefaultPyramidHalvesAfterEveryQuarterOfTheLayers() {
    PruningPlan plan = PruningPlan.pyramid(4, 0.5);
    Schedule schedule = plan.schedule(32);

    assertThat(layers(schedule)).containsExactly(8, 16, 24);
    assertThat(schedule.counts(576)).containsExactly(576, 288, 144, 72);
    assertThat(plan.ranking()).isEqualTo(Ranking.STAGE_END);
    assertThat(plan.positions()).isEqualTo(Positions.RENUMBER);
  }

  @Test
  void stagesThatDontDivideTheDepthEndAtTheFloor() {
    assertThat(layers(PruningPlan.pyramid(4, 0.5).schedule(30))).containsExactly(7, 15, 22);
    assertThat(layers(PruningPlan.pyramid(3, 0.5).schedule(32))).containsExactly(10, 21);
    assertThat(layers(PruningPlan.pyramid(1, 0.5).schedule(2))).isEmpty();
    assertThat(layers(PruningPlan.pyramid(5, 0.5).schedule(5))).containsExactly(1, 2, 3, 4);
  }

  /** 0.29 · 100 and 0.57 · 100 lie below 29 and 57 in binary floating point. */
  @ParameterizedTest
  @CsvSource({
    "0.6, 5, 3",
    "0.29, 100, 29",
    "0.57, 100, 57",
    "0.7, 10, 7",
    "1.0, 7, 7",
    "0.5, 1, 0"
  })
  void aStageKeepsTheFloorOfTheDecimalProduct(double lambda, int tokens, int kept) {
    assertThat(PruningPlan.pyramid(2, lambda).schedule(2).counts(tokens))
        .containsExactly(tokens, kept);
  }

  @Test
  void everyStageTakesItsShareOfTheStageBefore() {
    assertThat(PruningPlan.pyramid(4, 0.6).schedule(4).counts(576))
        .containsExactly(576, 345, 207, 124);
  }

  @Test
  void theReleasedCodeTakesPowersOfTheOriginalCountAndTruncatesInDouble() {
    PruningPlan plan = PruningPlan.released(4, 0.6);

    assertThat(plan.schedule(4).counts(576)).containsExactly(576, 345, 207, 124);
    assertThat(plan.schedule(4).counts(2880)).containsExactly(2880, 1728, 1036, 622);
    assertThat(plan.schedule(4).counts(1000))
        .as("pow(0.6, 3) lies just under 0.216")
        .containsExactly(1000, 600, 360, 215);
    assertThat(plan.ranking()).isEqualTo(Ranking.NEXT_STAGE);
    assertThat(plan.positions()).isEqualTo(Positions.RENUMBER);
  }

  @Test
  void theReleasedCodeDiffersFromThePaperWhereFloorsAddUp() {
    assertThat(PruningPlan.pyramid(4, 0.5).schedule(4).counts(15)).containsExactly(15, 7, 3, 1);
    assertThat(PruningPlan.pyramid(3, 0.7).schedule(3).counts(9)).containsExactly(9, 6, 4);
    assertThat(PruningPlan.pyramid(4, 0.8).schedule(4).counts(9)).containsExactly(9, 7, 5, 4);
    assertThat(PruningPlan.released(4, 0.8).schedule(4).counts(11)).containsExactly(11, 8, 7, 5);
    assertThat(PruningPlan.pyramid(4, 0.8).schedule(4).counts(11)).containsExactly(11, 8, 6, 4);
  }

  @Test
  void explicitRatiosAreExactSharesOfTheOriginalCount() {
    PruningPlan plan = PruningPlan.explicit(List.of(8, 16, 24), List.of(.5, .25, .125));

    assertThat(layers(plan.schedule(32))).containsExactly(8, 16, 24);
    assertThat(plan.schedule(32).counts(577)).containsExactly(577, 288, 144, 72);
    assertThat(PruningPlan.explicit(List.of(1), List.of(0.29)).schedule(2).counts(100))
        .containsExactly(100, 29);
    assertThat(PruningPlan.released(List.of(1), List.of(0.29)).schedule(2).counts(100))
        .as("100 * 0.29 is 28.999… in double")
        .containsExactly(100, 28);
    assertThat(PruningPlan.explicit(List.of(1, 2), List.of(1.0, 0.0)).schedule(3).counts(9))
        .containsExactly(9, 9, 0);
  }

  @Test
  void explicitLayersMayShareOneLambda() {
    PruningPlan plan = PruningPlan.pyramid(List.of(2, 3), 0.5);

    assertThat(layers(plan.schedule(8))).containsExactly(2, 3);
    assertThat(plan.schedule(8).counts(9)).containsExactly(9, 4, 2);
  }

  @ParameterizedTest
  @CsvSource({
    "0.5, 5, 2",
    "0.5, 7, 4",
    "0.5, 576, 288",
    "0.9, 5, 0",
    "0.9, 15, 2",
    "0, 3, 3",
    "1, 3, 0"
  })
  void fastVRoundsWhatStaysHalvesToEven(double ratio, int tokens, int kept) {
    PruningPlan plan = PruningPlan.fastV(2, ratio);

    assertThat(plan.schedule(32).counts(tokens)).containsExactly(tokens, kept);
    assertThat(layers(plan.schedule(32))).containsExactly(2);
    assertThat(plan.ranking()).isEqualTo(Ranking.STAGE_END);
    assertThat(plan.positions()).isEqualTo(Positions.KEEP);
  }

  @Test
  void rankingAndPositionsChangeWithoutTouchingTheDrops() {
    PruningPlan plan = PruningPlan.pyramid(4, 0.5);
    PruningPlan changed = plan.withRanking(Ranking.NEXT_STAGE).withPositions(Positions.KEEP);

    assertThat(changed).isEqualTo(new PruningPlan(plan.cuts(), Ranking.NEXT_STAGE, Positions.KEEP));
  }

  @Test
  void stagesKnowTheirLayersAndLayersTheirStage() {
    Schedule schedule = PruningPlan.explicit(List.of(1, 4), List.of(0.5, 0.5)).schedule(6);

    assertThat(schedule.firstLayer(0)).isEqualTo(0);
    assertThat(schedule.firstLayer(1)).isEqualTo(1);
    assertThat(schedule.firstLayer(2)).isEqualTo(4);
    assertThat(schedule.layersIn(0)).isEqualTo(1);
    assertThat(schedule.layersIn(1)).isEqualTo(3);
    assertThat(schedule.layersIn(2)).isEqualTo(2);
    assertThat(IntStream.range(0, 6).map(schedule::stageOf)).containsExactly(0, 1, 1, 1, 2, 2);
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 32, 33})
  void refusesADropOutsideTheDecoderAndNamesLayerAndDepth(int layer) {
    PruningPlan plan = PruningPlan.explicit(List.of(layer), List.of(0.5));

    assertThatIllegalArgumentException()
        .isThrownBy(() -> plan.schedule(32))
        .withMessage(
            "drop layer " + layer + " is outside the model's 32 decoder layers: choose 1 to 31");
  }

  @Test
  void takesADropBeforeTheLastLayer() {
    assertThat(layers(PruningPlan.fastV(31, 0.5).schedule(32))).containsExactly(31);
  }

  @Test
  void refusesADropInADecoderOfOneLayer() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PruningPlan.fastV(1, 0.5).schedule(1))
        .withMessageContaining("1 decoder layers")
        .withMessageContaining("no place for a drop");
  }

  @Test
  void refusesDropsThatDontAscend() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PruningPlan.pyramid(List.of(8, 8), 0.5).schedule(32))
        .withMessage("drop layer 8 doesn't come after drop layer 8");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PruningPlan.pyramid(List.of(9, 8), 0.5).schedule(32))
        .withMessage("drop layer 8 doesn't come after drop layer 9");
  }

  @Test
  void refusesMoreStagesThanLayers() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PruningPlan.pyramid(5, 0.5).schedule(4))
        .withMessage("5 stages don't fit into the model's 4 decoder layers");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -0.1, 1.0000001, Double.NaN, Double.POSITIVE_INFINITY})
  void refusesALambdaOutsideZeroToOne(double lambda) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PruningPlan.pyramid(4, lambda))
        .withMessage("lambda " + lambda + " is outside (0, 1]");
    assertThatIllegalArgumentException().isThrownBy(() -> PruningPlan.released(4, lambda));
    assertThatIllegalArgumentException().isThrownBy(() -> PruningPlan.pyramid(List.of(1), lambda));
  }

  @ParameterizedTest
  @ValueSource(doubles = {-0.1, 1.1, Double.NaN})
  void refusesARatioOutsideZeroToOne(double ratio) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PruningPlan.explicit(List.of(1), List.of(ratio)))
        .withMessage("keep ratio " + ratio + " is outside [0, 1]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PruningPlan.released(List.of(1), List.of(ratio)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PruningPlan.fastV(2, ratio))
        .withMessage("FastV's drop ratio " + ratio + " is outside [0, 1]");
  }

  @Test
  void refusesFewerThanOneStage() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PruningPlan.pyramid(0, 0.5))
        .withMessage("stages must be at least 1, got 0");
    assertThatIllegalArgumentException().isThrownBy(() -> PruningPlan.released(0, 0.5));
  }

  @Test
  void refusesRatiosThatRiseOrDontMatchTheirLayers() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PruningPlan.explicit(List.of(1, 2), List.of(0.25, 0.5)))
        .withMessageStartingWith("keep ratio 0.5 rises above the 0.25 before it");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PruningPlan.explicit(List.of(1, 2), List.of(0.25)))
        .withMessage("2 drop layers need as many keep ratios, got 1");
  }

  @Test
  void refusesADropThatWouldKeepMoreThanThereIs() {
    PruningPlan plan =
        PruningPlan.ofDrops(
            List.of(
                new DropPoint(new Depth.AtLayer(1), new Keep.OfStage(0.25)),
                new DropPoint(new Depth.AtLayer(2), new Keep.OfOriginal(0.5))),
            Ranking.STAGE_END,
            Positions.KEEP);

    assertThatIllegalArgumentException()
        .isThrownBy(() -> plan.schedule(3).counts(100))
        .withMessage("the drop after layer 2 would keep 50 of 25 image tokens");
  }

  private static List<Integer> layers(Schedule schedule) {
    return schedule.drops().stream().map(Drop::afterLayer).toList();
  }
}
