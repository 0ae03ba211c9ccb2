package org.pyramiddrop.transformer.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * A prompt as the decoder sees it: token ids with each {@code <image>} repeated for as many tokens
 * as the image has.
 */
public final class Prompt {
  /** A run of tokens, {@code start} to {@code start + count - 1}. */
  public record Span(int start, int count) {}

  private final int[] ids;
  private final List<Span> images;
  private final int crops;

  /**
   * A prompt whose images already have their places, each of one crop.
   *
   * @param ids all token ids; inside an image's span, the image token's
   * @param images where the images lie, in order
   */
  public Prompt(int[] ids, List<Span> images) {
    this(ids, images, images.size());
  }

  private Prompt(int[] ids, List<Span> images, int crops) {
    this.ids = ids.clone();
    this.images = List.copyOf(images);
    this.crops = crops;
  }

  /**
   * Puts images where the image token stands.
   *
   * @param imageToken the token, or a negative number, which becomes token 0 in the image's span
   * @param layouts which tokens each image becomes, in order
   * @throws IllegalArgumentException if there are not as many image tokens as images
   */
  public static Prompt of(int[] ids, int imageToken, List<ImageLayout> layouts) {
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
        count = layouts.get(images.size()).tokens();
        images.add(new Span(length, count));
      }
      for (int i = 0; i < count; i++) {
        all.add(written);
      }
      length += count;
    }
    int crops = layouts.stream().mapToInt(ImageLayout::crops).sum();
    return new Prompt(all.build().toArray(), images, crops);
  }

  /** All token ids; inside an image's span, the image token's. */
  public int[] ids() {
    return ids.clone();
  }

  public List<Span> images() {
    return images;
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
    return new PromptShape(text, images.stream().map(Span::count).toList(), crops);
  }
}
