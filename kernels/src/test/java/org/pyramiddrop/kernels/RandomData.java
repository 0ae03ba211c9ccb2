package org.pyramiddrop.kernels;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Fresh random data in every run. The system property {@code pyramiddrop.seed} draws the data of an
 * earlier run again; {@code pyramiddrop.share} (0 to 1) takes only that part of the cases, for
 * vectors that the machine has to emulate.
 */
public final class RandomData {
  static final long SEED = Long.getLong("pyramiddrop.seed", System.nanoTime());
  private static final double SHARE =
      Double.parseDouble(System.getProperty("pyramiddrop.share", "1"));

  private final Random random;
  private final DType activations;
  private final double share;

  /** A sequence of its own for each name, so that one test alone draws what it drew among all. */
  public RandomData(String name, DType activations) {
    this(name, activations, 1);
  }

  /**
   * The same for a test that takes fewer cases.
   *
   * @param share the part of the cases to take, of those that all tests take
   */
  RandomData(String name, DType activations, double share) {
    this.activations = activations;
    this.share = share;
    random = new Random(SEED ^ ((long) name.hashCode() << 32));
  }

  /** Whether large cases are wanted too. */
  static boolean large() {
    return SHARE >= 0.1;
  }

  int between(int least, int most) {
    return least + random.nextInt(most - least + 1);
  }

  boolean flip() {
    return random.nextBoolean();
  }

  int oneOf(int... choices) {
    return choices[random.nextInt(choices.length)];
  }

  double oneOf(double... choices) {
    return choices[random.nextInt(choices.length)];
  }

  <T> T oneOf(List<T> choices) {
    return choices.get(random.nextInt(choices.size()));
  }

  /** The cases to run, shuffled: all of them, or the share asked for. */
  <T> List<T> cases(List<T> all) {
    return part(all, SHARE * share);
  }

  /** The same where tests that take fewer cases of others take all of these. */
  public <T> List<T> fewCases(List<T> all) {
    return part(all, SHARE);
  }

  private <T> List<T> part(List<T> all, double part) {
    List<T> shuffled = new ArrayList<>(all);
    Collections.shuffle(shuffled, random);
    return shuffled.subList(0, (int) Math.ceil(all.size() * part));
  }

  /** The nearest number that activations can be. */
  float round(double value) {
    return Stored.round(activations, (float) value);
  }

  /** Normally distributed numbers with this standard deviation, as activations can be. */
  public float[] normal(int count, double deviation) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = round(random.nextGaussian() * deviation);
    }
    return values;
  }

  /**
   * Normally distributed numbers that the dtype and activations hold exactly, some of them zero or
   * subnormal.
   */
  public float[] weights(DType dtype, int count, double deviation) {
    float[] values = normal(count, deviation);
    for (int i = 0; i < count; i++) {
      if (random.nextInt(40) == 0) {
        float subnormal = dtype == DType.FLOAT16 ? 0x1p-24f : Float.MIN_NORMAL / 128;
        values[i] = random.nextInt(-3, 4) * subnormal;
      }
      values[i] = round(Stored.round(dtype, values[i]));
    }
    return values;
  }

  int[] below(int bound, int count) {
    return random.ints(count, 0, bound).toArray();
  }

  /** Different numbers in any order. */
  int[] distinctBelow(int bound, int count) {
    List<Integer> all = new ArrayList<>(IntStream.range(0, bound).boxed().toList());
    Collections.shuffle(all, random);
    return all.stream().limit(count).mapToInt(Integer::intValue).toArray();
  }

  int[] ascendingBelow(int bound, int count) {
    int[] values = below(bound, count);
    Arrays.sort(values);
    return values;
  }
}
