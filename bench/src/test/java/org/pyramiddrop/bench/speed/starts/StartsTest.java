package org.pyramiddrop.bench.speed.starts;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class StartsTest {
  private static Map<String, List<Double>> start(double... millis) {
    return Map.of("tile", Arrays.stream(millis).boxed().toList());
  }

  @Test
  void areHeldToTheirFastestRunsAlone() {
    Starts even = new Starts(List.of(start(90, 10, 11), start(50, 30, 13), start(12, 12.5)), 1.3);

    assertThat(even.uneven()).isEmpty();
    assertThat(even.rows())
        .singleElement()
        .satisfies(row -> {
          assertThat(row.ratio()).isEqualTo(1.3);
          assertThat(row.first().high()).isEqualTo(9);
          assertThat(row.first().low()).isEqualTo(1);
        });
  }

  @Test
  void failByTheOperationThatOneOfThemIsSlowerAt() {
    Starts uneven = new Starts(List.of(start(10, 10), start(14, 13.1)), 1.3);

    assertThat(uneven.uneven()).extracting(Starts.Row::operation).containsExactly("tile");
    assertThat(String.join("\n", uneven.table().lines())).contains("1.310");
  }
}
