package org.pyramiddrop.transformer;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Recording;

/**
 * Sequences that take their decode steps together, so that each weight is read once for all of
 * them. It is recorded anew when one of them has ended.
 */
final class Batch implements AutoCloseable {
  private final Kernels kernels;
  private final Decoder decoder;
  private List<Slot> recorded = List.of();
  private @Nullable Recording step;

  Batch(Kernels kernels, Decoder decoder) {
    this.kernels = kernels;
    this.decoder = decoder;
  }

  /** Takes a step with slots that are prepared, and returns their tokens, -1 for NaN. */
  List<Integer> step(List<Slot> slots) {
    if (step == null || !recorded.equals(slots)) {
      close();
      recorded = List.copyOf(slots);
      step =
          kernels.record(() -> {
            decoder.decode(slots.stream().map(Slot::part).toList());
            slots.forEach(Slot::choose);
          });
    }
    step.run();
    return slots.stream().map(Slot::token).toList();
  }

  @Override
  public void close() {
    if (step != null) {
      step.close();
      step = null;
    }
  }
}
