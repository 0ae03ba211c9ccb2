package org.pyramiddrop.transformer.engine;

import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Profile;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.loader.Pixels;

/**
 * From an image to the decoder's embeddings: vision tower and projector, recorded as one. As many
 * crops go through together as make the device busy, so that many tiles need no more scratch memory
 * than a few.
 */
public final class ImageEncoder implements AutoCloseable {
  /** Tiles of one image have a few counts between them; an image of another shape has others. */
  private static final int MOST_CUTS = 8;

  private final Kernels kernels;
  private final Resources owned = new Resources();
  private final VisionTower tower;
  private final Projector projector;
  private final int hidden;

  /** The most crops that go through together. */
  private final int together;

  private final Tensor pixels;
  private final Tensor embeddings;

  /** Recordings for each number of crops that came. */
  private final Map<Integer, Recording> passes = new HashMap<>();

  /** Recordings of crops that are cut, for each count of their tokens; the last used is last. */
  private final Map<CropCut.Counts, CropCut> cuts = new LinkedHashMap<>(8, 0.75f, true);

  /** What the run that is going on tells of its layers. */
  private Runnable behindLayer = () -> {};

  /** What ends each row of a finer grid; null where there are no tiles. */
  private final @Nullable Weight newline;

  /**
   * Loads vision tower and projector.
   *
   * @param towerStore what has the vision tower's weights
   * @param store what has the others
   */
  public ImageEncoder(
      Kernels kernels, ModelDescription config, WeightStore towerStore, WeightStore store) {
    this.kernels = kernels;
    try {
      tower = owned.add(new VisionTower(kernels, config.visionTower(), towerStore));
      hidden = config.projector().hiddenSize();
      newline =
          config.imageNewline().map(name -> store.reshaped(name, 1, hidden, hidden)).orElse(null);
      projector = new Projector(kernels, config.projector(), store);
      together = newline == null ? 1 : Math.max(1, kernels.busyRows() / tower.rows());
      pixels = owned.add(tower.allocatePixels(together));
      embeddings = owned.add(kernels.allocate(together * tower.tokens(), hidden));
      if (together == 1) {
        pass(1);
      }
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  private Recording pass(int crops) {
    return passes.computeIfAbsent(crops, count -> owned.add(kernels.record(() -> run(count))));
  }

  /** Crops whose pixels are there. */
  private void run(int crops) {
    int rows = crops * tower.tokens();
    try (Tensor features = kernels.allocate(rows, tower.columns())) {
      tower.encode(pixels.rows(0, crops), () -> behindLayer.run(), features);
      projector.project(features, embeddings.rows(0, rows));
    }
  }

  /** How many crops go through together, of so many: passes are about alike. */
  private int together(int crops) {
    return Math.ceilDiv(crops, Math.ceilDiv(crops, together));
  }

  /**
   * Writes an image's embeddings.
   *
   * @param crops as {@link org.pyramiddrop.loader.ImageProcessor#process} gives them
   * @param layout of the same image
   * @param progress hears each layer of the tower, and may throw to give up
   * @param out the layout's tokens × the decoder's hidden size
   */
  public void encode(List<Pixels> crops, ImageLayout layout, Progress progress, Tensor out) {
    refuseOtherCrops(crops, layout);
    if (newline == null) {
      encode(crops.subList(0, 1), progress, out);
      return;
    }
    int tokens = tower.tokens();
    int each = together(crops.size());
    int rows = crops.size() * tokens;
    try (Tensor all = kernels.allocate(rows + 1, out.columns());
        Indices sources = kernels.indices(layout.sources());
        Indices first = kernels.indices(new int[1])) {
      for (int i = 0; i < crops.size(); i += each) {
        List<Pixels> some = crops.subList(i, Math.min(i + each, crops.size()));
        encode(some, progress, all.rows(i * tokens, some.size() * tokens));
      }
      kernels.embed(newline, first, all.rows(rows, 1));
      kernels.gatherRows(all, sources, out);
    }
  }

  /**
   * Writes the embeddings of what a cut in the vision tower leaves of an image.
   *
   * @param cut an image's cuts, one in the tower among them or not
   * @param out the tokens that {@link ImageCuts#embedded} says × the decoder's hidden size
   */
  public void encode(
      List<Pixels> crops, ImageLayout layout, ImageCuts cut, Progress progress, Tensor out) {
    TowerCut tokens = cut.tower();
    if (tokens == null) {
      encode(crops, layout, progress, out);
      return;
    }
    refuseOtherCrops(crops, layout);
    try (Tensor all = kernels.allocate(out.rows(), out.columns())) {
      for (int i = 0; i < crops.size(); i++) {
        TowerCut.Crop crop = tokens.crops().get(i);
        int end = progress.done() + tower.layers();
        if (crop.chosen() + crop.targets() > 0) {
          kernels.upload(crops.get(i).values(), pixels.rows(0, 1));
          // Recorded before anybody hears of it.
          CropCut cutting = cutting(crop);
          telling(progress, () -> cutting.run(tokens, crop, all));
        }
        progress.reach(end);
      }
      tokens.order(all, out);
    }
  }

  private static void refuseOtherCrops(List<Pixels> crops, ImageLayout layout) {
    if (crops.size() != layout.crops()) {
      throw new IllegalArgumentException(
          "%d crops for a layout of %d".formatted(crops.size(), layout.crops()));
    }
  }

  private CropCut cutting(TowerCut.Crop crop) {
    CropCut.Counts counts = CropCut.Counts.of(crop);
    CropCut made = cuts.get(counts);
    if (made == null) {
      if (cuts.size() == MOST_CUTS) {
        Iterator<CropCut> oldest = cuts.values().iterator();
        CropCut unused = oldest.next();
        oldest.remove();
        unused.close();
      }
      made =
          new CropCut(
              kernels,
              tower,
              projector,
              counts,
              pixels.rows(0, 1),
              () -> behindLayer.run(),
              hidden);
      cuts.put(counts, made);
    }
    return made;
  }

  private void telling(Progress progress, Runnable run) {
    behindLayer = progress::layer;
    try {
      run.run();
    } finally {
      behindLayer = () -> {};
    }
  }

  /** From pixels to features. */
  public VisionTower tower() {
    return tower;
  }

  /** From features to embeddings. */
  public Projector projector() {
    return projector;
  }

  /** Tokens that a crop becomes. */
  public int cropTokens() {
    return tower.tokens();
  }

  /** Layers of the tower that a crop goes through. */
  public int cropLayers() {
    return tower.layers();
  }

  /** Writes the embeddings of crops that go through together. */
  private void encode(List<Pixels> crops, Progress progress, Tensor out) {
    int count = crops.size();
    int end = progress.done() + count * tower.layers();
    for (int i = 0; i < count; i++) {
      kernels.upload(crops.get(i).values(), pixels.rows(i, 1));
    }
    Recording made = passes.get(count);
    if (made == null) {
      telling(progress, () -> passes.put(count, owned.add(kernels.runAndRecord(() -> run(count)))));
    } else {
      telling(progress, made::run);
    }
    kernels.copy(embeddings.rows(0, out.rows()), out);
    progress.reach(end);
  }

  /** How many of an image's crops go through together. */
  public int cropsTogether(int crops) {
    return together(crops);
  }

  /**
   * How long each launch takes on the way of crops that go through together, from pixels to
   * embeddings.
   */
  public List<Profile> profile(int crops, Profile.Order order, int runs) {
    return pass(crops).profile(order, runs);
  }

  @Override
  public void close() {
    cuts.values().forEach(owned::add);
    cuts.clear();
    owned.close();
  }
}
