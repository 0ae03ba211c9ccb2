package org.pyramiddrop.transformer.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class PlanPiecesTest {

  @ParameterizedTest
  @MethodSource
  void piecesMakeThePlanTheyName(String pieces, PruningPlan plan) {
    assertThat(PruningPlan.parse(pieces)).isEqualTo(plan);
  }

  static Stream<Arguments> piecesMakeThePlanTheyName() {
    Place tower = new Place.Tower();
    Place afterTwo = new Place.Decoder(new Depth.AtLayer(2));
    return Stream.of(
        Arguments.of("visionzip:54+10", PruningPlan.visionZip(54, 10)),
        Arguments.of("visionzip:64+0", PruningPlan.visionZip(64, 0)),
        Arguments.of("visionzip:0+10", PruningPlan.visionZip(0, 10)),
        Arguments.of("divprune:64", PruningPlan.divPrune(64)),
        Arguments.of("cdpruner:64", PruningPlan.cdPruner(64)),
        Arguments.of("random:64@7", PruningPlan.random(64, 7)),
        Arguments.of("random:64@-7:projector", PruningPlan.random(64, -7)),
        Arguments.of("random:64@7:tower", PruningPlan.random(64, 7, tower)),
        Arguments.of("random:64@7:2", PruningPlan.random(64, 7, afterTwo)),
        Arguments.of("pyramid:4:0.5", PruningPlan.pyramid(4, 0.5)),
        Arguments.of("fastv:2:.75", PruningPlan.fastV(2, 0.75)),
        Arguments.of("layers:8=.5/16=.25", PruningPlan.explicit(List.of(8, 16), List.of(.5, .25))),
        Arguments.of(
            "visionzip:54+10,pyramid:4:0.5",
            PruningPlan.visionZip(54, 10).then(PruningPlan.pyramid(4, 0.5))),
        Arguments.of(
            "random:200@1:tower,divprune:100,cdpruner:50,fastv:3:.5",
            PruningPlan.random(200, 1, tower)
                .then(PruningPlan.divPrune(100))
                .then(PruningPlan.cdPruner(50))
                .then(PruningPlan.fastV(3, 0.5))));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "''|piece ''|there is no such piece",
        "vizionzip:5+2|piece 'vizionzip:5+2'|there is no such piece",
        "divprune:64,|piece '' of plan 'divprune:64,'|there is no such piece",
        "visionzip:54|piece 'visionzip:54'|write it visionzip:D+C",
        "visionzip:54+x|piece 'visionzip:54+x'|'x' is no whole number",
        "visionzip:0+0|piece 'visionzip:0+0'|at least one token",
        "visionzip:-1+2|piece 'visionzip:-1+2'|at least one token",
        "divprune:0|piece 'divprune:0'|at least one token, not 0",
        "divprune|piece 'divprune'|write it divprune:N",
        "cdpruner:1.5|piece 'cdpruner:1.5'|'1.5' is no whole number",
        "random:64|piece 'random:64'|write it random:N@SEED",
        "random:64@x|piece 'random:64@x'|'x' is no whole number",
        "random:64@1:eye|piece 'random:64@1:eye'|write it random:N@SEED, with :tower, :projector or :LAYER behind it",
        "pyramid:4|piece 'pyramid:4'|write it pyramid:S:λ",
        "pyramid:4:2|piece 'pyramid:4:2'|outside (0, 1]",
        "fastv:2:x|piece 'fastv:2:x'|'x' is no number",
        "layers:8|piece 'layers:8'|write it layers:8=.5/16=.25",
        "layers:8=.2/16=.5|piece 'layers:8=.2/16=.5'|rises",
        "pyramid:4:0.5,visionzip:5+2|piece 'visionzip:5+2'|in the vision tower can't follow",
        "divprune:5,random:5@1:tower|piece 'random:5@1:tower'|can't follow one after the projector",
        "visionzip:5+2,random:5@1:tower|piece 'random:5@1:tower'|only one cut in the vision tower",
        "pyramid:2:0.5,fastv:9:0.5|piece 'fastv:9:0.5'|must agree",
      })
  void aPieceThatIsWrongIsNamed(String pieces, String piece, String why) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PruningPlan.parse(pieces))
        .withMessageContaining(piece)
        .withMessageContaining(why);
  }

  @Test
  void cutsThatReadNoQuestionHoldForEveryOne() {
    assertThat(held("visionzip:5+2,divprune:4,cdpruner:3,random:2@1,pyramid:4:.5")).isEqualTo(2);
    assertThat(held("visionzip:5+2,pyramid:4:.5")).isEqualTo(1);
    assertThat(held("cdpruner:5")).isZero();
    assertThat(held("fastv:2:.5")).isZero();
    assertThat(PruningPlan.parse("pyramid:4:.5").cuts()).allMatch(Cut::readsQuestion);
    assertThat(PruningPlan.parse("random:3@1:2").cuts()).noneMatch(Cut::readsQuestion);
  }

  private static int held(String pieces) {
    return PruningPlan.parse(pieces).cutsHeldBetweenQuestions().size();
  }

  @Test
  void countsAreKnownForAnyLayoutAndNeverRise() {
    ImageShape plain = new ImageShape(List.of(576), 0);
    assertThat(counts("visionzip:54+10,divprune:32", plain)).containsExactly(64, 32);
    assertThat(counts("visionzip:999+10,divprune:999", plain)).containsExactly(576, 576);
    assertThat(counts("visionzip:570+10", plain)).containsExactly(576);
    assertThat(counts("divprune:64,cdpruner:99", plain)).containsExactly(64, 64);
    // A whole image, four tiles of which padding covers half, and the newlines of their rows.
    ImageShape tiles = new ImageShape(List.of(16, 8, 8, 2, 0), 9);
    assertThat(tiles.tokens()).isEqualTo(43);
    assertThat(counts("visionzip:5+2", tiles)).containsExactly(7 + 7 + 7 + 2);
    assertThat(counts("random:5@1:tower", tiles)).containsExactly(5 + 5 + 5 + 2);
    assertThat(counts("divprune:40", tiles)).containsExactly(40);
    assertThat(PruningPlan.none().entering(tiles)).isEqualTo(43);
    assertThat(PruningPlan.parse("visionzip:5+2").entering(tiles)).isEqualTo(23);
  }

  private static List<Integer> counts(String pieces, ImageShape image) {
    return PruningPlan.parse(pieces).countsBeforeDecoder(image);
  }

  @Test
  void decoderCutsCountFromWhatEntersTheDecoder() {
    PruningPlan plan = PruningPlan.parse("visionzip:54+10,layers:8=.5/16=.25");
    int entering = plan.entering(new ImageShape(List.of(576), 0));
    assertThat(plan.schedule(32).counts(entering)).containsExactly(64, 32, 16);
    assertThat(PruningPlan.parse("random:5@1:2").schedule(4).counts(3)).containsExactly(3, 3);
  }

  @Test
  void targetsStandEvenlyAmongWhatIsLeft() {
    assertThat(new Fate.Merged(3).places(11)).containsExactly(0, 3, 6);
    assertThat(new Fate.Merged(4).places(5)).containsExactly(0, 1, 2, 3);
    assertThat(new Fate.Merged(9).places(2)).containsExactly(0, 1);
    assertThat(new Fate.Merged(2).places(0)).isEmpty();
    assertThat(new Fate.Merged(0).places(7)).isEmpty();
  }

  @Test
  void chanceIsAFunctionOfSeedPictureAndCrop() {
    Choice.Random random = new Choice.Random(7);
    int[] rows = random.rows(1, 2, 50, 20);
    assertThat(rows).hasSize(20).isSorted().doesNotHaveDuplicates();
    assertThat(rows[0]).isNotNegative();
    assertThat(rows[19]).isLessThan(50);
    assertThat(new Choice.Random(7).rows(1, 2, 50, 20)).isEqualTo(rows);
    assertThat(new Choice.Random(8).rows(1, 2, 50, 20)).isNotEqualTo(rows);
    assertThat(random.rows(0, 2, 50, 20)).isNotEqualTo(rows);
    assertThat(random.rows(1, 1, 50, 20)).isNotEqualTo(rows);
    assertThat(random.rows(3, 0, 5, 5)).containsExactly(0, 1, 2, 3, 4);
    assertThat(random.rows(3, 0, 5, 0)).isEmpty();
    int[] taken = new int[10];
    for (int seed = 0; seed < 2000; seed++) {
      for (int row : new Choice.Random(seed).rows(0, 0, 10, 3)) {
        taken[row]++;
      }
    }
    // 600 each; five standard deviations.
    for (int times : taken) {
      assertThat(times).isBetween(500, 700);
    }
  }

  @Test
  void refusesCutsThatNothingCouldMake() {
    Keep keep = new Keep.Count(3);
    Fate dropped = new Fate.Dropped();
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> new Cut(new Place.Tower(), Score.NONE, new Choice.MaxMin(), dropped, keep));
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            new Cut(
                new Place.Projector(), Score.CLASS_ATTENTION, new Choice.TopK(), dropped, keep));
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            new Cut(
                new Place.Projector(), Score.NONE, new Choice.Random(1), new Fate.Merged(2), keep));
  }
}
