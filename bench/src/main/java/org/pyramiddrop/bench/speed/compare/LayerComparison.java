package org.pyramiddrop.bench.speed.compare;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedPrefill;
import org.pyramiddrop.bench.speed.compare.Comparison.OwnSide;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** The first decoder layer of a checkpoint over a whole prompt. */
final class LayerComparison {
  private LayerComparison() {}

  /**
   * Of a prompt of random tokens.
   *
   * @param model the checkpoint's folder; it has at least two layers
   */
  static Comparison of(Path model, int tokens, DType dtype) {
    double bound = Verdict.bound(dtype, 0.05);
    return new Comparison(
        "decoder layer, %d tokens".formatted(tokens),
        dtype,
        "layer",
        "layer 0 of the same checkpoint on the same embedded prompt; from hidden states to hidden states, ours also storing keys and values; outputs within %s of their deviation"
            .formatted(bound),
        (scratch, threads) -> {
          ModelOnDevice decoder =
              ModelOnDevice.open(model, Optional.of(dtype), ModelOnDevice.device("cpu", threads));
          PromptShape shape = new PromptShape(List.of(tokens), List.of(), 0);
          RepeatedPrefill layer =
              new RepeatedPrefill(decoder, shape, PruningPlan.none(), 1, /* seed= */ 8);
          Path input = scratch.resolve("hidden.raw");
          RawNumbers.write(input, layer.input());
          layer.run();
          float[] output = layer.output();
          return new OwnSide(
              Comparison.request("layer", dtype)
                  .put("model", model.toString())
                  .put("tokens", tokens)
                  .put("data", input.toString()),
              () -> List.of(layer.millis()),
              Optional.empty(),
              (_, theirs) -> Verdict.near(output, theirs, bound),
              () -> {
                layer.close();
                decoder.close();
              });
        });
  }
}
