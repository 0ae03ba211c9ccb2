package org.pyramiddrop.bench.experiment;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

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
}
