package org.pyramiddrop.bench.compare;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedPrefill;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The first decoder layer of a checkpoint over a whole prompt.
 *
 * @param model the checkpoint's folder; it has at least two layers
 */
record LayerContest(Path model, int tokens, DType dtype) implements Contest {
  /**
   * How far outputs may be apart, as a share of their deviation. PyTorch rounds all activations to
   * bfloat16 where we keep float32.
   */
  private static final double FLOAT32_BOUND = 1e-3;

  private static final double BFLOAT16_BOUND = 0.05;

  @Override
  public String name() {
    return "decoder layer, %d tokens".formatted(tokens);
  }

  @Override
  public String operation() {
    return "layer";
  }

  @Override
  public String statement() {
    return "layer 0 of the same checkpoint on the same embedded prompt; from hidden states to hidden states, ours also storing keys and values; outputs within %s of their deviation"
        .formatted(bound());
  }

  private double bound() {
    return dtype == DType.FLOAT32 ? FLOAT32_BOUND : BFLOAT16_BOUND;
  }

  @Override
  public Prepared prepare(Path scratch, int threads) {
    return new Side(
        ModelOnDevice.open(model, Optional.of(dtype), ModelOnDevice.device("cpu", threads)),
        scratch.resolve("hidden.raw"));
  }

  /** This library's side. */
  private final class Side implements Prepared {
    private final ModelOnDevice decoder;
    private final RepeatedPrefill layer;
    private final Path input;
    private final float[] output;

    Side(ModelOnDevice decoder, Path input) {
      this.decoder = decoder;
      this.input = input;
      PromptShape shape = new PromptShape(List.of(tokens), List.of(), 0);
      layer = new RepeatedPrefill(decoder, shape, PruningPlan.none(), 1, 8);
      RawNumbers.write(input, layer.input());
      layer.run();
      output = layer.output();
    }

    @Override
    public ObjectNode request() {
      return Contest.request(LayerContest.this)
          .put("model", model.toString())
          .put("tokens", tokens)
          .put("data", input.toString());
    }

    @Override
    public List<Double> run() {
      return List.of(layer.millis());
    }

    @Override
    public Verdict check(JsonNode answer, float[] theirs) {
      return Verdict.near(output, theirs, bound());
    }

    @Override
    public void close() {
      layer.close();
      decoder.close();
    }
  }
}
