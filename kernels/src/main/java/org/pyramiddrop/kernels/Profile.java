package org.pyramiddrop.kernels;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How long each launch of a {@link Recording} took in one run, as events between the launches tell.
 *
 * <p>A launch's time goes from the event before it to the event behind it, so it holds the gap
 * before the kernel starts, and the launches' times add up to the whole. Events take time
 * themselves: {@code plainMicros} is what the run takes without them.
 *
 * @param order how the launches reached the device
 * @param plainMicros microseconds of the recording as it is, from the end of the run before it
 * @param emptyMicros microseconds between two events with nothing between them
 * @param launches in their order
 */
public record Profile(Order order, double plainMicros, double emptyMicros, List<Launch> launches) {
  /** Keeps its own copy. */
  public Profile {
    launches = List.copyOf(launches);
  }

  /** How launches reach the device. */
  public enum Order {
    /** As nodes of one graph, events among them. */
    GRAPH,
    /**
     * One by one. Events cost less here than in a graph, but where kernels are shorter than their
     * launch, the times are those of the host.
     */
    STREAM
  }

  /**
   * A kernel, a copy, or a library's product, which may be several kernels.
   *
   * @param kernel its name
   * @param grid blocks in x, y and z as {@code 12x1x1}; empty where a library chooses them
   * @param product what it multiplies, if it is a matrix product
   * @param micros from the event before it to the event behind it
   */
  public record Launch(String kernel, String grid, @Nullable Product product, double micros) {}

  /**
   * A matrix product's sizes.
   *
   * @param rows of the activations
   * @param inputs columns of both
   * @param outputs rows of the weight
   * @param weights how the weight's numbers are stored
   */
  public record Product(int rows, int inputs, int outputs, DType weights) {}

  /** Microseconds from the first event to the last. */
  public double markedMicros() {
    return launches.stream().mapToDouble(Launch::micros).sum();
  }
}
