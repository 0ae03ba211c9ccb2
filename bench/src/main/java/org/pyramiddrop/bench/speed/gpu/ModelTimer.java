package org.pyramiddrop.bench.speed.gpu;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.model.TowerInput;
import org.pyramiddrop.bench.report.OptionValues;
import org.pyramiddrop.bench.speed.PruningChoice;
import org.pyramiddrop.bench.speed.pruning.AnswerWork;
import org.pyramiddrop.bench.speed.pruning.Phases;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
import org.pyramiddrop.bench.speed.pruning.PlanResult;
import org.pyramiddrop.bench.timing.Rounds;
import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * A whole model on a device, ready to answer one prompt under several plans, again and again. Each
 * time includes handing over the inputs and waiting for the token, as an answer does.
 *
 * @param conversations the same prompt under each {@link PruningChoice}
 */
record ModelTimer(
    ModelOnDevice model, Setting setting, TowerInput image, List<RepeatedAnswer> conversations)
    implements AutoCloseable {
  private static final long SEED = 11;

  /**
   * What is asked, and how often.
   *
   * @param image its size
   * @param textTokens beside the image's; half of them before it
   * @param newTokens of each answer, at least two
   * @param runs that count
   */
  record Setting(Resolution image, int textTokens, int newTokens, int runs) {}

  /** Draws the prompt and takes the memory. */
  static ModelTimer of(ModelOnDevice model, Setting setting) {
    TowerInput image = TowerInput.random(model.config(), setting.image, SEED);
    OptionValues.fits(
        image.layout().tokens(),
        setting.textTokens,
        setting.newTokens,
        model.config().text().maxPositions());
    List<Integer> ids = ModelOnDevice.randomIds(model.config(), setting.textTokens, SEED);
    ModelTimer timer = new ModelTimer(model, setting, image, new ArrayList<>());
    try {
      for (PruningChoice choice : PruningChoice.values()) {
        timer.conversations.add(model.answer(ids, image, choice.plan(), setting.newTokens - 1));
      }
    } catch (RuntimeException | Error e) {
      timer.close();
      throw e;
    }
    return timer;
  }

  /** The prompt without drops. */
  RepeatedAnswer plain() {
    return conversations.getFirst();
  }

  /** What the prompt is. */
  ModelResult.Prompt prompt() {
    return new ModelResult.Prompt(
        image.size().toString(),
        image.layout().crops(),
        image.layout().tokens(),
        setting.textTokens);
  }

  /** Rounds behind a first one that records and doesn't count. */
  Rounds rounds() {
    return Rounds.of(1, setting.runs);
  }

  /** Times all plans. */
  List<PlanResult> plans() {
    List<Supplier<Phases<Double>>> sides = new ArrayList<>();
    conversations.forEach(conversation -> sides.add(() -> time(conversation)));
    List<List<Phases<Double>>> millis = rounds().run(sides);
    ModelShape shape = ModelShape.of(model.config());
    int steps = setting.newTokens - 1;
    List<PlanResult.Runs> runs = new ArrayList<>();
    for (PruningChoice choice : PruningChoice.values()) {
      PruningPlan plan = choice.plan();
      RepeatedAnswer conversation = conversations.get(runs.size());
      runs.add(
          new PlanResult.Runs(
              choice.label(),
              plan,
              AnswerWork.of(shape, plan, conversation.shape(), steps, model.dtype()),
              millis.get(runs.size()),
              conversation.keyValueBytes()));
    }
    return PlanResult.of(runs);
  }

  /** Times a prompt once; the whole answer in a run of its own. */
  Phases<Double> time(RepeatedAnswer conversation) {
    int steps = setting.newTokens - 1;
    Stopwatch stopwatch = new Stopwatch();
    conversation.encode();
    double vision = stopwatch.lap();
    conversation.prefill();
    double prefill = stopwatch.lap();
    for (int i = 0; i < steps; i++) {
      conversation.decodeStep();
    }
    double step = stopwatch.lap() / steps;
    conversation.answer(setting.newTokens);
    double answer = stopwatch.lap();
    return new Phases<>(
        Map.of(
            Phase.VISION, vision, Phase.PREFILL, prefill, Phase.STEP, step, Phase.ANSWER, answer));
  }

  @Override
  public void close() {
    conversations.forEach(RepeatedAnswer::close);
  }
}
