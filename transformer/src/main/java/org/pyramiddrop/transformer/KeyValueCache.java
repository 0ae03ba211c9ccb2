package org.pyramiddrop.transformer;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;

/**
 * Keys and values of one sequence. Each layer has a length of its own: layers before a drop hold
 * all the tokens they saw, layers after it only kept ones, and memory is allocated to those
 * lengths.
 */
final class KeyValueCache implements AutoCloseable {
  /** One layer's keys and values, {@code length} rows of them in use. */
  static final class Layer {
    private final Tensor keys;
    private final Tensor values;
    private int length;

    Layer(Tensor keys, Tensor values) {
      this.keys = keys;
      this.values = values;
    }

    int length() {
      return length;
    }

    Tensor keys() {
      return keys.rows(0, length);
    }

    Tensor values() {
      return values.rows(0, length);
    }

    /** Makes room for further tokens and returns the first one's row. */
    int extend(int tokens) {
      int first = length;
      if (first + tokens > keys.rows()) {
        throw new IllegalStateException(
            "the cache holds %d tokens, %d more don't fit".formatted(first, tokens));
      }
      length += tokens;
      return first;
    }
  }

  private final List<Layer> layers = new ArrayList<>();

  /**
   * Allocates each layer for a number of tokens.
   *
   * @param capacities tokens of each layer
   */
  KeyValueCache(Kernels kernels, Heads heads, int[] capacities) {
    for (int capacity : capacities) {
      layers.add(
          new Layer(
              kernels.allocate(capacity, heads.keyValueColumns()),
              kernels.allocate(capacity, heads.keyValueColumns())));
    }
  }

  Layer layer(int index) {
    return layers.get(index);
  }

  /** Bytes of keys and values, at four a number. */
  long bytes() {
    return layers.stream().mapToLong(l -> 8L * l.keys.rows() * l.keys.columns()).sum();
  }

  @Override
  public void close() {
    for (Layer layer : layers) {
      layer.keys.close();
      layer.values.close();
    }
  }
}
