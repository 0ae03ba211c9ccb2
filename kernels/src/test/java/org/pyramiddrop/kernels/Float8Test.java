package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** Against the format's definition: a sign, four bits of exponent, three of mantissa. */
class Float8Test {
  private static final int NAN = 0x7f;
  private static final int LARGEST = 0x7e;

  /** The number of bits 0 to 0x7e, which are ordered as their numbers are. */
  private static double magnitude(int bits) {
    int exponent = bits / 8;
    double mantissa = bits % 8 / 8.0;
    return exponent == 0 ? mantissa * Math.pow(2, -6) : (1 + mantissa) * Math.pow(2, exponent - 7);
  }

  /** Both signs of a number round alike. */
  private static void assertRounds(float x, int bits) {
    assertThat(Float8.of(x) & 255).as("%s", x).isEqualTo(bits);
    assertThat(Float8.of(-x) & 255).as("%s", -x).isEqualTo(128 | bits);
  }

  @Test
  void readsEveryNumber() {
    for (int bits = 0; bits < NAN; bits++) {
      float expected = (float) magnitude(bits);
      // As objects, so that zero has its sign.
      assertThat((Float) Float8.toFloat((byte) bits)).as("%02x", bits).isEqualTo(expected);
      assertThat((Float) Float8.toFloat((byte) (128 | bits))).isEqualTo(-expected);
      assertThat(Float8.isNaN((byte) bits) || Float8.isNaN((byte) (128 | bits))).isFalse();
    }
    for (int bits : new int[] {NAN, 128 | NAN}) {
      assertThat(Float8.toFloat((byte) bits)).isNaN();
      assertThat(Float8.isNaN((byte) bits)).isTrue();
    }
    assertThat(Float8.MAX).isEqualTo((float) magnitude(LARGEST)).isEqualTo(448);
    assertThat(Float8.toFloat((byte) 1)).isEqualTo(0x1p-9f);
  }

  @Test
  void keepsEveryNumber() {
    for (int bits = 0; bits <= LARGEST; bits++) {
      assertRounds((float) magnitude(bits), bits);
    }
  }

  @Test
  void roundsMiddlesToTheEvenOneAndWhatIsBesideThemToTheNearest() {
    for (int bits = 0; bits < LARGEST; bits++) {
      float middle = (float) ((magnitude(bits) + magnitude(bits + 1)) / 2);
      assertRounds(middle, bits % 2 == 0 ? bits : bits + 1);
      assertRounds(Math.nextDown(middle), bits);
      assertRounds(Math.nextUp(middle), bits + 1);
    }
  }

  @Test
  void saturates() {
    for (float x : new float[] {448.1f, 464, 480, 1e5f, Float.MAX_VALUE, Float.POSITIVE_INFINITY}) {
      assertRounds(x, LARGEST);
    }
  }

  @Test
  void keepsTheSignOfWhatBecomesZeroAndNaN() {
    for (float x : new float[] {0, Float.MIN_VALUE, Float.MIN_NORMAL, 1e-20f, 0x1p-10f}) {
      assertRounds(x, 0);
    }
    assertThat(Float8.isNaN(Float8.of(Float.NaN))).isTrue();
    assertThat(Float8.isNaN(Float8.of(Float.intBitsToFloat(0xffc00001)))).isTrue();
  }

  @Test
  void findsWhatASearchFinds() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int i = 0; i < 200_000; i++) {
      float x =
          i % 2 == 0
              ? Float.intBitsToFloat(random.nextInt() & Integer.MAX_VALUE)
              : (float) Math.scalb(random.nextDouble(1, 2), random.nextInt(-12, 10));
      if (Float.isNaN(x)) {
        continue;
      }
      int nearest = 0;
      for (int bits = 1; bits <= LARGEST; bits++) {
        double closer = Math.abs(x - magnitude(nearest)) - Math.abs(x - magnitude(bits));
        if (closer > 0 || (closer == 0 && bits % 2 == 0) || x > Float8.MAX) {
          nearest = bits;
        }
      }
      assertThat(Float8.of(x) & 255).as("%s, seed %d", x, seed).isEqualTo(nearest);
      assertThat(Float8.of(-x) & 255).as("%s, seed %d", -x, seed).isEqualTo(128 | nearest);
    }
  }
}
