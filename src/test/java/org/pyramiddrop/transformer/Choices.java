package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.OptionalDouble;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;

/**
 * Which rows one device keeps at each drop, carried over to another: it checks them against its own
 * scores and goes on with them, so that a near tie that falls otherwise does not make the rest
 * incomparable.
 */
final class Choices {
  /** Of the highest score: less than that, two-byte queries and keys can't tell apart. */
  private static final double NOTHING = 1e-6;

  private final double tie;

  /** Rows that were kept, drop by drop and image by image. */
  private final Deque<int[]> made = new ArrayDeque<>();

  /**
   * Nothing yet.
   *
   * @param tie what two scores may differ by, relative to the higher one, and the choice between
   *     them be either
   */
  Choices(double tie) {
    this.tie = tie;
  }

  /** A device whose choices are noted. */
  Kernels noting(Kernels kernels) {
    return watched(
        kernels, (_, chosen) -> made.add(kernels.download(chosen.part(0, chosen.size()))));
  }

  /** A device that makes the choices noted, if its own scores allow them. */
  Kernels following(Kernels kernels) {
    return watched(
        kernels,
        (scores, chosen) -> {
          int[] theirs = made.remove();
          allowed(scores, kernels.download(chosen), theirs);
          kernels.upload(theirs, chosen);
        });
  }

  /** Whether all that was noted has been followed. */
  boolean allFollowed() {
    return made.isEmpty();
  }

  /**
   * Refuses choices that differ where scores clearly do.
   *
   * @param scores of all tokens
   * @param ours the rows with the highest of these scores
   */
  void allowed(float[] scores, int[] ours, int[] theirs) {
    assertThat(theirs).as("rows kept").hasSameSizeAs(ours).doesNotHaveDuplicates().isSorted();
    double highest = highest(scores, IntStream.of(ours)).orElseThrow();
    double lowestKept = IntStream.of(theirs).mapToDouble(row -> scores[row]).min().orElseThrow();
    double highestLeft =
        highest(scores, IntStream.of(ours).filter(row -> Arrays.binarySearch(theirs, row) < 0))
            .orElse(lowestKept);
    assertThat(lowestKept)
        .as("the lowest score kept, where %s was not", highestLeft)
        .isGreaterThanOrEqualTo(highestLeft * (1 - tie) - highest * NOTHING);
  }

  private static OptionalDouble highest(float[] scores, IntStream rows) {
    return rows.mapToDouble(row -> scores[row]).max();
  }

  private static Kernels watched(Kernels kernels, BiConsumer<float[], Indices> afterChoice) {
    return (Kernels)
        Proxy.newProxyInstance(
            Choices.class.getClassLoader(),
            new Class<?>[] {Kernels.class},
            (_, method, arguments) -> {
              try {
                Object result = method.invoke(kernels, arguments);
                if (method.getName().equals("selectTopK")) {
                  int keep = (int) arguments[3];
                  int at = (int) arguments[5];
                  afterChoice.accept(
                      kernels.download((Tensor) arguments[0]),
                      ((Indices) arguments[4]).part(at, keep));
                }
                return result;
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }
}
