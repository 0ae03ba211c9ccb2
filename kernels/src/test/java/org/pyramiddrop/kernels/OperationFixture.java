package org.pyramiddrop.kernels;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * What PyTorch made of one operation in float64: {@code make_gradients.py} wrote what its autograd
 * gives, {@code operations.py} the operations of cuts.
 */
final class OperationFixture {
  private final String operation;
  private final Map<String, double[]> matrices = new HashMap<>();
  private final Map<String, Integer> columns = new HashMap<>();

  private OperationFixture(String file, String operation) {
    this.operation = operation;
    for (String line : text(file).lines().toList()) {
      String[] words = line.split(" ", -1);
      if (words[0].equals(operation)) {
        String[] numbers = Arrays.copyOfRange(words, 3, words.length);
        matrices.put(words[1], Arrays.stream(numbers).mapToDouble(Double::parseDouble).toArray());
        columns.put(words[1], Integer.parseInt(words[2]));
      }
    }
  }

  /** Reads all matrices of a gradient. */
  static OperationFixture ofGradient(String operation) {
    return new OperationFixture("/gradients/gradients.txt", operation);
  }

  /** Reads all matrices of an operation of cuts. */
  static OperationFixture ofCut(String operation) {
    return new OperationFixture("/cuts/cuts.txt", operation);
  }

  private static String text(String file) {
    try (InputStream in = OperationFixture.class.getResourceAsStream(file)) {
      return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private double[] matrix(String name) {
    return Objects.requireNonNull(matrices.get(name), operation + " has no " + name);
  }

  int columns(String name) {
    return Objects.requireNonNull(columns.get(name), operation + " has no " + name);
  }

  int rows(String name) {
    return matrix(name).length / columns(name);
  }

  /** A matrix of float32 numbers, such as an input is. */
  float[] floats(String name) {
    double[] from = matrix(name);
    float[] values = new float[from.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) from[i];
    }
    return values;
  }

  int[] ints(String name) {
    return Arrays.stream(matrix(name)).mapToInt(value -> (int) value).toArray();
  }

  /** A result, each element held relative to itself and to the largest. */
  Expected expected(String name) {
    double[] values = matrix(name);
    double largest = Arrays.stream(values).map(Math::abs).max().orElse(0);
    Expected expected = new Expected(rows(name), columns(name));
    for (int i = 0; i < values.length; i++) {
      expected.set(i, values[i], largest + Math.abs(values[i]));
    }
    return expected;
  }
}
