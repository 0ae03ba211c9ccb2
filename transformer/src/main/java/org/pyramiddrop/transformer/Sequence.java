package org.pyramiddrop.transformer;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.transformer.pruning.Positions;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * The tokens of one prompt on their way through the decoder: hidden states, positions, and where
 * its images lie now.
 *
 * <p>How many tokens stay at each drop is known beforehand; which ones, only the device knows until
 * {@link #stages} asks it at the end.
 */
final class Sequence implements AutoCloseable {
  private final Kernels kernels;
  private final Schedule schedule;
  private final Prompt prompt;
  private final List<Indices> drops = new ArrayList<>();
  private List<Prompt.Span> images;
  private Tensor hidden;
  private Indices positions;

  /** Takes over the embedded prompt, which it closes. */
  Sequence(Kernels kernels, Schedule schedule, Prompt prompt, Tensor hidden) {
    this.kernels = kernels;
    this.schedule = schedule;
    this.prompt = prompt;
    this.images = prompt.images();
    this.hidden = hidden;
    this.positions = kernels.indices(IntStream.range(0, prompt.length()).toArray());
  }

  /** Hidden states of the tokens that are left. */
  Tensor hidden() {
    return hidden;
  }

  /** One a row of {@link #hidden}. */
  Indices positions() {
    return positions;
  }

  int length() {
    return hidden.rows();
  }

  /** Whether a drop takes tokens away, and so has to rank them. */
  boolean shrinksAt(int drop) {
    return prompt.length(schedule, drop + 1) < length();
  }

  /** The rows that stay, chosen by their scores image by image; {@link #keep} takes them over. */
  Indices choose(int drop, Tensor scores) {
    List<Prompt.Span> kept = keptSpans(drop);
    int[] rows = new int[prompt.length(schedule, drop + 1)];
    int from = 0;
    int to = 0;
    for (int i = 0; i < images.size(); i++) {
      for (; from < images.get(i).start(); from++) {
        rows[to++] = from;
      }
      from += images.get(i).count();
      to += kept.get(i).count();
    }
    for (; from < length(); from++) {
      rows[to++] = from;
    }
    Indices chosen = kernels.indices(rows);
    for (int i = 0; i < images.size(); i++) {
      Prompt.Span image = images.get(i);
      Prompt.Span stays = kept.get(i);
      if (stays.count() > 0) {
        kernels.selectTopK(
            scores, image.start(), image.count(), stays.count(), chosen, stays.start());
      }
    }
    return chosen;
  }

  /** Where each image lies behind a drop. */
  private List<Prompt.Span> keptSpans(int drop) {
    List<Prompt.Span> kept = new ArrayList<>();
    int gone = 0;
    for (int i = 0; i < images.size(); i++) {
      int count = schedule.counts(prompt.images().get(i).count())[drop + 1];
      kept.add(new Prompt.Span(images.get(i).start() - gone, count));
      gone += images.get(i).count() - count;
    }
    return kept;
  }

  /** Goes on with the hidden states of some rows only, which keep their positions for now. */
  void keep(Indices rows) {
    Tensor left = kernels.allocate(rows.size(), hidden.columns());
    kernels.gatherRows(hidden, rows, left);
    hidden.close();
    hidden = left;
    Indices picked = kernels.gather(positions, rows);
    positions.close();
    positions = picked;
  }

  /** Ends a stage with the rows that {@link #choose} gave and {@link #keep} took. */
  void enter(int drop, Indices rows) {
    images = keptSpans(drop);
    drops.add(rows);
    if (schedule.positions() == Positions.RENUMBER) {
      positions.close();
      positions = kernels.indices(IntStream.range(0, length()).toArray());
    }
  }

  /** Ends a stage that loses nothing. */
  void enterWhole() {
    drops.add(kernels.indices(IntStream.range(0, length()).toArray()));
  }

  /** The stages as they were run; waits for the device. */
  List<Stage> stages() {
    List<Stage> stages = new ArrayList<>();
    int[] original = IntStream.range(0, prompt.length()).toArray();
    for (int stage = 0; stage < schedule.stages(); stage++) {
      if (stage > 0) {
        int[] before = original;
        original =
            IntStream.of(kernels.download(drops.get(stage - 1))).map(r -> before[r]).toArray();
      }
      int[] now = original;
      List<List<Integer>> kept =
          prompt.images().stream()
              .map(image ->
                  IntStream.of(now)
                      .map(r -> r - image.start())
                      .filter(r -> r >= 0 && r < image.count())
                      .boxed()
                      .toList())
              .toList();
      int tokens = kept.stream().mapToInt(List::size).sum();
      stages.add(new Stage(schedule.firstLayer(stage), tokens, kept));
    }
    return stages;
  }

  @Override
  public void close() {
    hidden.close();
    positions.close();
    drops.forEach(Indices::close);
  }
}
