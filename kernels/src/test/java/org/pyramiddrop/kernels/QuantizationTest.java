package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class QuantizationTest {
  private static final long SEED = System.nanoTime();

  private final Random random = new Random(SEED);

  /** Memory that holds no number of the test's, so that whatever isn't written is seen. */
  private static MemorySegment poisoned(Blocks blocks) {
    return Arena.ofAuto().allocate(blocks.bytes(), 64).fill((byte) 0x7f);
  }

  private float[] normal(int count, double deviation) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (random.nextGaussian() * deviation);
    }
    return values;
  }

  /** What rounding to an eight-bit float may be off by: half the distance to its neighbours. */
  private static double halfStep(double magnitude) {
    return Math.scalb(1.0, Math.max(Math.getExponent(magnitude), -6) - 4);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 31, 32, 33, 64, 131})
  void roundsARowToTheNearestEightBitFloats(int columns) {
    Blocks blocks = new Blocks(DType.FP8, 5, columns);
    MemorySegment data = poisoned(blocks);
    Quantization quantization = new Quantization(blocks, data);
    for (int row = 0; row < 5; row++) {
      // Of all sizes: a row's scale has all exponents that a float has.
      float[] values = normal(columns, Math.exp(random.nextDouble(-60, 60)));
      quantization.row(row, values);
      double most = 0;
      for (float value : values) {
        most = Math.max(most, Math.abs((double) value));
      }
      float scale = blocks.scale(data, row, 0);
      assertThat((double) scale)
          .as("seed %d", SEED)
          .isBetween(most / 448 * (1 - 1e-7), most / 448 * (1 + 1e-7));
      for (int c = 0; c < columns; c++) {
        double levels = (double) values[c] / scale;
        double number = Float8.toFloat((byte) blocks.number(data, row, c));
        // The quotient is rounded to a float beforehand.
        assertThat(Math.abs(levels - number))
            .as("%s over %s became %s, seed %d", values[c], scale, number, SEED)
            .isLessThanOrEqualTo(halfStep(levels) + 1e-7 * Math.abs(levels));
      }
      MemorySegment behind =
          data.asSlice(blocks.numbers(row) + columns, blocks.numberBytes() - columns);
      assertThat(behind.toArray(ValueLayout.JAVA_BYTE))
          .as("what fills a row up")
          .isEqualTo(new byte[(int) behind.byteSize()]);
    }
  }

  @Test
  void holdsRowsOfZerosAndOfTheSmallestAndLargestFloatsInEightBitFloats() {
    Blocks blocks = new Blocks(DType.FP8, 1, 3);
    MemorySegment data = poisoned(blocks);
    for (float most : new float[] {0, Float.MIN_VALUE, 1e-40f, Float.MIN_NORMAL, Float.MAX_VALUE}) {
      new Quantization(blocks, data).row(0, new float[] {0, most, -most});
      assertThat(blocks.value(data, 0, 0)).isZero();
      // A scale may be subnormal, and lack most of its bits.
      double error = most / 8.0 + Float.MIN_VALUE;
      assertThat((double) blocks.value(data, 0, 1)).isBetween(most - error, most + error);
      assertThat(blocks.value(data, 0, 2)).isEqualTo(-blocks.value(data, 0, 1));
      assertThat(Float.isFinite(blocks.value(data, 0, 1))).as("%s", most).isTrue();
    }
    assertThat(blocks.scale(data, 0, 0)).isEqualTo(Float.MAX_VALUE / 448);
  }

  @ParameterizedTest
  @EnumSource(names = {"INT8", "INT4", "FP8"})
  void refusesWhatIsNoNumber(DType dtype) {
    Blocks blocks = new Blocks(dtype, 1, 40);
    MemorySegment data = poisoned(blocks);
    for (float wrong : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      float[] values = normal(40, 1);
      values[random.nextInt(40)] = wrong;
      assertThatExceptionOfType(ArithmeticException.class)
          .isThrownBy(() -> new Quantization(blocks, data).row(0, values))
          .withMessageContaining("NaN");
    }
  }

  @Test
  void takesEightBitFloatsAsTheyAre() {
    Blocks blocks = new Blocks(DType.FP8, 2, 127);
    MemorySegment data = poisoned(blocks);
    byte[] numbers = new byte[256];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = (byte) i;
    }
    Quantization quantization = new Quantization(blocks, data);
    quantization.row(0, numbers, 0, _ -> 0.1f, _ -> 0);
    quantization.row(1, numbers, 128, _ -> -3e-30f, _ -> 0);
    for (int i = 0; i < 127; i++) {
      assertThat(blocks.number(data, 0, i) & 255).isEqualTo(i);
      assertThat(blocks.number(data, 1, i) & 255).isEqualTo(128 + i);
    }
    assertThat(blocks.scale(data, 0, 0)).isEqualTo(0.1f);
    assertThat(blocks.scale(data, 1, 0)).isEqualTo(-3e-30f);
    assertThat(data.get(ValueLayout.JAVA_BYTE, 127)).as("what fills a row up").isZero();
    for (int nan : new int[] {1, 129}) {
      assertThatExceptionOfType(ArithmeticException.class)
          .isThrownBy(() -> quantization.row(0, numbers, nan, _ -> 1, _ -> 0))
          .withMessage("NaN");
    }
    for (float scale : new float[] {Float.NaN, Float.POSITIVE_INFINITY, 1e36f}) {
      assertThatExceptionOfType(ArithmeticException.class)
          .isThrownBy(() -> quantization.row(0, numbers, 0, _ -> scale, _ -> 0))
          .withMessage("a scale of %s, which fp8 can't have", scale);
    }
  }
}
