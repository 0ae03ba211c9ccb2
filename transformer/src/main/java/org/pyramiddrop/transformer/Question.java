package org.pyramiddrop.transformer;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.pyramiddrop.loader.Image;

/**
 * What a model is asked.
 *
 * @param prompt the user's words, which go through the checkpoint's chat template; of a raw
 *     question, the whole prompt as the model is to see it, with {@code <image>} where each image
 *     goes
 * @param images the images, in the order of the prompt; may be empty
 * @param raw whether the chat template is left out
 */
public record Question(String prompt, List<Image> images, boolean raw) {

  /** Keeps its own copy of the images. */
  public Question {
    images = List.copyOf(images);
  }

  /** A question in the user's words about the images in these files. */
  public static Question of(String prompt, Path... images) {
    return new Question(prompt, read(images), false);
  }

  /** A question in the user's words. */
  public static Question of(String prompt, List<Image> images) {
    return new Question(prompt, images, false);
  }

  /** A prompt taken as it is, about the images in these files. */
  public static Question raw(String prompt, Path... images) {
    return new Question(prompt, read(images), true);
  }

  private static List<Image> read(Path... images) {
    return Arrays.stream(images).map(Image::read).toList();
  }
}
