package org.pyramiddrop.transformer.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.transformer.pruning.Choice;
import org.pyramiddrop.transformer.pruning.Cut;
import org.pyramiddrop.transformer.pruning.Fate;

/**
 * The cut of one image in the vision tower: how many tokens stay of each crop, which is known
 * beforehand, and which ones, which the device knows until it is asked at the end.
 *
 * <p>Crops are cut one by one. What goes on is the whole image's chosen tokens, then those that
 * others were merged into; behind them all tiles' chosen tokens in the picture's order, row by row
 * across tiles, then their merged ones in that order.
 */
final class TowerCut implements AutoCloseable {
  /**
   * What is cut from one crop.
   *
   * @param tokens the image's tokens that its candidates are; a choice by chance is made already
   * @param rows the candidates' rows in a crop's features, the class token's row first of all
   * @param chosen how many of them are chosen
   * @param targets how many of the rest others are merged into
   * @param chosenAt where the chosen ones lie among all that stay, before they are put in order
   * @param targetsAt where the targets lie
   * @param othersAt where those that are merged lie among all that are
   */
  record Crop(
      List<Integer> tokens,
      List<Integer> rows,
      int chosen,
      int targets,
      int chosenAt,
      int targetsAt,
      int othersAt) {
    /** How many are merged into the targets. */
    int merged() {
      return targets == 0 ? 0 : tokens.size() - chosen - targets;
    }
  }

  private final Kernels kernels;
  private final Resources owned = new Resources();
  private final List<Crop> crops = new ArrayList<>();
  private final int count;

  /** All that stays, crop by crop, as the image's tokens; then in the order in which it goes on. */
  private final Indices byCrop;

  private final Indices tokens;

  /** For each place in that order, where it lies before. */
  private final Indices sources;

  /** The image's tokens that are merged, crop by crop, and the place of each one's target. */
  private final Indices others;

  private final Indices into;

  /** 0, 1, 2, … */
  private final Indices numbers;

  private final Indices places;

  /**
   * Counts what stays.
   *
   * @param picture the image's place in the prompt
   */
  TowerCut(Kernels kernels, Cut cut, ImageLayout layout, int picture) {
    this.kernels = kernels;
    int firstRow = layout.classToken() ? 0 : 1;
    int[] from = layout.sources();
    List<List<Integer>> candidates = new ArrayList<>();
    for (int crop = 0; crop < layout.crops(); crop++) {
      int[] all = layout.patchTokens(crop);
      if (cut.choice() instanceof Choice.Random random) {
        int[] rows = random.rows(picture, crop, all.length, cut.chosen(all.length));
        candidates.add(IntStream.of(rows).mapToObj(row -> all[row]).toList());
      } else {
        candidates.add(Arrays.stream(all).boxed().toList());
      }
    }
    int[] chosen = candidates.stream().mapToInt(all -> cut.chosen(all.size())).toArray();
    int[] targets = new int[chosen.length];
    int merged = 0;
    for (int crop = 0; crop < targets.length; crop++) {
      int left = candidates.get(crop).size() - chosen[crop];
      targets[crop] = cut.fate() instanceof Fate.Merged fate ? fate.count(left) : 0;
    }
    // The whole image first: its chosen ones, its targets; then all tiles' together.
    int tiles = chosen[0] + targets[0];
    int tileTargets = tiles + IntStream.of(chosen).skip(1).sum();
    int chosenAt = 0;
    int targetsAt = chosen[0];
    for (int crop = 0; crop < chosen.length; crop++) {
      if (crop == 1) {
        chosenAt = tiles;
        targetsAt = tileTargets;
      }
      List<Integer> rows =
          candidates.get(crop).stream()
              .map(token -> from[token] % layout.cropTokens() + firstRow)
              .toList();
      Crop each =
          new Crop(
              candidates.get(crop), rows, chosen[crop], targets[crop], chosenAt, targetsAt, merged);
      crops.add(each);
      chosenAt += each.chosen();
      targetsAt += each.targets();
      merged += each.merged();
    }
    count = IntStream.of(chosen).sum() + IntStream.of(targets).sum();
    try {
      byCrop = owned.add(kernels.indices(new int[Math.max(1, count)]));
      tokens = owned.add(kernels.indices(new int[Math.max(1, count)]));
      sources = owned.add(kernels.indices(new int[Math.max(1, count)]));
      others = owned.add(kernels.indices(new int[Math.max(1, merged)]));
      into = owned.add(kernels.indices(new int[Math.max(1, merged)]));
      int most = candidates.stream().mapToInt(List::size).max().orElse(0);
      int highest = Math.max(count, most);
      numbers = owned.add(kernels.indices(IntStream.rangeClosed(0, highest).toArray()));
      places = owned.add(kernels.indices(new int[Math.max(1, count)]));
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  /** How many tokens go on. */
  int count() {
    return count;
  }

  List<Crop> crops() {
    return List.copyOf(crops);
  }

  /**
   * Takes what a crop became.
   *
   * @param own the image's tokens: chosen ones, targets, then the merged ones
   * @param targets for each merged one the place of its target among the crop's targets
   * @param embeddings of chosen ones and targets
   * @param all out: embeddings of all that stays, crop by crop
   */
  void take(Crop crop, Indices own, Indices targets, Tensor embeddings, Tensor all) {
    copy(own, 0, crop.chosen(), byCrop, crop.chosenAt());
    copy(own, crop.chosen(), crop.targets(), byCrop, crop.targetsAt());
    copy(own, crop.chosen() + crop.targets(), crop.merged(), others, crop.othersAt());
    copy(targets, 0, crop.merged(), into, crop.othersAt());
    copy(embeddings, 0, crop.chosen(), all, crop.chosenAt());
    copy(embeddings, crop.chosen(), crop.targets(), all, crop.targetsAt());
  }

  private void copy(Indices from, int first, int count, Indices to, int at) {
    if (count > 0) {
      kernels.gather(from, numbers.part(first, count), to.part(at, count));
    }
  }

  private void copy(Tensor from, int first, int count, Tensor to, int at) {
    if (count > 0) {
      kernels.copy(from.rows(first, count), to.rows(at, count));
    }
  }

  /**
   * Puts what stays of all crops in order.
   *
   * @param all embeddings as {@link #take} left them
   * @param out the same in the order in which they go on
   */
  void order(Tensor all, Tensor out) {
    Crop whole = crops.getFirst();
    int tiles = whole.chosen() + whole.targets();
    int chosen = crops.stream().skip(1).mapToInt(Crop::chosen).sum();
    kernels.gather(numbers, numbers.part(0, count), sources.part(0, count));
    sort(tiles, chosen);
    sort(tiles + chosen, count - tiles - chosen);
    kernels.gather(byCrop, sources.part(0, count), tokens.part(0, count));
    kernels.gatherRows(all, sources.part(0, count), out);
  }

  /** Sorts a run of what stays by the image's tokens. */
  private void sort(int at, int run) {
    if (run > 0) {
      Indices sorted = places.part(0, run);
      kernels.sortPlaces(byCrop.part(at, run), sorted);
      kernels.gather(numbers.part(at, run), sorted, sources.part(at, run));
    }
  }

  /** The image's tokens that go on, in that order; waits for the device. */
  List<Integer> tokens() {
    return Arrays.stream(kernels.download(tokens)).limit(count).boxed().toList();
  }

  /** For each target the image's tokens that were merged into it; waits for the device. */
  Map<Integer, List<Integer>> merged() {
    int[] staying = kernels.download(byCrop);
    int[] gone = kernels.download(others);
    int[] targets = kernels.download(into);
    Map<Integer, List<Integer>> byTarget = new HashMap<>();
    for (Crop crop : crops) {
      for (int t = 0; t < crop.targets(); t++) {
        byTarget.put(staying[crop.targetsAt() + t], new ArrayList<>());
      }
      for (int i = crop.othersAt(); i < crop.othersAt() + crop.merged(); i++) {
        merge(byTarget, staying[crop.targetsAt() + targets[i]], gone[i]);
      }
    }
    return byTarget;
  }

  private static void merge(Map<Integer, List<Integer>> byTarget, int target, int token) {
    byTarget.computeIfAbsent(target, t -> new ArrayList<>()).add(token);
  }

  @Override
  public void close() {
    owned.close();
  }
}
