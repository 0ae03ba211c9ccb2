package org.pyramiddrop.transformer.engine;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Recording;

/**
 * Runs the decode steps of several sequences together, so that each weight is read once for all of
 * them. A step is recorded anew when one of them has left or another has joined; a sequence that is
 * alone takes its own step, which is recorded already.
 */
public final class BatchDecoder implements AutoCloseable {
  private final Kernels kernels;
  private final Decoder decoder;
  private List<SequenceRunner> recorded = List.of();
  private @Nullable Recording step;

  public BatchDecoder(Kernels kernels, Decoder decoder) {
    this.kernels = kernels;
    this.decoder = decoder;
  }

  /** Takes a step with sequences whose steps are prepared, and returns their tokens, -1 for NaN. */
  public List<Integer> step(List<SequenceRunner> sequences) {
    if (sequences.size() == 1) {
      return List.of(sequences.getFirst().takeStep());
    }
    if (step == null || !recorded.equals(sequences)) {
      close();
      recorded = List.copyOf(sequences);
      step =
          kernels.record(() -> {
            decoder.decode(sequences.stream().map(SequenceRunner::decodeInputs).toList());
            sequences.forEach(SequenceRunner::sample);
          });
    }
    step.run();
    return sequences.stream().map(SequenceRunner::sampledToken).toList();
  }

  /** Forgets the recorded step, before what it runs on is freed. */
  @Override
  public void close() {
    if (step != null) {
      step.close();
      step = null;
    }
  }
}
