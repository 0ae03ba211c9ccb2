package org.pyramiddrop.transformer.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.transformer.pruning.Choice;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * Which rows of a prompt stay at each drop.
 *
 * <p>How many stay, and where text and images then lie, is known beforehand and stands in device
 * memory from the start; which rows of an image stay, where chance doesn't say, only the device
 * knows until {@link #imageTokens} asks it at the end.
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

  /** An image's rows that chance keeps, or its first ones, standing in for those to be chosen. */
  private int[] rows(int drop, int image, int count, int keep) {
    return schedule.drops().get(drop).choice() instanceof Choice.Random random
        ? random.rows(image, 0, count, keep)
        : IntStream.range(0, keep).toArray();
  }

  /** The rows that stay at a drop as far as they are known beforehand. */
  private int[] textRows(int drop) {
    int[] rows = new int[length(drop + 1)];
    int from = 0;
    int to = 0;
    for (int i = 0; i < prompt.images().size(); i++) {
      Prompt.Span before = spans.get(drop).get(i);
      Prompt.Span after = spans.get(drop + 1).get(i);
      while (from < before.start()) {
        rows[to++] = from++;
      }
      int[] own = rows(drop, i, before.count(), after.count());
      for (int row : own) {
        rows[to++] = before.start() + row;
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

  /** Whether a drop has to rank tokens: it takes some away, and not by chance. */
  public boolean ranksAt(int drop) {
    return shrinksAt(drop) && schedule.drops().get(drop).ranks();
  }

  /** Whether a drop takes tokens away. */
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
   * @return for each stage, for each image, its tokens in order, as indices into what that image
   *     had when it entered the decoder
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
