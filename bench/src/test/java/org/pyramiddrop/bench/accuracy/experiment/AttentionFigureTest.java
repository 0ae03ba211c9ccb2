package org.pyramiddrop.bench.accuracy.experiment;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.bench.accuracy.experiment.AttentionFigure.Place;
import org.pyramiddrop.loader.ImageLayout;

class AttentionFigureTest {
  @Test
  void countsTheFewestTokensThatGetHalf() {
    assertThat(AttentionFigure.tokensOfHalf(List.of(0.1f, 0.6f, 0.3f), 1)).isEqualTo(1);
    assertThat(AttentionFigure.tokensOfHalf(List.of(0.125f, 0.25f, 0.125f, 0.0f), 0.5))
        .isEqualTo(1);
    assertThat(AttentionFigure.tokensOfHalf(List.of(0.2f, 0.1f, 0.15f, 0.2f), 0.65)).isEqualTo(2);
    assertThat(AttentionFigure.tokensOfHalf(Collections.nCopies(64, 0.25f), 16)).isEqualTo(32);
    assertThat(AttentionFigure.tokensOfHalf(Collections.nCopies(64, 0f), 0)).isZero();
  }

  @Test
  void saysWhatEachTokenStandsFor() {
    ImageLayout layout = new ImageLayout(2, false, new ImageLayout.Tiles(1, 2, 0, 1, 2, 3));
    assertThat(IntStream.range(0, layout.tokens()).mapToObj(i -> Place.of(layout, i)))
        .containsExactly(
            new Place("whole", 0, 0),
            new Place("whole", 0, 1),
            new Place("whole", 1, 0),
            new Place("whole", 1, 1),
            new Place("grid", 0, 0),
            new Place("grid", 0, 1),
            new Place("grid", 0, 2),
            new Place("newline", 0, 3),
            new Place("grid", 1, 0),
            new Place("grid", 1, 1),
            new Place("grid", 1, 2),
            new Place("newline", 1, 3));
    assertThat(Place.of(new ImageLayout(3, false, null), 5)).isEqualTo(new Place("whole", 1, 2));
  }
}
