package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;

/**
 * The kernels under test with data laid out to show mistakes: inputs are rows between rows of NaN
 * and must not change, outputs begin as NaN, weights are cut into parts and begin at odd addresses.
 */
public final class DeviceUnderTest implements AutoCloseable {
  /** What products make of activations; see {@link DeviceContract#multiplied}. */
  @FunctionalInterface
  interface Rounding {
    float[] of(DType weights, int inputs, float[] x);
  }

  /** What products make of weights in blocks; see {@link DeviceContract#widened}. */
  @FunctionalInterface
  interface Widening {
    float[] of(int rows, float[] w);
  }

  private final Kernels kernels;
  private final RandomData random;
  private final double tolerance;
  private final double weightTolerance;
  private final Rounding rounding;
  private final Widening widening;
  private final Deque<AutoCloseable> taken = new ArrayDeque<>();
  private final List<Runnable> unchanged = new ArrayList<>();

  /** Takes the kernels over and closes them. */
  public DeviceUnderTest(Kernels kernels, RandomData random, double tolerance) {
    this(kernels, random, tolerance, 0, (_, _, x) -> x, (_, w) -> w);
  }

  /**
   * Takes the kernels over and closes them.
   *
   * @param weightTolerance how far attention's weights may be off
   * @param rounding what products make of activations
   * @param widening what they make of weights in blocks
   */
  DeviceUnderTest(
      Kernels kernels,
      RandomData random,
      double tolerance,
      double weightTolerance,
      Rounding rounding,
      Widening widening) {
    this.kernels = kernels;
    this.random = random;
    this.tolerance = tolerance;
    this.weightTolerance = weightTolerance;
    this.rounding = rounding;
    this.widening = widening;
  }

  /** What is tested. */
  public Kernels kernels() {
    return kernels;
  }

  RandomData random() {
    return random;
  }

  /** The activations that a product really multiplies, which its reference is computed from. */
  float[] multiplied(DType weights, int inputs, float[] x) {
    return rounding.of(weights, inputs, x);
  }

  /** The values of weights in blocks that a product of as many rows really multiplies. */
  float[] widened(int rows, float[] w) {
    return widening.of(rows, w);
  }

  double tolerance() {
    return tolerance;
  }

  /** How far attention's weights may be off, relative to themselves. */
  double weightTolerance() {
    return weightTolerance;
  }

  /** Notes what has to be closed after the case. */
  public <T extends AutoCloseable> T owned(T resource) {
    taken.push(resource);
    return resource;
  }

  /** An input of activations, which must be the same when the case ends. */
  Tensor input(float[] values, int columns) {
    return input(kernels.dtype(), values, columns);
  }

  /** An input, which must be the same when the case ends. */
  Tensor input(DType dtype, float[] values, int columns) {
    for (float value : values) {
      // The reference is computed from these very numbers.
      if (Float.compare(Stored.round(dtype, value), value) != 0 && !Float.isNaN(value)) {
        throw new AssertionError(value + " is no number of " + dtype);
      }
    }
    int rows = values.length / columns;
    int before = random.between(0, 2);
    float[] all = new float[(before + rows + 2) * columns];
    Arrays.fill(all, Float.NaN);
    System.arraycopy(values, 0, all, before * columns, values.length);
    Tensor whole = owned(kernels.allocate(dtype, before + rows + 2, columns));
    kernels.upload(all, whole);
    unchanged.add(
        () -> assertThat(kernels.download(whole)).as("an input afterwards").isEqualTo(all));
    return whole.rows(before, rows);
  }

  /** An output of activations, full of NaN. */
  Output output(int rows, int columns) {
    return output(kernels.dtype(), rows, columns);
  }

  /** An output full of NaN. */
  Output output(DType dtype, int rows, int columns) {
    float[] poison = new float[rows * columns];
    Arrays.fill(poison, Float.NaN);
    return output(dtype, poison, columns);
  }

  /** What an operation works on in place. */
  Output output(float[] content, int columns) {
    return output(kernels.dtype(), content, columns);
  }

  /** What an operation adds to, in a type of its own. */
  Output output(DType dtype, float[] content, int columns) {
    int before = random.between(0, 3);
    Output out = new Output(kernels, dtype, content, columns, before, random.between(1, 3));
    owned(out.whole());
    return out;
  }

  /** A weight that may be stacked of several parts, and is a view of a view between rows of NaN. */
  Weight weight(DType dtype, float[] values, int columns) {
    int rows = values.length / columns;
    int before = random.between(0, 3);
    int total = before + rows + random.between(0, 2);
    float[] all = new float[total * columns];
    Arrays.fill(all, Float.NaN);
    System.arraycopy(values, 0, all, before * columns, values.length);
    List<HostMatrix> parts = new ArrayList<>();
    for (int from = 0; from < total; ) {
      int to = random.flip() ? total : random.between(from + 1, total);
      parts.add(
          Stored.matrix(dtype, Arrays.copyOfRange(all, from * columns, to * columns), columns));
      from = to;
    }
    int first = random.between(0, before);
    Weight view = owned(kernels.weight(parts)).rows(first, total - first);
    return view.rows(before - first, rows);
  }

  Indices indices(int... values) {
    return owned(kernels.indices(values));
  }

  /** How many keys each row sees. */
  int[] visible(AttentionContract.Case sizes) {
    int[] visible =
        switch (sizes.kind()) {
          case FULL, CAUSAL -> new int[sizes.queries()];
          case ASCENDING -> random.ascendingBelow(sizes.keys(), sizes.queries());
          case ANY_ORDER -> random.below(sizes.keys(), sizes.queries());
        };
    Arrays.setAll(
        visible,
        row ->
            switch (sizes.kind()) {
              case FULL -> sizes.keys();
              case CAUSAL -> sizes.keys() - sizes.queries() + row + 1;
              case ASCENDING, ANY_ORDER -> visible[row] + 1;
            });
    return visible;
  }

  /** The mask that lets each row see as many. */
  Mask mask(AttentionContract.Case sizes, int[] visible) {
    return switch (sizes.kind()) {
      case FULL -> new Mask.Full();
      case CAUSAL -> new Mask.Causal();
      case ASCENDING, ANY_ORDER ->
          new Mask.UpTo(indices(Arrays.stream(visible).map(see -> see - 1).toArray()));
    };
  }

  void check(String what, Output out, Expected expected) {
    expected.check(what, out.view().dtype(), out.read(), tolerance);
  }

  /** Holds inputs to have stayed as they were, and frees what the case took. */
  void endCase() {
    unchanged.forEach(Runnable::run);
    unchanged.clear();
    while (!taken.isEmpty()) {
      try {
        taken.pop().close();
      } catch (Exception e) {
        throw new AssertionError("closing failed", e);
      }
    }
  }

  @Override
  public void close() {
    endCase();
    kernels.close();
  }
}
