package org.pyramiddrop.transformer.pruning;

import java.util.List;

/**
 * A prompt's lengths: text, image, text, …, image, text.
 *
 * @param text token counts of the runs of text; one more than there are images
 * @param images token counts of the images, in order
 * @param crops images that go through the vision tower, all images together
 */
public record PromptShape(List<Integer> text, List<Integer> images, int crops) {

  /** Refuses negative counts and runs of text that don't fit around the images. */
  public PromptShape {
    text = List.copyOf(text);
    images = List.copyOf(images);
    if (text.size() != images.size() + 1) {
      throw new IllegalArgumentException(
          images.size() + " images lie between one more runs of text, got " + text.size());
    }
    if (crops < 0 || text.stream().anyMatch(n -> n < 0) || images.stream().anyMatch(n -> n < 0)) {
      throw new IllegalArgumentException("a prompt's token counts must not be negative");
    }
  }

  /** A prompt with one image. */
  public static PromptShape of(int textBefore, int imageTokens, int crops, int textAfter) {
    return new PromptShape(List.of(textBefore, textAfter), List.of(imageTokens), crops);
  }

  /** All text tokens. */
  public int textTokens() {
    return text.stream().mapToInt(Integer::intValue).sum();
  }

  /** All image tokens. */
  public int imageTokens() {
    return images.stream().mapToInt(Integer::intValue).sum();
  }
}
