package org.pyramiddrop.bench.timing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.bench.report.Spread;

class RoundsTest {
  private final List<String> runs = new ArrayList<>();

  private double run(String side) {
    runs.add(side);
    return runs.size();
  }

  @Test
  void takesSidesInTurnAndThrowsTheFirstRoundsAway() {
    List<List<Double>> times =
        new Rounds(1, 1e-9, 1, 3, 60, 0).run(List.of(() -> run("ours"), () -> run("theirs")));
    assertThat(runs)
        .containsExactly("ours", "theirs", "theirs", "ours", "ours", "theirs", "theirs", "ours");
    assertThat(times).containsExactly(List.of(4.0, 5.0, 8.0), List.of(3.0, 6.0, 7.0));
    assertThat(Spread.ofRatios(times.getLast(), times.getFirst()))
        .isEqualTo(new Spread(7.0 / 8, 3.0 / 4, 6.0 / 5, 3));
  }

  @Test
  void eachRoundIsBegunByAnotherSide() {
    assertThat(List.of(Rounds.order(0, 3), Rounds.order(1, 3), Rounds.order(5, 3)))
        .containsExactly(new int[] {0, 1, 2}, new int[] {1, 2, 0}, new int[] {2, 0, 1});
  }

  @Test
  void warmsUpAsLongAsItIsTold() {
    long start = System.nanoTime();
    Rounds rounds = new Rounds(0, 0.02, 1, 1, 0, 1);
    assertThat(rounds.run(() -> run("ours"))).hasSize(1);
    assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(20_000_000L);
    assertThat(runs).hasSizeGreaterThan(1);
  }

  @Test
  void stopsWhenTimeIsUpButNotBeforeThereIsAMedian() {
    assertThat(new Rounds(0, 0, 2, 50, 0, 0).run(() -> run("ours"))).hasSize(2);
    assertThat(Rounds.of(2, 3).run(() -> run("ours"))).containsExactly(5.0, 6.0, 7.0);
  }

  @Test
  void refusesRoundsThatLeaveNoMedian() {
    assertThatThrownBy(() -> new Rounds(0, 0, 1, 0, 1, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no rounds to take a median of: at most 0 in 1.0 s");
    assertThatThrownBy(() -> new Rounds(0, 0, 1, 1, Double.NaN, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no rounds to take a median of: at most 1 in NaN s");
  }
}
