package org.pyramiddrop.transformer;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pyramiddrop.transformer.engine.BatchDecoder;

/** Requests whose decode steps run together; they join and leave between steps. */
final class RunningBatch implements AutoCloseable {
  private final Model model;
  private final BatchDecoder decoder;
  private final List<ActiveRequest> rows = new ArrayList<>();

  RunningBatch(Model model) {
    this.model = model;
    decoder = new BatchDecoder(model.engine().kernels(), model.engine().decoder());
  }

  /** The requests that the next step runs, in the order they joined. */
  List<ActiveRequest> rows() {
    return List.copyOf(rows);
  }

  /** Lets in a request that has its first token and wants another. */
  void join(ActiveRequest row) {
    rows.add(row);
  }

  /** Lets a request go, whose memory may be freed after that. */
  void leave(ActiveRequest row) {
    rows.remove(row);
    close();
  }

  /** Takes a step of every request, and returns the tokens they have yet to accept. */
  Map<ActiveRequest, Generation.SampledToken> step() {
    return model
        .turns()
        .run(() -> {
          List<Integer> tokens =
              decoder.step(rows.stream().map(ActiveRequest::prepareStep).toList());
          Map<ActiveRequest, Generation.SampledToken> sampled = new LinkedHashMap<>();
          for (int i = 0; i < tokens.size(); i++) {
            sampled.put(rows.get(i), rows.get(i).sampled(tokens.get(i)));
          }
          return sampled;
        });
  }

  /** Frees the recorded step. */
  @Override
  public void close() {
    model.turns().release(decoder::close);
  }
}
