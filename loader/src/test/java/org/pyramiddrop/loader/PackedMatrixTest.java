package org.pyramiddrop.loader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

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
