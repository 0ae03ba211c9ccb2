package org.pyramiddrop.transformer.pruning;

/**
 * One drop of a schedule: layers 0 to {@code afterLayer - 1} run on the tokens they were given, and
 * layer {@code afterLayer} is the first that sees only what is kept.
 *
 * @param choice those that rank highest, or chance
 */
public record Drop(int afterLayer, Keep keep, Choice choice) {
  /** A drop that keeps the tokens which rank highest. */
  public Drop(int afterLayer, Keep keep) {
    this(afterLayer, keep, new Choice.TopK());
  }

  /** Whether tokens have to be ranked for it. */
  public boolean ranks() {
    return choice instanceof Choice.TopK;
  }
}
