package org.pyramiddrop.transformer.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * Which rows of a prompt stay at each drop.
 *
 * <p>How many stay, and where text and images then lie, is known beforehand and stands in device
 * memory from the start; which rows of an image stay, only the device knows until {@link
 * #imageTokens} asks it at the end.
 */
public final class KeptRows implements AutoCloseable {
  private final Kernels kernels;
  private final Schedule schedule;
  private final Prompt prompt;
  private final Resources owned = new Resources();
  private final Indices all;

  /** Where each image lies in each stage. */
  private final List<List<Prompt.Span>> spans = new ArrayList<>();

  /** For each drop, the rows of the stage before that go on. */
  private final List<Indices> drops = new ArrayList<>();

  public KeptRows(Kernels kernels, Schedule schedule, Prompt prompt) {
    this.kernels = kernels;
    this.schedule = schedule;
    this.prompt = prompt;
    try {
      all = owned.add(kernels.indices(IntStream.range(0, prompt.length()).toArray()));
      for (int stage = 0; stage < schedule.stages(); stage++) {
        spans.add(spans(stage));
      }
      for (int drop = 0; drop + 1 < schedule.stages(); drop++) {
        drops.add(owned.add(kernels.indices(textRows(drop))));
      }
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  private List<Prompt.Span> spans(int stage) {
    List<Prompt.Span> now = new ArrayList<>();
    int gone = 0;
    for (Prompt.Span image : prompt.images()) {
      int count = schedule.counts(image.count())[stage];
      now.add(new Prompt.Span(image.start() - gone, count));
      gone += image.count() - count;
    }
    return now;
  }

  /** The rows that stay at a drop, an image's first ones standing in for those to be chosen. */
  private int[] textRows(int drop) {
    int[] rows = new int[length(drop + 1)];
    int from = 0;
    int to = 0;
    for (int i = 0; i < prompt.images().size(); i++) {
      Prompt.Span before = spans.get(drop).get(i);
      Prompt.Span after = spans.get(drop + 1).get(i);
      while (from < before.start() + after.count()) {
        rows[to++] = from++;
      }
      from = before.start() + before.count();
    }
    while (from < length(drop)) {
      rows[to++] = from++;
    }
    return rows;
  }

  /** How many tokens a stage holds. */
  public int length(int stage) {
    return prompt.length(schedule, stage);
  }

  /** The numbers 0 to {@code count - 1}: rows, or positions that nothing was dropped from. */
  public Indices firstRows(int count) {
    return all.part(0, count);
  }

  /** One row's number. */
  public Indices row(int row) {
    return all.part(row, 1);
  }

  /** The rows of the stage before it that a drop keeps. */
  public Indices keptAt(int drop) {
    return drops.get(drop);
  }

  /** Whether a drop takes tokens away, and so has to rank them. */
  public boolean shrinksAt(int drop) {
    return length(drop + 1) < length(drop);
  }

  /** Chooses a drop's rows by their scores, image by image. */
  public void select(int drop, Tensor scores) {
    for (int i = 0; i < prompt.images().size(); i++) {
      Prompt.Span before = spans.get(drop).get(i);
      Prompt.Span after = spans.get(drop + 1).get(i);
      if (after.count() > 0) {
        kernels.selectTopK(
            scores, before.start(), before.count(), after.count(), keptAt(drop), after.start());
      }
    }
  }

  /**
   * Which image tokens each stage saw; waits for the device.
   *
   * @return for each stage, for each image, its tokens in order, as indices into that image's own
   *     tokens before any drop
   */
  public List<List<List<Integer>>> imageTokens() {
    List<List<List<Integer>>> stages = new ArrayList<>();
    int[] original = IntStream.range(0, prompt.length()).toArray();
    for (int stage = 0; stage < schedule.stages(); stage++) {
      if (stage > 0) {
        int[] before = original;
        original = IntStream.of(kernels.download(keptAt(stage - 1))).map(r -> before[r]).toArray();
      }
      int[] now = original;
      stages.add(
          prompt.images().stream()
              .map(image ->
                  IntStream.of(now)
                      .map(r -> r - image.start())
                      .filter(r -> r >= 0 && r < image.count())
                      .boxed()
                      .toList())
              .toList());
    }
    return stages;
  }

  @Override
  public void close() {
    owned.close();
  }
}
