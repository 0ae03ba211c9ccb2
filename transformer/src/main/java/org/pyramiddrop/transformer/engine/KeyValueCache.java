package org.pyramiddrop.transformer.engine;

import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;

/**
 * Keys and values of one sequence. Each layer has room of its own: layers before a drop hold all
 * the tokens they saw, layers after it only kept ones, and memory is allocated to those lengths.
 */
public final class KeyValueCache implements AutoCloseable {
  /** One layer's keys and values, rows × key/value columns each. */
  public record Layer(Tensor keys, Tensor values) {}

  private final Resources owned = new Resources();
  private final List<Layer> layers;

  /**
   * Allocates each layer for a number of tokens.
   *
   * @param capacities tokens of each layer
   */
  public KeyValueCache(Kernels kernels, Heads heads, int[] capacities) {
    try {
      layers =
          IntStream.of(capacities)
              .mapToObj(tokens ->
                  new Layer(
                      owned.add(kernels.allocate(tokens, heads.keyValueColumns())),
                      owned.add(kernels.allocate(tokens, heads.keyValueColumns()))))
              .toList();
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  public Layer layer(int index) {
    return layers.get(index);
  }

  /** Bytes of keys and values. */
  public long bytes() {
    return layers.stream()
        .map(Layer::keys)
        .mapToLong(keys -> 2L * keys.rows() * keys.columns() * keys.dtype().bytes())
        .sum();
  }

  @Override
  public void close() {
    owned.close();
  }
}
