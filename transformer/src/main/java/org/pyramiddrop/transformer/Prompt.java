package org.pyramiddrop.transformer;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * A prompt as the decoder sees it: token ids with each {@code <image>} repeated for as many tokens
 * as the image has.
 */
final class Prompt {
  /** A run of tokens, {@code start} to {@code start + count - 1}. */
  record Span(int start, int count) {}

  private final int[] ids;
  private final List<Span> images;

  /**
   * A prompt whose images already have their places.
   *
   * @param ids all token ids; inside an image's span, the image token's
   * @param images where the images lie, in order
   */
  Prompt(int[] ids, List<Span> images) {
    this.ids = ids.clone();
    this.images = List.copyOf(images);
  }

  /**
   * Puts images where the image token stands.
   *
   * @throws IllegalArgumentException if there are not as many image tokens as pictures
   */
  static Prompt of(int[] ids, int imageToken, int pictures, int tokensAnImage) {
    List<Span> images = new ArrayList<>();
    List<Integer> all = new ArrayList<>();
    for (int id : ids) {
      if (id == imageToken) {
        images.add(new Span(all.size(), tokensAnImage));
        for (int i = 0; i < tokensAnImage; i++) {
          all.add(id);
        }
      } else {
        all.add(id);
      }
    }
    if (images.size() != pictures) {
      throw new IllegalArgumentException(
          "the prompt has %d <image> place%s for %d picture%s"
              .formatted(
                  images.size(),
                  images.size() == 1 ? "" : "s",
                  pictures,
                  pictures == 1 ? "" : "s"));
    }
    return new Prompt(all.stream().mapToInt(Integer::intValue).toArray(), images);
  }

  /** All token ids; inside an image's span, the image token's. */
  int[] ids() {
    return ids.clone();
  }

  List<Span> images() {
    return images;
  }

  int length() {
    return ids.length;
  }

  /** How many of its tokens a stage holds. */
  int length(Schedule schedule, int stage) {
    int kept = images.stream().mapToInt(image -> schedule.counts(image.count())[stage]).sum();
    return length() - imageTokens() + kept;
  }

  int imageTokens() {
    return images.stream().mapToInt(Span::count).sum();
  }

  /** The runs of text and the images between them. */
  PromptShape shape() {
    List<Integer> text = new ArrayList<>();
    int end = 0;
    for (Span image : images) {
      text.add(image.start() - end);
      end = image.start() + image.count();
    }
    text.add(ids.length - end);
    return new PromptShape(text, images.stream().map(Span::count).toList(), images.size());
  }
}
