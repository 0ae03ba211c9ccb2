package org.pyramiddrop.transformer.engine;

import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.transformer.pruning.Fate;

/**
 * From a crop's pixels to the embeddings of what a cut in the vision tower leaves of it, recorded
 * for crops that have as many candidates and keep as many.
 */
final class CropCut implements AutoCloseable {
  /** What a recording is made for. */
  record Counts(int candidates, int chosen, int targets) {
    static Counts of(TowerCut.Crop crop) {
      return new Counts(crop.tokens().size(), crop.chosen(), crop.targets());
    }

    int kept() {
      return chosen + targets;
    }

    int merged() {
      return targets == 0 ? 0 : candidates - kept();
    }
  }

  private final Kernels kernels;
  private final VisionTower tower;
  private final Projector projector;
  private final Counts counts;
  private final Resources owned = new Resources();

  /** The candidates' rows among the tower's, and for each row the image's token that it is. */
  private final Indices candidates;

  private final Indices tokenOfRow;

  /** Places in the split: chosen ones, targets, the others. */
  private final Indices order;

  private final Indices split;
  private final Indices rows;
  private final Indices tokens;
  private final Indices into;
  private final Tensor embeddings;
  private final Recording work;

  /**
   * Takes the memory.
   *
   * @param pixels where a crop's pixels are put
   * @param behindLayer runs behind each layer of the tower
   */
  CropCut(
      Kernels kernels,
      VisionTower tower,
      Projector projector,
      Counts counts,
      Tensor pixels,
      Runnable behindLayer,
      int hidden) {
    this.kernels = kernels;
    this.tower = tower;
    this.projector = projector;
    this.counts = counts;
    try {
      candidates = owned.add(kernels.indices(new int[counts.candidates]));
      tokenOfRow = owned.add(kernels.indices(new int[tower.rows()]));
      order = owned.add(kernels.indices(order(counts)));
      split = owned.add(kernels.indices(new int[counts.candidates]));
      rows = owned.add(kernels.indices(new int[counts.candidates]));
      tokens = owned.add(kernels.indices(new int[counts.candidates]));
      into = owned.add(kernels.indices(new int[Math.max(1, counts.merged())]));
      embeddings = owned.add(kernels.allocate(counts.kept(), hidden));
      work = owned.add(kernels.record(() -> run(pixels, behindLayer)));
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  private static int[] order(Counts counts) {
    int left = counts.candidates - counts.chosen;
    int[] targets = new Fate.Merged(counts.targets).places(left);
    IntStream others =
        IntStream.range(0, left).filter(i -> IntStream.of(targets).noneMatch(t -> t == i));
    return IntStream.concat(
            IntStream.range(0, counts.chosen),
            IntStream.concat(IntStream.of(targets), others).map(i -> counts.chosen + i))
        .toArray();
  }

  private void run(Tensor pixels, Runnable behindLayer) {
    try (Tensor features = kernels.allocate(tower.rows(), tower.columns())) {
      if (counts.chosen == counts.candidates) {
        tower.encode(pixels, behindLayer, features, null);
        kernels.gather(candidates, order, rows);
        finish(features, null);
      } else {
        try (Tensor scores = kernels.allocate(DType.FLOAT32, 1, tower.rows());
            Tensor keys = kernels.allocate(DType.FLOAT32, tower.rows(), tower.headSize())) {
          VisionTower.LastAttention attention = new VisionTower.LastAttention(scores, keys);
          tower.encode(pixels, behindLayer, features, attention);
          kernels.splitTopK(scores, candidates, counts.chosen, split);
          kernels.gather(split, order, rows);
          finish(features, keys);
        }
      }
    }
  }

  private void finish(Tensor features, @Nullable Tensor keys) {
    kernels.gather(tokenOfRow, rows, tokens);
    int chosen = counts.chosen;
    try (Tensor kept = kernels.allocate(counts.kept(), features.columns())) {
      if (chosen > 0) {
        kernels.gatherRows(features, rows.part(0, chosen), kept.rows(0, chosen));
      }
      if (counts.targets > 0 && keys != null) {
        Indices targets = rows.part(chosen, counts.targets);
        Indices others = rows.part(counts.kept(), counts.merged());
        Tensor merged = kept.rows(chosen, counts.targets);
        if (others.size() == 0) {
          kernels.gatherRows(features, targets, merged);
        } else {
          Indices places = into.part(0, counts.merged());
          kernels.nearest(keys, targets, others, places);
          kernels.mergeRows(features, targets, others, places, merged);
        }
      }
      projector.project(kept, embeddings);
    }
  }

  /**
   * Cuts one crop, whose pixels are there.
   *
   * @param all out: embeddings of all that stays of the image, crop by crop
   */
  void run(TowerCut image, TowerCut.Crop crop, Tensor all) {
    kernels.upload(numbers(crop.rows()), candidates);
    int[] token = new int[tower.rows()];
    for (int i = 0; i < crop.rows().size(); i++) {
      token[crop.rows().get(i)] = crop.tokens().get(i);
    }
    kernels.upload(token, tokenOfRow);
    work.run();
    image.take(crop, tokens, into, embeddings, all);
  }

  private static int[] numbers(List<Integer> values) {
    return values.stream().mapToInt(Integer::intValue).toArray();
  }

  @Override
  public void close() {
    owned.close();
  }
}
