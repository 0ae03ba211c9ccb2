package org.pyramiddrop.training.model;

import java.util.List;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Tensor;

/**
 * Where a sequence lies among the rows of a batch, at one place of the decoder.
 *
 * @param first row of the batch
 * @param count of its rows
 * @param positions of its rows, for rotary embeddings
 */
record SequenceRows(int first, int count, Indices positions) {
  /** The sequence's rows of a batch's. */
  Tensor of(Tensor batch) {
    return batch.rows(first, count);
  }

  /** Rows of all sequences together. */
  static int total(List<SequenceRows> all) {
    return all.isEmpty() ? 0 : all.getLast().first + all.getLast().count;
  }
}
