package org.pyramiddrop.transformer.engine;

import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.transformer.pruning.Positions;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * The token that a decode step takes, in device memory: its id, and for each stage its row in the
 * caches and its position. A step reads nothing else that changes, so it can be recorded once.
 */
public final class NextToken implements AutoCloseable {
  private final Kernels kernels;
  private final Schedule schedule;

  /** The id, then row and position of each stage. */
  private final Indices state;

  /** Makes room for a token. */
  public NextToken(Kernels kernels, Schedule schedule) {
    this.kernels = kernels;
    this.schedule = schedule;
    state = kernels.indices(new int[1 + 2 * schedule.stages()]);
  }

  /** One number. */
  public Indices id() {
    return state.part(0, 1);
  }

  /** The row a stage's caches store it in; it sees this row and those before. */
  public Indices row(int stage) {
    return state.part(1 + 2 * stage, 1);
  }

  /** What its queries and keys are rotated by in a stage. */
  public Indices position(int stage) {
    return state.part(2 + 2 * stage, 1);
  }

  /**
   * Says where it belongs.
   *
   * @param lengths rows that each stage's caches hold before the first step; that of stage 0 is the
   *     prompt's length
   * @param before how many tokens were generated and run before this one
   */
  public void moveTo(int[] lengths, int before) {
    int[] places = new int[2 * lengths.length];
    for (int stage = 0; stage < lengths.length; stage++) {
      int row = lengths[stage] + before;
      places[2 * stage] = row;
      places[2 * stage + 1] =
          schedule.positions() == Positions.RENUMBER ? row : lengths[0] + before;
    }
    kernels.upload(places, state.part(1, places.length));
  }

  @Override
  public void close() {
    state.close();
  }
}
