package org.pyramiddrop.bench.gpu;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.bench.ModelWork;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.transformer.StandaloneModel;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * A whole model on a device: one picture, then prefill and decode under several plans. Each time
 * includes handing over the inputs and waiting for the token, as an answer does.
 */
final class GpuModel {
  private static final int WARM_UP = 3;
  private static final long SEED = 11;

  private GpuModel() {}

  /** A way of pruning and what it is called. */
  record Named(String name, PruningPlan plan) {}

  /** The plans that are compared. */
  static List<Named> plans() {
    return List.of(
        new Named("no drops", PruningPlan.none()),
        new Named("FastV K=2 R=0.5", PruningPlan.fastV(2, 0.5)),
        new Named("PyramidDrop λ=0.5", PruningPlan.pyramid(4, 0.5)));
  }

  /**
   * What one plan came to.
   *
   * @param name of the plan
   * @param prefill milliseconds from token ids and image embeddings to the first token
   * @param prefillFlops the decoder's honest count
   * @param step milliseconds from one token to the next
   * @param stepBytes what a step in the middle of those measured has to read
   * @param keyValueBytes allocated for keys and values, room for the steps included
   */
  record PlanTimes(
      String name,
      Spread prefill,
      double prefillFlops,
      Spread step,
      double stepBytes,
      long keyValueBytes) {}

  /**
   * What was measured.
   *
   * @param device in words
   * @param shape the model's sizes
   * @param prompt the prompt's sizes
   * @param loadMillis from opening the checkpoint to all weights on the device
   * @param vision milliseconds from pixels to embeddings
   * @param visionFlops its count
   */
  record Result(
      String device,
      ModelShape shape,
      PromptShape prompt,
      double loadMillis,
      Spread vision,
      double visionFlops,
      List<PlanTimes> plans) {}

  /**
   * Measures.
   *
   * @param textTokens half of them before the picture
   * @param runs timed runs of each
   * @param steps timed decode steps of each plan
   */
  static Result measure(StandaloneModel model, int textTokens, int runs, int steps) {
    ModelShape shape = ModelShape.of(model.config());
    PromptShape prompt =
        PromptShape.of(textTokens / 2, model.imageTokens(), 1, textTokens - textTokens / 2);
    Spread vision;
    try (StandaloneModel.RandomPicture picture = model.picture(SEED)) {
      vision = time(WARM_UP, runs, picture::encode);
    }
    List<PlanTimes> times = new ArrayList<>();
    for (Named named : plans()) {
      times.add(measure(model, shape, prompt, named, runs, steps));
    }
    FlopCounter counter = new FlopCounter(shape, PruningPlan.none().schedule(shape.layers()));
    return new Result(
        model.device(), shape, prompt, model.loadMillis(), vision, counter.vision(1), times);
  }

  private static PlanTimes measure(
      StandaloneModel model,
      ModelShape shape,
      PromptShape prompt,
      Named named,
      int runs,
      int steps) {
    int further = WARM_UP + steps;
    try (StandaloneModel.Conversation conversation =
        model.conversation(prompt, named.plan(), further, SEED)) {
      Spread prefill = time(WARM_UP, runs, conversation::prefill);
      Spread step = time(WARM_UP, steps, conversation::step);
      return new PlanTimes(
          named.name(),
          prefill,
          ModelWork.prefill(shape, shape.layers(), named.plan(), prompt),
          step,
          ModelWork.weightBytes(shape, model.dtype())
              + ModelWork.keyValueBytes(
                  shape, named.plan(), prompt, WARM_UP + steps / 2, model.dtype()),
          conversation.keyValueBytes());
    }
  }

  private static Spread time(int warmUp, int runs, Runnable work) {
    List<Double> millis = new ArrayList<>();
    for (int i = 0; i < warmUp + runs; i++) {
      long start = System.nanoTime();
      work.run();
      double taken = (System.nanoTime() - start) / 1e6;
      if (i >= warmUp) {
        millis.add(taken);
      }
    }
    return Spread.of(millis);
  }
}
