package org.pyramiddrop.transformer;

/**
 * Where the time of an answer went, in milliseconds of wall clock. Waiting for the device while
 * other questions have their turns is in each of them.
 *
 * @param visionMillis reading images, vision tower and projector
 * @param prefillMillis the decoder over the prompt, up to the first token
 * @param decodeMillis every decode step after that
 */
public record Timings(double visionMillis, double prefillMillis, double decodeMillis) {

  /**
   * From the images to the first token: vision and prefill, with the waiting for other questions'
   * turns in both. Writing the prompt and taking memory for it, which come before, are not in it;
   * nor are, in a batch, the rows that are read before this one.
   */
  public double timeToFirstTokenMillis() {
    return visionMillis + prefillMillis;
  }
}
