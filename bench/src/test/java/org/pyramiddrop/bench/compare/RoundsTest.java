package org.pyramiddrop.bench.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.bench.Spread;

class RoundsTest {
  private final List<String> runs = new ArrayList<>();

  private List<Double> run(String side) {
    runs.add(side);
    return List.of((double) runs.size(), 10.0 * runs.size());
  }

  @Test
  void takesSidesInTurnAndThrowsTheFirstRoundsAway() {
    List<Times> times =
        new Rounds(1e-9, 1, 3, 60, 0).run(List.of(() -> run("ours"), () -> run("theirs")));
    assertThat(runs)
        .containsExactly("ours", "theirs", "ours", "theirs", "ours", "theirs", "ours", "theirs");
    assertThat(times).hasSize(2);
    assertThat(times.get(0).spread(0)).isEqualTo(new Spread(5, 3, 7, 3));
    assertThat(times.get(1).spread(1)).isEqualTo(new Spread(60, 40, 80, 3));
    assertThat(times.get(0).ratios(0, times.get(1)))
        .isEqualTo(new Spread(6.0 / 5, 8.0 / 7, 4.0 / 3, 3));
  }

  @Test
  void stopsWhenTimeIsUpButNotBeforeThereIsAMedian() {
    List<Times> times = new Rounds(0, 2, 50, 0, 0).run(List.of(() -> run("ours")));
    assertThat(times.getFirst().rounds()).hasSize(2);
  }

  @Test
  void refusesRoundsThatLeaveNoMedian() {
    assertThatThrownBy(() -> new Rounds(0, 1, 0, 1, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("--repetitions must be at least 1, not 0");
    assertThatThrownBy(() -> new Rounds(0, 1, 1, Double.NaN, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("--seconds must not be negative, not NaN");
  }
}
