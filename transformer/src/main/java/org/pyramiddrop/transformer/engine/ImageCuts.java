package org.pyramiddrop.transformer.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.transformer.pruning.Choice;
import org.pyramiddrop.transformer.pruning.Cut;
import org.pyramiddrop.transformer.pruning.ImageShape;
import org.pyramiddrop.transformer.pruning.Place;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * The cuts of one image before the decoder. How many tokens they leave is known beforehand; which
 * ones stays in device memory until it is asked for at the end.
 */
public final class ImageCuts implements AutoCloseable {
  /**
   * What one cut made of the image.
   *
   * @param kept the image's tokens that went on, in that order
   * @param targets those of them that others may have been merged into, in that order
   * @param merged for each target those others
   */
  public record Made(
      Place place, List<Integer> kept, List<Integer> targets, List<List<Integer>> merged) {}

  /**
   * A cut behind the projector.
   *
   * @param rows of what is there before it, those that stay
   * @param chosen whether they are known from the start
   */
  private record ProjectorCut(Cut cut, int before, Indices rows, boolean chosen) {}

  private final Kernels kernels;
  private final Resources owned = new Resources();
  private final int tokens;
  private final @Nullable TowerCut tower;
  private final List<ProjectorCut> projector = new ArrayList<>();

  /** How many of the cuts behind the projector hold for every question. */
  private final int held;

  /**
   * Counts what stays.
   *
   * @param picture the image's place in the prompt
   */
  public ImageCuts(Kernels kernels, PruningPlan plan, ImageLayout layout, int picture) {
    this.kernels = kernels;
    ImageShape shape = ImageShape.of(layout);
    tokens = shape.tokens();
    List<Cut> cuts = plan.cutsBeforeDecoder();
    List<Integer> counts = plan.countsBeforeDecoder(shape);
    boolean inTower = !cuts.isEmpty() && cuts.getFirst().place() instanceof Place.Tower;
    held = plan.cutsHeldBetweenQuestions().size() - (inTower ? 1 : 0);
    try {
      tower = inTower ? owned.add(new TowerCut(kernels, cuts.getFirst(), layout, picture)) : null;
      for (int i = inTower ? 1 : 0; i < cuts.size(); i++) {
        int before = i == 0 ? tokens : counts.get(i - 1);
        int keep = counts.get(i);
        int[] rows = IntStream.range(0, keep).toArray();
        if (cuts.get(i).choice() instanceof Choice.Random random) {
          rows = random.rows(picture, 0, before, keep);
        }
        boolean known = keep == before || cuts.get(i).choice() instanceof Choice.Random;
        Indices chosen = owned.add(kernels.indices(rows));
        projector.add(new ProjectorCut(cuts.get(i), before, chosen, known));
      }
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  /** Those of each of a prompt's images, which {@code owner} closes; none if there are no cuts. */
  public static List<ImageCuts> of(
      Kernels kernels, PruningPlan plan, List<ImageLayout> layouts, Resources owner) {
    List<ImageCuts> all = new ArrayList<>();
    if (!plan.cutsBeforeDecoder().isEmpty()) {
      for (int i = 0; i < layouts.size(); i++) {
        all.add(owner.add(new ImageCuts(kernels, plan, layouts.get(i), i)));
      }
    }
    return all;
  }

  /** The cut in the vision tower, if there is one. */
  @Nullable TowerCut tower() {
    return tower;
  }

  /** Tokens that the vision tower and the projector give. */
  public int embedded() {
    return tower == null ? tokens : tower.count();
  }

  /** Makes the cuts that hold for every question; the caller closes what it gets. */
  public Tensor projectHeld(Tensor embedded) {
    return project(embedded, 0, held, null);
  }

  /**
   * Makes the cuts that follow; the caller closes what it gets.
   *
   * @param embedded what {@link #projectHeld} left
   * @param text the prompt's embedded text; needed if a cut reads the question
   */
  public Tensor projectRest(Tensor embedded, @Nullable Tensor text) {
    return project(embedded, held, projector.size(), text);
  }

  private Tensor project(Tensor embedded, int from, int to, @Nullable Tensor text) {
    Tensor x = kernels.allocate(embedded.rows(), embedded.columns());
    try {
      kernels.copy(embedded, x);
      for (ProjectorCut cut : projector.subList(from, to)) {
        Tensor all = x;
        choose(cut, all, text);
        x = kernels.allocate(cut.rows.size(), all.columns());
        try (all) {
          kernels.gatherRows(all, cut.rows, x);
        }
      }
    } catch (RuntimeException | Error e) {
      x.close();
      throw e;
    }
    return x;
  }

  private void choose(ProjectorCut cut, Tensor x, @Nullable Tensor text) {
    if (cut.chosen) {
      return;
    }
    switch (cut.cut.choice()) {
      case Choice.MaxMin _ -> kernels.selectDiverse(x, cut.rows);
      case Choice.Determinantal _ -> {
        if (text == null) {
          throw new IllegalArgumentException(
              "the prompt has no words, by which a cut before the decoder has to rank its pictures");
        }
        try (Tensor relevance = kernels.allocate(DType.FLOAT32, 1, x.rows())) {
          kernels.relevance(x, text, relevance);
          kernels.selectDeterminantal(x, relevance, cut.rows);
        }
      }
      case Choice.TopK _, Choice.Random _ ->
          throw new IllegalArgumentException("no such cut is made behind the projector");
    }
  }

  /** What each cut made of the image, in order; waits for the device. */
  public List<Made> made() {
    List<Made> made = new ArrayList<>();
    List<Integer> now = IntStream.range(0, tokens).boxed().toList();
    if (tower != null) {
      now = tower.tokens();
      Map<Integer, List<Integer>> merged = tower.merged();
      List<Integer> targets = now.stream().filter(merged::containsKey).toList();
      List<List<Integer>> others = targets.stream().map(merged::get).toList();
      made.add(new Made(new Place.Tower(), now, targets, others));
    }
    for (ProjectorCut cut : projector) {
      List<Integer> before = now;
      now = Arrays.stream(kernels.download(cut.rows)).mapToObj(before::get).toList();
      made.add(new Made(cut.cut.place(), now, List.of(), List.of()));
    }
    return made;
  }

  /**
   * Which of the images' own tokens a prompt's stages saw.
   *
   * @param cuts what each image's cuts made of it; empty if there are none
   * @param entered for each stage, for each image, which of the tokens that entered the decoder
   */
  public static List<List<List<Integer>>> original(
      List<List<Made>> cuts, List<List<List<Integer>>> entered) {
    if (cuts.isEmpty()) {
      return entered;
    }
    return entered.stream()
        .map(stage ->
            IntStream.range(0, stage.size())
                .mapToObj(image -> {
                  List<Integer> kept = cuts.get(image).getLast().kept();
                  return stage.get(image).stream().map(kept::get).toList();
                })
                .toList())
        .toList();
  }

  @Override
  public void close() {
    owned.close();
  }
}
