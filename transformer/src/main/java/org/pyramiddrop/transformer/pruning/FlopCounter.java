package org.pyramiddrop.transformer.pruning;

import java.util.List;

/**
 * Counts the arithmetic of a pruned model: as the paper does, and honestly.
 *
 * <p>Both count matrix products only. Norms, activations, softmax and rotary rotations are left
 * out; together they stay far below one percent at the sizes of a 7B model.
 */
public final class FlopCounter {
  private final ModelShape shape;
  private final Schedule schedule;

  /**
   * A counter for one model under one schedule.
   *
   * @throws IllegalArgumentException if the schedule is for another number of layers
   */
  public FlopCounter(ModelShape shape, Schedule schedule) {
    if (schedule.layers() != shape.layers()) {
      throw new IllegalArgumentException(
          "a schedule for "
              + schedule.layers()
              + " layers doesn't fit a model of "
              + shape.layers());
    }
    this.shape = shape;
    this.schedule = schedule;
  }

  /** Both counts of a prompt, up to its first token's logits. */
  public Flops count(PromptShape prompt) {
    return new Flops(paper(prompt.images()), vision(prompt.crops()) + prefill(prompt));
  }

  /**
   * The paper's equation 4, in multiply-adds: Σ K(4nd² + 2n²d + 3ndm) over stages of K layers and n
   * image tokens, hidden size d and feed-forward size m. The counts n are whole, as the model runs
   * them, where the paper writes λˢn; at three digits its tables come out the same.
   *
   * @param images token counts of the images; n adds them up
   */
  public double paper(List<Integer> images) {
    int[] counts = imageCounts(images);
    double d = shape.hidden();
    double m = shape.intermediate();
    double sum = 0;
    for (int stage = 0; stage < schedule.stages(); stage++) {
      double n = counts[stage];
      sum += schedule.layersIn(stage) * (4 * n * d * d + 2 * n * n * d + 3 * n * d * m);
    }
    return sum;
  }

  /**
   * FLOPs of the vision tower (patch embedding and the layers that run, class token included) and
   * the two-layer projector.
   *
   * @param crops images that go through the tower
   */
  public double vision(int crops) {
    ModelShape.Vision vision = shape.vision();
    double d = vision.hidden();
    double patches = vision.patches();
    double tokens = patches + 1;
    double pixels = (double) vision.channels() * vision.patchSize() * vision.patchSize();
    double embedding = patches * pixels * d;
    double layer = tokens * (4 * d * d + 2 * d * vision.intermediate()) + 2 * tokens * tokens * d;
    double projector =
        (double) vision.tokens() * shape.hidden() * (d * vision.featureLayers() + shape.hidden());
    return 2 * crops * (embedding + vision.layersRun() * layer + projector);
  }

  /**
   * FLOPs of the decoder over a prompt, and of the output head for the last token.
   *
   * <p>Attention is causal. In the last layer only the last token has a query, an attention output
   * and a feed-forward; all tokens have keys and values. A drop that drops nothing costs nothing.
   * One that does projects the last token's query and scores it against all keys: with {@link
   * Ranking#STAGE_END} those of the layer before it, whose queries and what follows them are then
   * run for kept tokens only, taken to be spread evenly over their image; with {@link
   * Ranking#NEXT_STAGE} keys that the layer after it projects for this alone.
   */
  public double prefill(PromptShape prompt) {
    return followUp(prompt, 0, 0);
  }

  /**
   * FLOPs of {@link #prefill} where the first layers are spared the prompt's first tokens, whose
   * keys and values they still have.
   *
   * @param reused how many tokens that is
   * @param layers the layers that are spared them, none of which ranks or follows a drop
   */
  public double followUp(PromptShape prompt, int reused, int layers) {
    int[] counts = imageCounts(prompt.images());
    boolean stageEnd = schedule.ranking() == Ranking.STAGE_END;
    double sum = 0;
    for (int layer = 0; layer < shape.layers(); layer++) {
      int stage = schedule.stageOf(layer);
      double tokens = prompt.textTokens() + counts[stage];
      double queries = tokens;
      double keys = tokens;
      double outputs = tokens;
      double attended = tokens * (tokens + 1) / 2;
      double scored = 0;
      if (layer < layers) {
        queries -= reused;
        keys -= reused;
        outputs -= reused;
        attended -= (double) reused * (reused + 1) / 2;
        tokens -= reused;
      }
      if (stageEnd && endsBeforeDrop(layer, stage) && counts[stage + 1] < counts[stage]) {
        outputs = prompt.textTokens() + counts[stage + 1];
        queries = outputs + 1;
        attended = attendedByKept(prompt, stage);
        scored = tokens;
      }
      if (!stageEnd && startsAfterDrop(layer, stage) && counts[stage] < counts[stage - 1]) {
        scored = prompt.textTokens() + counts[stage - 1];
        queries = tokens + 1;
        keys = tokens + scored;
      }
      if (layer == shape.layers() - 1) {
        queries -= tokens - 1;
        outputs = 1;
        attended = tokens;
      }
      sum +=
          queries * shape.hidden() * querySize()
              + (keys + tokens) * shape.hidden() * keySize()
              + (2 * attended + scored) * querySize()
              + outputs * outputAndFeedForward();
    }
    return 2 * (sum + head());
  }

  /**
   * FLOPs of a training step over one conversation, from embeddings to gradients: each product
   * forward, once more for its input's gradient and, where weights are trained, once for theirs; of
   * attention the scores again, and four products, as nothing of it is kept. The last layer runs
   * from its queries on for the tokens that predict an answer's, taken to be the last ones; ranking
   * has no gradient.
   *
   * @param predicting tokens that predict an answer's
   * @param asking queries that rank at each drop
   * @param weights whether the decoder's own matrices are trained
   */
  public double trainingStep(PromptShape prompt, int predicting, int asking, boolean weights) {
    int[] counts = imageCounts(prompt.images());
    boolean stageEnd = schedule.ranking() == Ranking.STAGE_END;
    double products = weights ? 3 : 2;
    double sum = products * predicting * head();
    for (int layer = 0; layer < shape.layers(); layer++) {
      int stage = schedule.stageOf(layer);
      double tokens = prompt.textTokens() + counts[stage];
      double outputs = tokens;
      double attended = tokens * (tokens + 1) / 2;
      if (stageEnd && endsBeforeDrop(layer, stage) && counts[stage + 1] < counts[stage]) {
        outputs = prompt.textTokens() + counts[stage + 1];
        attended = attendedByKept(prompt, stage);
        sum += asking * querySize() * (shape.hidden() + tokens);
      }
      if (!stageEnd && startsAfterDrop(layer, stage) && counts[stage] < counts[stage - 1]) {
        double scored = prompt.textTokens() + counts[stage - 1];
        sum += asking * querySize() * (shape.hidden() + scored);
        sum += scored * shape.hidden() * keySize();
      }
      if (layer == shape.layers() - 1) {
        outputs = predicting;
        attended = predicting * (2 * tokens - predicting + 1) / 2;
      }
      double linear =
          outputs * shape.hidden() * querySize()
              + 2 * tokens * shape.hidden() * keySize()
              + outputs * outputAndFeedForward();
      sum += products * linear + 7 * attended * querySize();
    }
    return 2 * sum;
  }

  /**
   * FLOPs of one decode step, the output head included.
   *
   * @param prompt the prompt it follows
   * @param generated tokens that decode steps have run on before this one
   */
  public double decodeStep(PromptShape prompt, int generated) {
    int[] counts = imageCounts(prompt.images());
    double sum = 0;
    for (int stage = 0; stage < schedule.stages(); stage++) {
      double attended = prompt.textTokens() + counts[stage] + generated + 1.0;
      sum +=
          schedule.layersIn(stage)
              * (shape.hidden() * (querySize() + 2 * keySize())
                  + 2 * attended * querySize()
                  + outputAndFeedForward());
    }
    return 2 * (sum + head());
  }

  private boolean startsAfterDrop(int layer, int stage) {
    return stage > 0 && layer == schedule.firstLayer(stage);
  }

  private boolean endsBeforeDrop(int layer, int stage) {
    return stage < schedule.drops().size() && layer + 1 == schedule.firstLayer(stage + 1);
  }

  /** Pairs of a token kept at the end of a stage and a key it sees in that stage. */
  private double attendedByKept(PromptShape prompt, int stage) {
    double pairs = 0;
    double before = 0;
    for (int i = 0; i < prompt.text().size(); i++) {
      double text = prompt.text().get(i);
      pairs += text * before + text * (text + 1) / 2;
      before += text;
      if (i < prompt.images().size()) {
        int[] counts = schedule.counts(prompt.images().get(i));
        double kept = counts[stage + 1];
        pairs += kept * (before + (counts[stage] + 1) / 2.0);
        before += counts[stage];
      }
    }
    return pairs;
  }

  private int[] imageCounts(List<Integer> images) {
    int[] sums = new int[schedule.stages()];
    for (int image : images) {
      int[] counts = schedule.counts(image);
      for (int stage = 0; stage < sums.length; stage++) {
        sums[stage] += counts[stage];
      }
    }
    return sums;
  }

  private double querySize() {
    return (double) shape.heads() * shape.headSize();
  }

  private double keySize() {
    return (double) shape.kvHeads() * shape.headSize();
  }

  private double outputAndFeedForward() {
    return shape.hidden() * (querySize() + 3.0 * shape.intermediate());
  }

  private double head() {
    return (double) shape.hidden() * shape.vocab();
  }
}
