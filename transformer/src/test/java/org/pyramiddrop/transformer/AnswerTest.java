package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.transformer.pruning.Flops;

class AnswerTest {
  private static Answer answer(List<Integer> ids, double decodeMillis) {
    return new Answer(
        "",
        ids,
        Finish.LENGTH,
        10,
        3,
        List.of(),
        List.of(),
        new Flops(1, 2),
        new Timings(300, 200, decodeMillis),
        0);
  }

  @Test
  void theFirstTokenIsThereBehindVisionAndPrefill() {
    assertThat(answer(List.of(1), 0).timings().timeToFirstTokenMillis()).isEqualTo(500);
  }

  @Test
  void tokensBehindTheFirstAreCountedByTheTimeOfDecodeSteps() {
    assertThat(answer(List.of(1, 2, 3, 4, 5), 200).tokensPerSecond()).isEqualTo(20);
  }

  @Test
  void withoutATokenBehindTheFirstThereIsNoRate() {
    assertThat(answer(List.of(1), 7).tokensPerSecond()).isZero();
    assertThat(answer(List.of(), 0).tokensPerSecond()).isZero();
    assertThat(answer(List.of(1, 2), 0).tokensPerSecond()).isZero();
  }

  @Test
  void anAnswerWithoutProbabilitiesHasNone() {
    assertThat(answer(List.of(1), 0).probabilities()).isEmpty();
  }
}
