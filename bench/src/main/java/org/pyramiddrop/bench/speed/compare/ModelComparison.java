package org.pyramiddrop.bench.speed.compare;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.pyramiddrop.bench.model.ModelInput;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.speed.PruningChoice;
import org.pyramiddrop.bench.speed.compare.Comparison.OwnSide;
import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.Pixels;
import tools.jackson.databind.json.JsonMapper;

/**
 * A whole model that answers a question about an image, unpruned; beside it, this library's own
 * pruned run.
 *
 * @param tokens of the answer, at least two
 */
record ModelComparison(String title, Path model, ModelInput input, int tokens, DType dtype) {
  /** What rows of this library's pruned run are called. */
  static final String PRUNED = "ours pruned (4 stages, λ = 0.5): less work";

  private double bound() {
    return Verdict.bound(dtype, 0.1);
  }

  Comparison comparison() {
    return new Comparison(
        title,
        dtype,
        "model",
        "the same checkpoint, pixel values and token ids; from pixels to the first token, then %d greedy decode steps; no preprocessing, tokenizer or loading; of the vision tower's layers ours runs those that its features come from, PyTorch all; without pruning on both sides except in rows that say so, which do less work; the first token's logits within %s of their deviation"
            .formatted(tokens - 1, bound()),
        List.of("to the first token", "each further token", "%d tokens".formatted(tokens)),
        phases -> {
          double first = phases.get(0);
          double further = phases.get(1);
          return List.of(first, further / (tokens - 1), first + further);
        },
        this::prepare);
  }

  private OwnSide prepare(Path scratch, int threads) {
    Path file = scratch.resolve("pixels.raw");
    Pixels pixels = input.image().crops().getFirst();
    RawNumbers.write(file, pixels.values());
    ModelOnDevice answers =
        ModelOnDevice.open(model, Optional.of(dtype), ModelOnDevice.device("cpu", threads));
    RepeatedAnswer plain = answers.answer(input, PruningChoice.NONE.plan(), tokens - 1);
    RepeatedAnswer pruned = answers.answer(input, PruningChoice.PYRAMID.plan(), tokens - 1);
    int[] answer = new int[tokens];
    answer[0] = plain.first();
    float[] logits = plain.logits();
    for (int i = 1; i < tokens; i++) {
      answer[i] = plain.decodeStep();
    }
    int[] shape = {pixels.channels(), pixels.height(), pixels.width()};
    return new OwnSide(
        Comparison.request("model", dtype)
            .put("model", model.toString())
            .put("data", file.toString())
            .put("tokens", tokens)
            .set("pixels", JsonMapper.shared().valueToTree(shape))
            .set("ids", JsonMapper.shared().valueToTree(plain.ids())),
        () -> time(plain),
        Optional.of(() -> time(pruned)),
        (said, theirs) ->
            Verdict.ofAnswer(Verdict.near(logits, theirs, bound()), answer, said.path("tokens")),
        () -> {
          plain.close();
          pruned.close();
          answers.close();
        });
  }

  private List<Double> time(RepeatedAnswer answering) {
    Stopwatch stopwatch = new Stopwatch();
    answering.first();
    double first = stopwatch.lap();
    for (int i = 1; i < tokens; i++) {
      answering.decodeStep();
    }
    return List.of(first, stopwatch.lap());
  }
}
