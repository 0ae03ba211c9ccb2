package org.pyramiddrop.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SampleOrderTest {
  private final long seed = System.nanoTime();

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 17, 10_000})
  void goesThroughEachSampleOnce(int count) {
    int[] order = SampleOrder.of(seed, 3, count);
    assertThat(order).isEqualTo(SampleOrder.of(seed, 3, count));
    Arrays.sort(order);
    assertThat(order).as("seed %d", seed).isEqualTo(IntStream.range(0, count).toArray());
  }

  @Test
  void isTheSameEverywhere() {
    // Worked out in Python, with integers modulo 2^64.
    assertThat(SampleOrder.of(0, 0, 10)).containsExactly(0, 2, 9, 3, 4, 6, 1, 5, 7, 8);
    assertThat(SampleOrder.of(-7, 2, 10)).containsExactly(7, 1, 0, 6, 4, 2, 5, 3, 8, 9);
  }

  @Test
  void isAnotherInEachEpochAndUnderEachSeed() {
    Set<String> orders = new HashSet<>();
    for (int step = 0; step < 20; step++) {
      for (int epoch = 0; epoch < 20; epoch++) {
        orders.add(Arrays.toString(SampleOrder.of(seed + step, epoch, 30)));
      }
    }
    assertThat(orders).as("seed %d", seed).hasSize(400);
  }

  @Test
  void putsEverySampleEverywhereEquallyOften() {
    int count = 5;
    int epochs = 20_000;
    int[][] seen = new int[count][count];
    for (int epoch = 0; epoch < epochs; epoch++) {
      int[] order = SampleOrder.of(seed, epoch, count);
      for (int i = 0; i < count; i++) {
        seen[order[i]][i]++;
      }
    }
    // Six standard deviations of a share of 1/5.
    double bound = 6 * Math.sqrt(epochs * 0.2 * 0.8);
    for (int[] places : seen) {
      for (int times : places) {
        assertThat((double) times)
            .as("seed %d", seed)
            .isBetween(epochs * 0.2 - bound, epochs * 0.2 + bound);
      }
    }
  }

  @Test
  void refusesANegativeCount() {
    assertThatIllegalArgumentException().isThrownBy(() -> SampleOrder.of(0, 0, -1));
  }
}
