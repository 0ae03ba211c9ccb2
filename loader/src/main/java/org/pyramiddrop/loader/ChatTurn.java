package org.pyramiddrop.loader;

/**
 * One turn of a conversation.
 *
 * @param role who speaks
 * @param images how many images come with it; templates put them before the text
 * @param text the words, taken as they are
 */
public record ChatTurn(Role role, int images, String text) {
  /** Checks the number of images. */
  public ChatTurn {
    if (images < 0) {
      throw new IllegalArgumentException("a turn can't have " + images + " images");
    }
  }
}
