package org.pyramiddrop.training.model;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Rotary;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.DecoderDescription;
import org.pyramiddrop.training.model.TrainedDecoderLayer.RowChoice;
import org.pyramiddrop.training.model.TrainedDecoderLayer.Saved;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.WeightStore;
import org.pyramiddrop.transformer.pruning.Positions;
import org.pyramiddrop.transformer.pruning.Ranking;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * The LLaMA decoder with drops between its layers, forward and backward, over several sequences
 * whose rows are packed one behind the other: linear layers and norms run over all of them at once,
 * attention and drops sequence by sequence.
 *
 * <p>Rows that no loss depends on are not computed: the last layer's queries, attention and
 * feed-forward network run for rows that predict an answer's token.
 */
final class TrainedDecoder implements AutoCloseable {
  private final Device device;
  private final Kernels kernels;
  private final DecoderDescription config;
  private final Learnt embedding;
  private final List<TrainedDecoderLayer> layers = new ArrayList<>();
  private final TrainedHead head;
  private final Rotary rotary;
  private final boolean checkpointing;

  /**
   * Loads the decoder.
   *
   * @param checkpointing whether only each layer's input is saved, and the rest computed again for
   *     the backward pass
   */
  TrainedDecoder(
      Device device,
      DecoderDescription config,
      TrainedWeights weights,
      WeightStore store,
      boolean checkpointing) {
    this.device = device;
    this.config = config;
    this.checkpointing = checkpointing;
    kernels = device.kernels();
    int hidden = config.hiddenSize();
    embedding = table(weights, store, config.embedding());
    rotary = kernels.rotary(config.headSize(), config.rotaryBase(), config.maxPositions());
    for (int i = 0; i < config.layers(); i++) {
      layers.add(
          new TrainedDecoderLayer(
              device, rotary, config, weights, store, config.prefix() + "layers." + i + "."));
    }
    Learnt norm = weights.vector(store, ModelPart.DECODER, config.prefix() + "norm.weight", hidden);
    Learnt output = config.outputHead().map(name -> table(weights, store, name)).orElse(embedding);
    head =
        new TrainedHead(
            device,
            new TrainedRmsNorm(device, norm, config.normEpsilon()),
            new TrainedLinear(device, output, null, null));
  }

  /** One row a token of the vocabulary. */
  private Learnt table(TrainedWeights weights, WeightStore store, String name) {
    return weights.matrix(
        store, ModelPart.DECODER, name, config.vocabularySize(), config.hiddenSize());
  }

  /** A layer's input, and what its backward pass needs. */
  private static final class Step implements AutoCloseable {
    final int layer;
    final Tensor x;
    final List<SequenceRows> before;

    /** Rows that were dropped before the layer, whose gradient is 0. */
    final @Nullable Selection droppedBefore;

    @Nullable RowChoice choice;
    @Nullable Saved saved;

    Step(int layer, Tensor x, List<SequenceRows> before, @Nullable Selection droppedBefore) {
      this.layer = layer;
      this.x = x;
      this.before = before;
      this.droppedBefore = droppedBefore;
    }

    /** Recomputed, the layer takes these rows and doesn't rank again. */
    void keepChoice(Saved run) {
      if (run.selection().isPresent()) {
        Selection chosen = run.selection().get();
        choice = (_, _) -> chosen;
      }
    }

    @Override
    public void close() {
      x.close();
      if (saved != null) {
        saved.close();
      }
    }
  }

  /**
   * Runs sequences forward and backward, and adds the gradients of all that is trained.
   *
   * @param images of each sequence, the embeddings of its images
   * @param scale what the sum of the losses is multiplied by before gradients are taken
   * @param dImages out: their gradients; empty if nobody asks
   * @return the sum of the losses of all answers' tokens, not scaled
   */
  double lossAndGradient(
      List<TrainedSequence> sequences,
      Schedule schedule,
      List<List<Tensor>> images,
      float scale,
      List<List<Tensor>> dImages) {
    boolean embeddingsAsked = embedding.gradient() != null || !dImages.isEmpty();
    Deque<Step> steps = new ArrayDeque<>();
    try (Resources owned = new Resources()) {
      Tensor hidden = forward(sequences, schedule, images, steps, owned);
      int[] labels = sequences.stream().flatMapToInt(s -> IntStream.of(s.labels())).toArray();
      Tensor dx = kernels.allocate(hidden.rows(), hidden.columns());
      double loss;
      try (hidden;
          Indices targets = kernels.indices(labels)) {
        loss = head.lossAndGradient(hidden, targets, scale, dx);
      }
      Tensor dEmbedded = backward(steps, dx, embeddingsAsked);
      if (dEmbedded != null) {
        try (dEmbedded) {
          embeddingBackward(sequences, dEmbedded, dImages);
        }
      }
      return loss;
    } finally {
      steps.forEach(Step::close);
    }
  }

  /** Returns the hidden states of the rows that predict, and notes each layer's step. */
  private Tensor forward(
      List<TrainedSequence> sequences,
      Schedule schedule,
      List<List<Tensor>> images,
      Deque<Step> steps,
      Resources owned) {
    int longest = sequences.stream().mapToInt(s -> s.length(0)).max().orElse(0);
    rotary.cover(longest);
    List<SequenceRows> rows = firstRows(sequences, 0);
    Tensor x = embed(sequences, rows, images);
    for (int b = 0; b < layers.size(); b++) {
      TrainedDecoderLayer layer = layers.get(b);
      int stage = schedule.stageOf(b);
      @Nullable Selection dropped = null;
      if (schedule.ranking() == Ranking.NEXT_STAGE
          && stage > 0
          && schedule.firstLayer(stage) == b
          && shrinks(sequences, stage - 1)) {
        try (Tensor all = x) {
          if (schedule.drops().get(stage - 1).ranks()) {
            layer.rankBefore(all, rows, sequences, stage - 1);
          }
          dropped = selection(sequences, stage - 1, rows, owned);
          x = dropped.pick(device, all);
        }
        rows = enterStage(sequences, schedule, stage, dropped.after());
      }
      Step step = new Step(b, x, rows, dropped);
      steps.push(step);
      step.choice = choice(layer, sequences, schedule, b, rows, owned);
      Saved saved = layer.run(x, rows, step.choice);
      step.keepChoice(saved);
      x = layer.output(saved);
      rows = saved.after();
      if (endsStage(schedule, b) && saved.selection().isPresent()) {
        rows = enterStage(sequences, schedule, stage + 1, rows);
      }
      if (checkpointing) {
        saved.close();
      } else {
        step.saved = saved;
      }
    }
    return x;
  }

  private static boolean endsStage(Schedule schedule, int layer) {
    int stage = schedule.stageOf(layer);
    return stage + 1 < schedule.stages() && schedule.firstLayer(stage + 1) == layer + 1;
  }

  private static boolean shrinks(List<TrainedSequence> sequences, int drop) {
    return sequences.stream().anyMatch(sequence -> sequence.kept().shrinksAt(drop));
  }

  private @Nullable RowChoice choice(
      TrainedDecoderLayer layer,
      List<TrainedSequence> sequences,
      Schedule schedule,
      int b,
      List<SequenceRows> rows,
      Resources owned) {
    int stage = schedule.stageOf(b);
    if (schedule.ranking() == Ranking.STAGE_END
        && endsStage(schedule, b)
        && shrinks(sequences, stage)) {
      return (normed, keys) -> {
        for (int i = 0; i < sequences.size(); i++) {
          if (sequences.get(i).kept().ranksAt(stage)) {
            layer.rank(normed, keys, rows.get(i), sequences.get(i), stage);
          }
        }
        return selection(sequences, stage, rows, owned);
      };
    }
    if (b == layers.size() - 1) {
      List<Indices> predicting = sequences.stream().map(TrainedSequence::predicting).toList();
      return (_, _) -> Selection.of(kernels, predicting, rows, owned);
    }
    return null;
  }

  private Selection selection(
      List<TrainedSequence> sequences, int drop, List<SequenceRows> rows, Resources owned) {
    List<Indices> kept = sequences.stream().map(s -> s.kept().keptAt(drop)).toList();
    return Selection.of(kernels, kept, rows, owned);
  }

  /** Numbers the rows anew, if the plan says so. */
  private static List<SequenceRows> enterStage(
      List<TrainedSequence> sequences, Schedule schedule, int stage, List<SequenceRows> rows) {
    return schedule.positions() == Positions.RENUMBER ? firstRows(sequences, stage) : rows;
  }

  /** Where sequences lie in a stage, with positions from 0 on. */
  private static List<SequenceRows> firstRows(List<TrainedSequence> sequences, int stage) {
    List<SequenceRows> rows = new ArrayList<>();
    int first = 0;
    for (TrainedSequence sequence : sequences) {
      int count = sequence.length(stage);
      rows.add(new SequenceRows(first, count, sequence.kept().firstRows(count)));
      first += count;
    }
    return rows;
  }

  /** Runs the steps back, the last one first, and returns the gradient of the first's input. */
  private @Nullable Tensor backward(Deque<Step> steps, Tensor dLast, boolean asked) {
    @Nullable Tensor dx = dLast;
    while (!steps.isEmpty()) {
      Step step = steps.peek();
      TrainedDecoderLayer layer = layers.get(step.layer);
      Tensor dOut = Objects.requireNonNull(dx);
      try (dOut;
          Saved saved =
              step.saved != null ? step.saved : layer.run(step.x, step.before, step.choice)) {
        dx = layer.backward(saved, dOut, asked || step.layer > 0);
      }
      if (step.droppedBefore != null && dx != null) {
        try (Tensor dKept = dx) {
          dx = device.zeros(SequenceRows.total(step.droppedBefore.before()), dKept.columns());
          step.droppedBefore.addBack(device, dKept, dx);
        }
      }
      step.x.close();
      steps.pop();
    }
    return dx;
  }

  private Tensor embed(
      List<TrainedSequence> sequences, List<SequenceRows> rows, List<List<Tensor>> images) {
    Tensor x = kernels.allocate(SequenceRows.total(rows), config.hiddenSize());
    for (int i = 0; i < sequences.size(); i++) {
      TrainedSequence sequence = sequences.get(i);
      Tensor own = rows.get(i).of(x);
      text(sequence.prompt())
          .forEach(span ->
              kernels.embed(
                  embedding.weight(),
                  sequence.ids().part(span.start(), span.count()),
                  own.rows(span.start(), span.count())));
      List<Prompt.Span> places = sequence.prompt().images();
      for (int image = 0; image < places.size(); image++) {
        Prompt.Span place = places.get(image);
        kernels.copy(images.get(i).get(image), own.rows(place.start(), place.count()));
      }
    }
    return x;
  }

  private void embeddingBackward(
      List<TrainedSequence> sequences, Tensor dx, List<List<Tensor>> dImages) {
    Tensor dTable = embedding.gradient();
    List<SequenceRows> rows = firstRows(sequences, 0);
    for (int i = 0; i < sequences.size(); i++) {
      TrainedSequence sequence = sequences.get(i);
      Tensor own = rows.get(i).of(dx);
      if (dTable != null) {
        for (Prompt.Span span : text(sequence.prompt())) {
          device
              .gradients()
              .addToTable(
                  own.rows(span.start(), span.count()),
                  sequence.ids().part(span.start(), span.count()),
                  dTable);
        }
      }
      if (!dImages.isEmpty()) {
        List<Prompt.Span> places = sequence.prompt().images();
        for (int image = 0; image < places.size(); image++) {
          Prompt.Span place = places.get(image);
          kernels.copy(own.rows(place.start(), place.count()), dImages.get(i).get(image));
        }
      }
    }
  }

  /** The runs of text that have tokens. */
  private static List<Prompt.Span> text(Prompt prompt) {
    List<Prompt.Span> text = new ArrayList<>();
    int end = 0;
    for (Prompt.Span image : prompt.images()) {
      text.add(new Prompt.Span(end, image.start() - end));
      end = image.start() + image.count();
    }
    text.add(new Prompt.Span(end, prompt.length() - end));
    text.removeIf(span -> span.count() == 0);
    return text;
  }

  @Override
  public void close() {
    rotary.close();
  }
}
