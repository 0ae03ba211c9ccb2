package org.pyramiddrop.transformer.pruning;

import java.util.ArrayList;
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

  /**
   * Both counts of a prompt that nothing is cut from before the decoder, up to its first logits.
   */
  public Flops count(PromptShape prompt) {
    return new Flops(paper(prompt.images()), vision(prompt.crops()) + prefill(prompt));
  }

  /**
   * Both counts of a prompt under a plan.
   *
   * @param entering the prompt as it enters the decoder
   * @param images its images before any cut
   */
  public Flops count(PromptShape entering, List<ImageShape> images, PruningPlan plan) {
    return new Flops(paper(entering.images()), vision(images, plan) + prefill(entering));
  }

  /**
   * FLOPs of the vision tower, the cuts before the decoder, and the projector over what a cut in
   * the tower leaves. Scores, cosines and what a greedy choice sums are products of two operations
   * each; the sums of merging are one a number.
   */
  public double vision(List<ImageShape> images, PruningPlan plan) {
    List<Cut> cuts = plan.cutsBeforeDecoder();
    int crops = images.stream().mapToInt(image -> image.patches().size()).sum();
    if (cuts.isEmpty() || !(cuts.getFirst().place() instanceof Place.Tower)) {
      return vision(crops) + cuts(images, plan);
    }
    int left =
        images.stream()
            .flatMap(image -> image.patches().stream())
            .mapToInt(cuts.getFirst()::count)
            .sum();
    return crops * tower() + 2 * left * projected() + cuts(images, plan);
  }

  /** FLOPs of the cuts before the decoder alone. */
  public double cuts(List<ImageShape> images, PruningPlan plan) {
    double sum = projectorCuts(images, plan, 0);
    List<Cut> cuts = plan.cutsBeforeDecoder();
    if (!cuts.isEmpty() && cuts.getFirst().place() instanceof Place.Tower) {
      for (ImageShape image : images) {
        sum += image.patches().stream().mapToDouble(each -> towerCut(cuts.getFirst(), each)).sum();
      }
    }
    return sum;
  }

  /**
   * FLOPs of the cuts behind the projector that are made anew for another question about images
   * which are encoded.
   */
  public double remade(List<ImageShape> images, PruningPlan plan) {
    return projectorCuts(images, plan, plan.cutsHeldBetweenQuestions().size());
  }

  /** FLOPs of choosing and merging in one crop, whose attention is there. */
  private double towerCut(Cut cut, int patches) {
    int chosen = cut.chosen(patches);
    if (cut.score() == Score.NONE || chosen == patches) {
      return 0;
    }
    double d = shape.vision().hidden();
    double tokens = shape.vision().patches() + 1;
    double scores = 2 * tokens * d;
    if (!(cut.fate() instanceof Fate.Merged merged)) {
      return scores;
    }
    double targets = merged.count(patches - chosen);
    double others = patches - chosen - targets;
    double cosines = 2 * others * targets * (d / shape.vision().heads());
    return scores + tokens * d + cosines + others * d * shape.vision().featureLayers();
  }

  private double projectorCuts(List<ImageShape> images, PruningPlan plan, int first) {
    List<Cut> cuts = plan.cutsBeforeDecoder();
    double sum = 0;
    for (ImageShape image : images) {
      List<Integer> counts = plan.countsBeforeDecoder(image);
      for (int i = first; i < cuts.size(); i++) {
        if (cuts.get(i).place() instanceof Place.Projector) {
          double before = i == 0 ? image.tokens() : counts.get(i - 1);
          sum +=
              before == counts.get(i) ? 0 : choosing(cuts.get(i).choice(), before, counts.get(i));
        }
      }
    }
    return sum;
  }

  /** FLOPs of a choice among projected tokens: cosines of all pairs, and what the choice sums. */
  private double choosing(Choice choice, double tokens, double kept) {
    double pairs = tokens * (tokens - 1) / 2 * shape.hidden();
    return switch (choice) {
      case Choice.Random _, Choice.TopK _ -> 0;
      case Choice.MaxMin _ -> 2 * pairs;
      case Choice.Determinantal _ ->
          2 * (pairs + tokens * shape.hidden() + tokens * kept * (kept - 1) / 2);
    };
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
    return crops * (tower() + 2 * shape.vision().tokens() * projected());
  }

  /** FLOPs of the vision tower over one crop. */
  private double tower() {
    ModelShape.Vision vision = shape.vision();
    double d = vision.hidden();
    double patches = vision.patches();
    double tokens = patches + 1;
    double pixels = (double) vision.channels() * vision.patchSize() * vision.patchSize();
    double embedding = patches * pixels * d;
    double layer = tokens * (4 * d * d + 2 * d * vision.intermediate()) + 2 * tokens * tokens * d;
    return 2 * (embedding + vision.layersRun() * layer);
  }

  /** Multiply-adds of the projector over one token. */
  private double projected() {
    double d = shape.vision().hidden();
    return shape.hidden() * (d * shape.vision().featureLayers() + shape.hidden());
  }

  /**
   * FLOPs of the decoder over a prompt, and of the output head for the last token.
   *
   * <p>Attention is causal. In the last layer only the last token has a query, an attention output
   * and a feed-forward; all tokens have keys and values. A drop that drops nothing costs nothing.
   * One that does and ranks projects the last token's query and scores it against all keys: with
   * {@link Ranking#STAGE_END} those of the layer before it, whose queries and what follows them are
   * then run for kept tokens only, taken to be spread evenly over their image; with {@link
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
    return 2 * pieces(prompt, reused, layers).stream().mapToDouble(Piece::multiplyAdds).sum();
  }

  /**
   * Arithmetic that reads something once: a product its weights, attention its keys and values.
   *
   * @param read how many numbers those are
   * @param weights whether they are weights
   */
  public record Piece(double multiplyAdds, double read, boolean weights) {
    private static Piece product(double rows, double weights) {
      return new Piece(rows * weights, weights, true);
    }
  }

  /** What {@link #prefill} counts, product by product. */
  public List<Piece> prefillPieces(PromptShape prompt) {
    return pieces(prompt, 0, 0);
  }

  private List<Piece> pieces(PromptShape prompt, int reused, int layers) {
    int[] counts = imageCounts(prompt.images());
    boolean stageEnd = schedule.ranking() == Ranking.STAGE_END;
    List<Piece> pieces = new ArrayList<>();
    for (int layer = 0; layer < shape.layers(); layer++) {
      int stage = schedule.stageOf(layer);
      double seen = prompt.textTokens() + counts[stage];
      double tokens = seen;
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
        boolean ranks = schedule.drops().get(stage).ranks();
        outputs = prompt.textTokens() + counts[stage + 1];
        queries = ranks ? outputs + 1 : outputs;
        attended = attendedByKept(prompt, stage);
        scored = ranks ? tokens : 0;
      }
      if (!stageEnd
          && startsAfterDrop(layer, stage)
          && counts[stage] < counts[stage - 1]
          && schedule.drops().get(stage - 1).ranks()) {
        scored = prompt.textTokens() + counts[stage - 1];
        queries = tokens + 1;
        keys = tokens + scored;
      }
      if (layer == shape.layers() - 1) {
        queries -= tokens - 1;
        outputs = 1;
        attended = tokens;
      }
      double hidden = shape.hidden();
      double feedForward = hidden * shape.intermediate();
      pieces.add(Piece.product(queries, hidden * querySize()));
      pieces.add(Piece.product(keys, hidden * keySize()));
      pieces.add(Piece.product(tokens, hidden * keySize()));
      pieces.add(new Piece(2 * attended * querySize(), 2 * seen * keySize(), false));
      pieces.add(new Piece(scored * querySize(), scored * keySize(), false));
      pieces.add(Piece.product(outputs, hidden * querySize()));
      pieces.add(Piece.product(outputs, 2 * feedForward));
      pieces.add(Piece.product(outputs, feedForward));
    }
    pieces.add(Piece.product(1, head()));
    return pieces;
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
        if (schedule.drops().get(stage).ranks()) {
          sum += asking * querySize() * (shape.hidden() + tokens);
        }
      }
      if (!stageEnd
          && startsAfterDrop(layer, stage)
          && counts[stage] < counts[stage - 1]
          && schedule.drops().get(stage - 1).ranks()) {
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
