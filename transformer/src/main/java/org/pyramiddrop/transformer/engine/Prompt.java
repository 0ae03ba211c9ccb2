package org.pyramiddrop.transformer.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.transformer.pruning.ImageShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * A prompt as the decoder sees it: token ids with each {@code <image>} repeated for as many tokens
 * as the image has when it enters the decoder.
 */
public final class Prompt {
  /** A run of tokens, {@code start} to {@code start + count - 1}. */
  public record Span(int start, int count) {}

  private final int[] ids;
  private final List<Span> images;
  private final List<ImageLayout> layouts;

  /**
   * A prompt whose images already have their places, each of one crop.
   *
   * @param ids all token ids; inside an image's span, the image token's
   * @param images where the images lie, in order
   */
  public Prompt(int[] ids, List<Span> images) {
    this(ids, images, List.of());
  }

  private Prompt(int[] ids, List<Span> images, List<ImageLayout> layouts) {
    this.ids = ids.clone();
    this.images = List.copyOf(images);
    this.layouts = List.copyOf(layouts);
  }

  /**
   * Puts images where the image token stands.
   *
   * @param imageToken the token, or a negative number, which becomes token 0 in the image's span
   * @param layouts which tokens each image becomes, in order
   * @throws IllegalArgumentException if there are not as many image tokens as images
   */
  public static Prompt of(int[] ids, int imageToken, List<ImageLayout> layouts) {
    return of(ids, imageToken, layouts, PruningPlan.none());
  }

  /**
   * The same for a plan: images have as many tokens as its cuts before the decoder leave.
   *
   * @throws IllegalArgumentException if there are not as many image tokens as images
   */
  public static Prompt of(int[] ids, int imageToken, List<ImageLayout> layouts, PruningPlan plan) {
    long places = IntStream.of(ids).filter(id -> id == imageToken).count();
    if (places != layouts.size()) {
      throw new IllegalArgumentException(
          "the prompt has %d <image> place%s for %d image%s"
              .formatted(
                  places, places == 1 ? "" : "s", layouts.size(), layouts.size() == 1 ? "" : "s"));
    }
    List<Span> images = new ArrayList<>();
    IntStream.Builder all = IntStream.builder();
    int length = 0;
    for (int id : ids) {
      int count = 1;
      int written = id;
      if (id == imageToken) {
        // A place holder that is no token must not be looked up, not even to be overwritten.
        written = Math.max(id, 0);
        count = plan.entering(ImageShape.of(layouts.get(images.size())));
        images.add(new Span(length, count));
      }
      for (int i = 0; i < count; i++) {
        all.add(written);
      }
      length += count;
    }
    return new Prompt(all.build().toArray(), images, layouts);
  }

  /** All token ids; inside an image's span, the image token's. */
  public int[] ids() {
    return ids.clone();
  }

  public List<Span> images() {
    return images;
  }

  /** How the images are laid out; none if they were given their places. */
  public List<ImageLayout> layouts() {
    return layouts;
  }

  /** The images before any cut. */
  public List<ImageShape> imageShapes() {
    return layouts.stream().map(ImageShape::of).toList();
  }

  /** Image tokens before any cut. */
  public int originalImageTokens() {
    return layouts.isEmpty() ? imageTokens() : layouts.stream().mapToInt(ImageLayout::tokens).sum();
  }

  /** All tokens before any cut. */
  public int originalLength() {
    return length() - imageTokens() + originalImageTokens();
  }

  /** Rows of text, in order. */
  public int[] textRows() {
    return IntStream.range(0, ids.length)
        .filter(row ->
            images.stream()
                .noneMatch(image -> row >= image.start() && row < image.start() + image.count()))
        .toArray();
  }

  /** For each token of a vocabulary 1 if it stands in the text, else 0; images are no text. */
  public int[] seen(int vocabulary) {
    int[] seen = new int[vocabulary];
    int end = 0;
    for (Span image : images) {
      mark(end, image.start(), seen);
      end = image.start() + image.count();
    }
    mark(end, ids.length, seen);
    return seen;
  }

  private void mark(int from, int to, int[] seen) {
    for (int i = from; i < to; i++) {
      seen[ids[i]] = 1;
    }
  }

  public int length() {
    return ids.length;
  }

  /** How many of its tokens a stage holds. */
  public int length(Schedule schedule, int stage) {
    int kept = images.stream().mapToInt(image -> schedule.counts(image.count())[stage]).sum();
    return length() - imageTokens() + kept;
  }

  public int imageTokens() {
    return images.stream().mapToInt(Span::count).sum();
  }

  /** The runs of text and the images between them. */
  public PromptShape shape() {
    List<Integer> text = new ArrayList<>();
    int end = 0;
    for (Span image : images) {
      text.add(image.start() - end);
      end = image.start() + image.count();
    }
    text.add(ids.length - end);
    int crops =
        layouts.isEmpty() ? images.size() : layouts.stream().mapToInt(ImageLayout::crops).sum();
    return new PromptShape(text, images.stream().map(Span::count).toList(), crops);
  }
}
