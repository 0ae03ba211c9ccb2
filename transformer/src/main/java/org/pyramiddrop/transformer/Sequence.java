package org.pyramiddrop.transformer;

import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.transformer.pruning.Positions;
import org.pyramiddrop.transformer.pruning.Schedule;

/** The tokens of one prompt on their way through the decoder: hidden states and positions. */
final class Sequence implements AutoCloseable {
  private final Kernels kernels;
  private final Schedule schedule;
  private final KeptRows kept;
  private Tensor hidden;
  private Indices positions;

  /** Takes over the embedded prompt, which it closes. */
  Sequence(Kernels kernels, Schedule schedule, KeptRows kept, Tensor hidden) {
    this.kernels = kernels;
    this.schedule = schedule;
    this.kept = kept;
    this.hidden = hidden;
    this.positions = kept.first(hidden.rows());
  }

  /** Hidden states of the tokens that are left. */
  Tensor hidden() {
    return hidden;
  }

  /** One a row of {@link #hidden}. */
  Indices positions() {
    return positions;
  }

  int length() {
    return hidden.rows();
  }

  /** Which rows stay at each drop. */
  KeptRows kept() {
    return kept;
  }

  /** Goes on with the hidden states of some rows only, which keep their positions for now. */
  void keep(Indices rows) {
    Tensor all = hidden;
    hidden = kernels.allocate(rows.size(), all.columns());
    try (all) {
      kernels.gatherRows(all, rows, hidden);
    }
    Indices picked = kernels.gather(positions, rows);
    positions.close();
    positions = picked;
  }

  /** Enters the next stage, once {@link #keep} took the rows that stay. */
  void enterStage() {
    if (schedule.positions() == Positions.RENUMBER) {
      positions.close();
      positions = kept.first(length());
    }
  }

  @Override
  public void close() {
    hidden.close();
    positions.close();
  }
}
