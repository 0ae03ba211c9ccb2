package org.pyramiddrop.bench.gpu;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.model.TowerInput;
import org.pyramiddrop.bench.pruning.Saving;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * A whole model on a device, ready to answer one prompt under several plans, again and again. Each
 * time includes handing over the inputs and waiting for the token, as an answer does.
 */
final class GpuModel implements AutoCloseable {
  private static final double NANOS_PER_MILLI = 1e6;
  private static final long SEED = 11;

  private final ModelOnDevice model;
  private final Setting setting;
  private final TowerInput picture;
  private final List<RepeatedAnswer> conversations = new ArrayList<>();

  /** A way of pruning and what it is called. */
  record Named(String name, PruningPlan plan) {}

  /** The plans that are compared; the one without drops is the first. */
  static final List<Named> PLANS =
      List.of(
          new Named("no drops", PruningPlan.none()),
          new Named("FastV K=2 R=0.5", PruningPlan.fastV(2, 0.5)),
          new Named("PyramidDrop λ=0.5", PruningPlan.pyramid(4, 0.5)));

  /**
   * What is asked, and how often.
   *
   * @param picture its size
   * @param textTokens beside the picture's; half of them before it
   * @param newTokens of each answer, at least two
   * @param runs that count
   */
  record Setting(Resolution picture, int textTokens, int newTokens, int runs) {}

  /** Draws the prompt and takes the memory. */
  GpuModel(ModelOnDevice model, Setting setting) {
    this.model = model;
    this.setting = setting;
    picture = TowerInput.random(model.config(), setting.picture(), SEED);
    int tokens = picture.layout().tokens() + setting.textTokens() + setting.newTokens();
    int positions = model.config().text().maxPositions();
    if (tokens > positions) {
      throw new IllegalArgumentException(
          "%d tokens of a picture, %d of text and %d new ones don't fit into the model's %d positions"
              .formatted(
                  picture.layout().tokens(), setting.textTokens(), setting.newTokens(), positions));
    }
    try {
      List<Integer> ids = ModelOnDevice.randomIds(model.config(), setting.textTokens(), SEED);
      for (Named named : PLANS) {
        conversations.add(model.answer(ids, picture, named.plan(), setting.newTokens() - 1));
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  ModelOnDevice model() {
    return model;
  }

  Setting setting() {
    return setting;
  }

  TowerInput picture() {
    return picture;
  }

  /** The prompt without drops. */
  RepeatedAnswer plain() {
    return conversations.getFirst();
  }

  /** What the prompt is. */
  ModelResult.Prompt prompt() {
    return new ModelResult.Prompt(
        picture.size().toString(),
        picture.layout().crops(),
        picture.layout().tokens(),
        setting.textTokens());
  }

  /**
   * Times all plans in rounds, each begun by another plan. A first one records and doesn't count.
   */
  List<ModelResult.Plan> plans() {
    List<List<Phases.Run>> runs = new ArrayList<>();
    conversations.forEach(_ -> runs.add(new ArrayList<>()));
    for (int round = 0; round <= setting.runs(); round++) {
      for (int turn = 0; turn < conversations.size(); turn++) {
        int plan = (round + turn) % conversations.size();
        Phases.Run run = time(conversations.get(plan));
        if (round > 0) {
          runs.get(plan).add(run);
        }
      }
    }
    return IntStream.range(0, PLANS.size())
        .mapToObj(i -> plan(i, runs.get(i), runs.getFirst()))
        .toList();
  }

  /** Times the prompt without drops once. */
  Phases.Run time() {
    return time(plain());
  }

  private Phases.Run time(RepeatedAnswer conversation) {
    int steps = setting.newTokens() - 1;
    long start = System.nanoTime();
    conversation.encode();
    long seen = System.nanoTime();
    conversation.prefill();
    long first = System.nanoTime();
    for (int i = 0; i < steps; i++) {
      conversation.decodeStep();
    }
    long last = System.nanoTime();
    conversation.answer(setting.newTokens());
    long end = System.nanoTime();
    return new Phases.Run(
        (seen - start) / NANOS_PER_MILLI,
        (first - seen) / NANOS_PER_MILLI,
        (last - first) / NANOS_PER_MILLI / steps,
        (end - last) / NANOS_PER_MILLI);
  }

  private ModelResult.Plan plan(int index, List<Phases.Run> runs, List<Phases.Run> plain) {
    Named named = PLANS.get(index);
    return new ModelResult.Plan(
        named.name(),
        named.plan().drops().size(),
        work(named.plan()),
        Phases.of(runs),
        Saving.of(
            plain.stream().map(Phases.Run::prefill).toList(),
            runs.stream().map(Phases.Run::prefill).toList(),
            work(PruningPlan.none()).prefillFlops(),
            work(named.plan()).prefillFlops()),
        Spread.of(
            IntStream.range(0, runs.size())
                .mapToObj(round -> plain.get(round).answer() / runs.get(round).answer())
                .toList()),
        conversations.get(index).keyValueBytes());
  }

  private AnswerWork work(PruningPlan plan) {
    ModelShape shape = ModelShape.of(model.config());
    return AnswerWork.of(shape, plan, plain().shape(), setting.newTokens() - 1, model.dtype());
  }

  @Override
  public void close() {
    conversations.forEach(RepeatedAnswer::close);
  }
}
