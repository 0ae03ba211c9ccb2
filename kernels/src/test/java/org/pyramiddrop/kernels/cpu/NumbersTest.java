package org.pyramiddrop.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import jdk.incubator.vector.IntVector;
import org.junit.jupiter.api.Test;

class NumbersTest {
  @Test
  void widensEveryBinary16Number() {
    float[] lanes = new float[Lanes.COUNT];
    int[] halves = new int[Lanes.COUNT];
    for (int first = 0; first < 1 << 16; first += Lanes.COUNT) {
      for (int i = 0; i < Lanes.COUNT; i++) {
        // The upper half must be ignored.
        halves[i] = (first + i) | 0xa5a50000 ^ (first << 16);
      }
      Numbers.float16(IntVector.fromArray(Lanes.INTS, halves, 0)).intoArray(lanes, 0);
      for (int i = 0; i < Lanes.COUNT; i++) {
        float expected = Float.float16ToFloat((short) (first + i));
        assertThat(Float.floatToIntBits(lanes[i]))
            .as("bits %x", first + i)
            .isEqualTo(Float.floatToIntBits(expected));
      }
    }
  }

  @Test
  void widensEveryBfloat16Number() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      assertThat(Float.floatToRawIntBits(Numbers.bfloat16((short) bits))).isEqualTo(bits << 16);
    }
  }
}
