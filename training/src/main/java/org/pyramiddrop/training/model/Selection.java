package org.pyramiddrop.training.model;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.transformer.engine.Resources;

/**
 * Rows of each sequence that go on where others end: at a drop, or before the output head.
 *
 * @param rows of each sequence, as numbers of its own rows; ascending
 * @param before where the sequences lie before it
 * @param after where they lie behind it; positions are those of the rows that were picked
 */
record Selection(List<Indices> rows, List<SequenceRows> before, List<SequenceRows> after) {
  /**
   * Where sequences lie of which some rows are left.
   *
   * @param owner closes the positions
   */
  static Selection of(
      Kernels kernels, List<Indices> rows, List<SequenceRows> before, Resources owner) {
    List<SequenceRows> after = new ArrayList<>();
    int first = 0;
    for (int i = 0; i < rows.size(); i++) {
      Indices positions = owner.add(kernels.gather(before.get(i).positions(), rows.get(i)));
      after.add(new SequenceRows(first, rows.get(i).size(), positions));
      first += rows.get(i).size();
    }
    return new Selection(List.copyOf(rows), List.copyOf(before), List.copyOf(after));
  }

  /** The picked rows of a batch's, which the caller closes. */
  Tensor pick(Device device, Tensor x) {
    Tensor out = device.kernels().allocate(SequenceRows.total(after), x.columns());
    for (int i = 0; i < rows.size(); i++) {
      device.kernels().gatherRows(before.get(i).of(x), rows.get(i), after.get(i).of(out));
    }
    return out;
  }

  /** The gradient of {@link #pick}: adds each row's to that of the row it was picked from. */
  void addBack(Device device, Tensor dy, Tensor dx) {
    for (int i = 0; i < rows.size(); i++) {
      device.gradients().addRows(after.get(i).of(dy), rows.get(i), before.get(i).of(dx));
    }
  }
}
