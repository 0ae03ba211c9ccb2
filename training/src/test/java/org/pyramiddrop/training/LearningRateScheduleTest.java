package org.pyramiddrop.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.pyramiddrop.training.LearningRateSchedule.Shape;

/** Learning rates beside those of transformers' schedules. */
class LearningRateScheduleTest {
  private static final double EXACT = 1e-15;

  @Test
  void staysWhereItIsConstantWithoutWarmUp() {
    LearningRateSchedule schedule = LearningRateSchedule.of(Shape.CONSTANT, 0, 5);
    for (int step = 1; step <= 5; step++) {
      assertThat(schedule.factor(step)).isEqualTo(1);
    }
  }

  @Test
  void risesInALineFromNothing() {
    LearningRateSchedule schedule = LearningRateSchedule.of(Shape.CONSTANT, 0.4, 10);
    double[] expected = {0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1};
    for (int step = 1; step <= 10; step++) {
      assertThat(schedule.factor(step)).isCloseTo(expected[step - 1], within(EXACT));
    }
  }

  @Test
  void fallsAlongHalfACosineBehindTheWarmUp() {
    // get_cosine_schedule_with_warmup(optimizer, 2, 8)
    double[] expected = {
      0, 0.5, 1, 0.9330127018922194, 0.75, 0.5, 0.2500000000000001, 0.06698729810778065
    };
    LearningRateSchedule schedule = LearningRateSchedule.of(Shape.COSINE, 0.25, 8);
    for (int step = 1; step <= 8; step++) {
      assertThat(schedule.factor(step)).isCloseTo(expected[step - 1], within(1e-12));
    }
  }

  @Test
  void roundsTheWarmUpUpToWholeSteps() {
    assertThat(LearningRateSchedule.of(Shape.COSINE, 0.03, 10).warmUpSteps()).isEqualTo(1);
    assertThat(LearningRateSchedule.of(Shape.COSINE, 0.03, 100).warmUpSteps()).isEqualTo(3);
    assertThat(LearningRateSchedule.of(Shape.COSINE, 1, 3).warmUpSteps()).isEqualTo(3);
  }
}
