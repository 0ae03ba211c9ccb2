package org.pyramiddrop.transformer.engine;

import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.transformer.pruning.Positions;
import org.pyramiddrop.transformer.pruning.Schedule;

/** The tokens of one prompt on their way through the decoder: hidden states and positions. */
public final class Sequence implements AutoCloseable {
  private final Kernels kernels;
  private final Schedule schedule;
  private final KeptRows kept;
  private Tensor hidden;
  private Indices positions;

  /** Takes over the embedded prompt, which it closes. */
  public Sequence(Kernels kernels, Schedule schedule, KeptRows kept, Tensor hidden) {
    this.kernels = kernels;
    this.schedule = schedule;
    this.kept = kept;
    this.hidden = hidden;
    this.positions = kept.firstRows(hidden.rows());
  }

  /** Hidden states of the tokens that are left. */
  public Tensor hidden() {
    return hidden;
  }

  /** One a row of {@link #hidden}. */
  public Indices positions() {
    return positions;
  }

  public int length() {
    return hidden.rows();
  }

  /** Which rows stay at each drop. */
  public KeptRows kept() {
    return kept;
  }

  /** Goes on with the hidden states of some rows only, which keep their positions for now. */
  public void keep(Indices rows) {
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
  public void enterStage() {
    if (schedule.positions() == Positions.RENUMBER) {
      positions.close();
      positions = kept.firstRows(length());
    }
  }

  @Override
  public void close() {
    hidden.close();
    positions.close();
  }
}
