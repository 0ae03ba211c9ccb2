package org.pyramiddrop.bench.compare;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.model.TowerInput;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A whole model that answers a question about a picture, unpruned; beside it, this library's own
 * pruned run.
 *
 * @param title what the model is
 * @param model its folder
 * @param tokens of the answer, at least two
 */
record ModelContest(String title, Path model, ModelInput input, int tokens, DType dtype)
    implements Contest {
  /**
   * How far the first token's logits may be apart, as a share of their deviation. PyTorch rounds
   * all activations to bfloat16 where we keep float32.
   */
  private static final double FLOAT32_BOUND = 1e-3;

  private static final double BFLOAT16_BOUND = 0.1;

  private static final int STAGES = 4;
  private static final double LAMBDA = 0.5;

  @Override
  public String name() {
    return title;
  }

  @Override
  public String operation() {
    return "model";
  }

  @Override
  public String statement() {
    return "the same checkpoint, pixel values and token ids; from pixels to the first token, then %d greedy decode steps; no preprocessing, tokenizer or loading; of the vision tower's layers ours runs those that its features come from, PyTorch all; without pruning on both sides except in rows that say so, which do less work; the first token's logits within %s of their deviation"
        .formatted(tokens - 1, bound());
  }

  private double bound() {
    return dtype == DType.FLOAT32 ? FLOAT32_BOUND : BFLOAT16_BOUND;
  }

  @Override
  public List<String> rows() {
    return List.of("to the first token", "each further token", "%d tokens".formatted(tokens));
  }

  @Override
  public List<Double> times(List<Double> phases) {
    double first = phases.get(0);
    double further = phases.get(1);
    return List.of(first, further / (tokens - 1), first + further);
  }

  @Override
  public Prepared prepare(Path scratch, int threads) {
    Path pixels = scratch.resolve("pixels.raw");
    RawNumbers.write(pixels, input.pixels().values());
    ModelOnDevice answers =
        ModelOnDevice.open(model, Optional.of(dtype), ModelOnDevice.device("cpu", threads));
    return new Side(answers, pixels);
  }

  /** This library's side. */
  private final class Side implements Prepared {
    private final ModelOnDevice answers;
    private final RepeatedAnswer plain;
    private final RepeatedAnswer pruned;
    private final Path pixels;
    private final float[] logits;
    private final List<Integer> answer = new ArrayList<>();

    Side(ModelOnDevice answers, Path pixels) {
      this.answers = answers;
      this.pixels = pixels;
      TowerInput picture = TowerInput.of(answers.config(), input.pixels());
      plain = answers.answer(input.ids(), picture, PruningPlan.none(), tokens - 1);
      PruningPlan pyramid = PruningPlan.pyramid(STAGES, LAMBDA);
      pruned = answers.answer(input.ids(), picture, pyramid, tokens - 1);
      answer.add(plain.first());
      logits = plain.logits();
      while (answer.size() < tokens) {
        answer.add(plain.decodeStep());
      }
    }

    @Override
    public ObjectNode request() {
      ObjectNode request =
          Contest.request(ModelContest.this)
              .put("model", model.toString())
              .put("data", pixels.toString())
              .put("tokens", tokens);
      request
          .putArray("pixels")
          .add(input.pixels().channels())
          .add(input.pixels().height())
          .add(input.pixels().width());
      ArrayNode ids = request.putArray("ids");
      for (int id : plain.ids()) {
        ids.add(id);
      }
      return request;
    }

    @Override
    public List<Double> run() {
      return time(plain);
    }

    @Override
    public List<Lighter> lighter() {
      return List.of(
          new Lighter(
              "ours pruned (%d stages, λ = %s): less work".formatted(STAGES, LAMBDA),
              () -> time(pruned)));
    }

    private List<Double> time(RepeatedAnswer answering) {
      long start = System.nanoTime();
      answering.first();
      final double first = Contest.millisSince(start);
      start = System.nanoTime();
      for (int i = 1; i < tokens; i++) {
        answering.decodeStep();
      }
      return List.of(first, Contest.millisSince(start));
    }

    @Override
    public Verdict check(JsonNode said, float[] theirs) {
      Verdict verdict = Verdict.near(logits, theirs, bound());
      if (verdict instanceof Verdict.Differs) {
        return verdict;
      }
      int same = 0;
      while (same < tokens && said.path("tokens").path(same).asInt(-1) == answer.get(same)) {
        same++;
      }
      return new Verdict.Agrees(
          "first logits %s, the first %d of %d greedy tokens the same"
              .formatted(verdict.said(), same, tokens));
    }

    @Override
    public void close() {
      plain.close();
      pruned.close();
      answers.close();
    }
  }
}
