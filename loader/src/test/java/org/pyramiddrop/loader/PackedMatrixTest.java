package org.pyramiddrop.loader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.loader.StoredQuantization.Layout;

/** Matrices that Python packed, and what it says they stand for. */
class PackedMatrixTest {
  private static final int ROWS = 24;
  private static final int COLUMNS = 192;

  private static Checkpoint checkpoint() {
    try {
      return Checkpoint.open(
          Path.of(
              Objects.requireNonNull(PackedMatrixTest.class.getResource("/packed"), "packed")
                  .toURI()));
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "pack4, PACK_QUANTIZED, 4, 32, true",
    "pack4zeros, PACK_QUANTIZED, 4, 64, false",
    "pack4row, PACK_QUANTIZED, 4, 0, true",
    "pack8, PACK_QUANTIZED, 8, 32, true",
    "int8row, INT_QUANTIZED, 8, 0, true",
    "int8group, INT_QUANTIZED, 8, 96, true",
    "awq, AWQ, 4, 64, false",
    "gptq, GPTQ, 4, 32, false",
    "gptq2, GPTQ_V2, 4, 96, false",
  })
  void readsEveryNumberOfEveryLayout(
      String name, Layout layout, int bits, int group, boolean symmetric) {
    StoredQuantization stored = new StoredQuantization(layout, bits, group, symmetric);
    try (Checkpoint checkpoint = checkpoint()) {
      String weight = name + ".q_proj.weight";
      assertThat(PackedMatrix.isThere(checkpoint, weight)).isTrue();
      StoredTensor expected = checkpoint.tensor(name + ".expected");
      PackedMatrix matrix = PackedMatrix.open(checkpoint, weight, ROWS, COLUMNS, stored);
      for (int first = 0; first < ROWS; first += 8) {
        byte[] numbers = new byte[8 * COLUMNS];
        matrix.numbers(first, numbers);
        for (int i = 0; i < numbers.length; i++) {
          int row = first + i / COLUMNS;
          int column = i % COLUMNS;
          float value = matrix.scale(row, column) * (numbers[i] - matrix.zero(row, column));
          assertThat(value)
              .as("%s, row %d, column %d", name, row, column)
              .isEqualTo(expected.number((long) row * COLUMNS + column));
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"float8row, 0", "float8flat, 0", "float8whole, -1", "float8scalar, -1"})
  void readsEveryEightBitFloat(String name, int group) {
    StoredQuantization stored = new StoredQuantization(Layout.FLOAT_QUANTIZED, 8, group, true);
    try (Checkpoint checkpoint = checkpoint()) {
      String weight = name + ".q_proj.weight";
      assertThat(PackedMatrix.isThere(checkpoint, weight)).isTrue();
      StoredTensor expected = checkpoint.tensor(name + ".expected");
      StoredTensor bits = checkpoint.tensor(weight);
      PackedMatrix matrix = PackedMatrix.open(checkpoint, weight, ROWS, COLUMNS, stored);
      for (int first = 0; first < ROWS; first += 8) {
        byte[] numbers = new byte[8 * COLUMNS];
        matrix.numbers(first, numbers);
        for (int i = 0; i < numbers.length; i++) {
          int row = first + i / COLUMNS;
          int column = i % COLUMNS;
          long at = (long) row * COLUMNS + column;
          assertThat(numbers[i]).isEqualTo(bits.data().get(ValueLayout.JAVA_BYTE, at));
          assertThat(matrix.zero(row, column)).isZero();
          // By the format's definition: a sign, four bits of exponent, three of mantissa.
          int exponent = (numbers[i] & 127) / 8;
          double mantissa = (numbers[i] & 7) / 8.0;
          double magnitude =
              exponent == 0 ? mantissa * 0x1p-6 : Math.scalb(1 + mantissa, exponent - 7);
          double value = (numbers[i] < 0 ? -1 : 1) * magnitude * matrix.scale(row, column);
          assertThat((float) value)
              .as("%s, row %d, column %d", name, row, column)
              .isEqualTo(expected.number(at));
        }
      }
    }
  }

  @Test
  void refusesEightBitFloatsOfAnotherTypeOrShape() {
    StoredQuantization rows = new StoredQuantization(Layout.FLOAT_QUANTIZED, 8, 0, true);
    StoredQuantization whole = new StoredQuantization(Layout.FLOAT_QUANTIZED, 8, -1, true);
    try (Checkpoint checkpoint = checkpoint()) {
      refuses(checkpoint, "int8row", rows);
      refuses(checkpoint, "float8whole", rows);
      refuses(checkpoint, "float8scalar", rows);
      refuses(checkpoint, "float8row", whole);
      refuses(checkpoint, "float8flat", whole);
      refuses(checkpoint, "float8row", new StoredQuantization(Layout.INT_QUANTIZED, 8, 0, true));
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(
              () -> PackedMatrix.open(checkpoint, "float8row.q_proj.weight", COLUMNS, ROWS, rows))
          .withMessageContainingAll("float8row.q_proj.weight", "must be F8_E4M3 of the shape");
    }
  }

  @Test
  void refusesTensorsOfAnotherShapeOrOrder() {
    try (Checkpoint checkpoint = checkpoint()) {
      refuses(checkpoint, "pack4", new StoredQuantization(Layout.PACK_QUANTIZED, 4, 64, true));
      refuses(checkpoint, "pack4", new StoredQuantization(Layout.PACK_QUANTIZED, 8, 32, true));
      refuses(checkpoint, "pack4", new StoredQuantization(Layout.PACK_QUANTIZED, 4, 32, false));
      refuses(checkpoint, "gptq", new StoredQuantization(Layout.GPTQ, 4, 96, false));
      refuses(checkpoint, "awq", new StoredQuantization(Layout.GPTQ, 4, 64, false));
      StoredQuantization right = new StoredQuantization(Layout.PACK_QUANTIZED, 4, 32, true);
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> PackedMatrix.open(checkpoint, "pack4.q_proj.weight", 32, 192, right))
          .withMessageContaining("pack4.q_proj.weight_shape");
    }
  }

  private static void refuses(Checkpoint checkpoint, String name, StoredQuantization stored) {
    assertThatExceptionOfType(CheckpointException.class)
        .as(name + " as " + stored)
        .isThrownBy(
            () -> PackedMatrix.open(checkpoint, name + ".q_proj.weight", ROWS, COLUMNS, stored))
        .satisfies(e -> assertThat(e).message().hasLineCount(1).contains(name + ".q_proj."));
  }
}
