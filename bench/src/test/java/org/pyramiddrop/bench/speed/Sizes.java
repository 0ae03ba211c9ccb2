package org.pyramiddrop.bench.speed;

/** Products as tests write them. */
public final class Sizes {
  private Sizes() {}

  /** Tokens, inputs and outputs, as in {@code 636x4096x11008}. */
  public static Product of(String text) {
    String[] sizes = text.split("x", -1);
    return new Product(
        Integer.parseInt(sizes[0]), Integer.parseInt(sizes[1]), Integer.parseInt(sizes[2]));
  }
}
