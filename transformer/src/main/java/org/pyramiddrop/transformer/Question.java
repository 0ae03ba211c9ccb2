package org.pyramiddrop.transformer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.Role;

/**
 * What a model is asked.
 *
 * @param prompt the user's words, which go through the checkpoint's chat template; of a raw
 *     question, the whole prompt as the model is to see it, with {@code <image>} where each image
 *     goes
 * @param images the images, in the order of the prompt; may be empty
 * @param raw whether the chat template is left out
 * @param earlier what was said before, turn by turn; the images of these turns come first in {@code
 *     images}
 */
public record Question(String prompt, List<Image> images, boolean raw, List<ChatTurn> earlier) {

  /**
   * Keeps its own copies of the lists.
   *
   * @throws IllegalArgumentException if a raw question has earlier turns, which are its prompt's to
   *     write, or if earlier turns hold more images than there are
   */
  public Question {
    images = List.copyOf(images);
    earlier = List.copyOf(earlier);
    if (raw && !earlier.isEmpty()) {
      throw new IllegalArgumentException(
          "a raw question is the whole prompt; write the earlier turns into it");
    }
    long shown = imagesOf(earlier);
    if (shown > images.size()) {
      throw new IllegalArgumentException(
          "the earlier turns have %d images, and the question %d in all"
              .formatted(shown, images.size()));
    }
  }

  /** A question that nothing was said before. */
  public Question(String prompt, List<Image> images, boolean raw) {
    this(prompt, images, raw, List.of());
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

  /**
   * What the last turn of a conversation asks, which was held elsewhere; {@link Llava#converse}
   * holds one itself. Turns of the system come where they stand, behind the options' system prompt
   * if there is one.
   *
   * @param turns in any order that the checkpoint's chat template has a place for, the user's last
   * @param images of all turns, in their order
   * @throws IllegalArgumentException if the last turn isn't the user's, or the turns have another
   *     number of images
   */
  public static Question ofTurns(List<ChatTurn> turns, List<Image> images) {
    if (turns.isEmpty() || turns.getLast().role() != Role.USER) {
      throw new IllegalArgumentException(
          "the last turn of a conversation must be the user's, which is answered");
    }
    if (imagesOf(turns) != images.size()) {
      throw new IllegalArgumentException(
          "the turns have %d images, and %d are given".formatted(imagesOf(turns), images.size()));
    }
    return new Question(turns.getLast().text(), images, false, turns.subList(0, turns.size() - 1));
  }

  /** The conversation that it ends. */
  List<ChatTurn> turns() {
    List<ChatTurn> turns = new ArrayList<>(earlier);
    turns.add(new ChatTurn(Role.USER, Math.toIntExact(images.size() - imagesOf(earlier)), prompt));
    return turns;
  }

  private static long imagesOf(List<ChatTurn> turns) {
    return turns.stream().mapToLong(ChatTurn::images).sum();
  }

  private static List<Image> read(Path... images) {
    return Arrays.stream(images).map(Image::read).toList();
  }
}
