package org.pyramiddrop.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.function.IntUnaryOperator;
import jdk.incubator.vector.IntVector;
import org.junit.jupiter.api.Test;

/** Compares bits; NaN is one number, whatever its payload. */
class NumbersTest {
  @Test
  void widensEveryBinary16NumberInALane() {
    int[] halves = each(i -> i | (0xa5a50000 ^ (i << 16))); // The upper half must be ignored.
    float[] widened = new float[halves.length];
    for (int i = 0; i < halves.length; i += Lanes.COUNT) {
      Numbers.float16(IntVector.fromArray(Lanes.INTS, halves, i)).intoArray(widened, i);
    }
    assertThat(each(i -> Float.floatToIntBits(widened[i])))
        .isEqualTo(each(i -> Float.floatToIntBits(Float.float16ToFloat((short) i))));
  }

  @Test
  void widensEveryBfloat16Number() {
    assertThat(each(i -> Float.floatToRawIntBits(Numbers.bfloat16((short) i))))
        .isEqualTo(each(i -> i << 16));
  }

  private static int[] each(IntUnaryOperator number) {
    int[] numbers = new int[1 << 16];
    Arrays.setAll(numbers, number);
    return numbers;
  }
}
