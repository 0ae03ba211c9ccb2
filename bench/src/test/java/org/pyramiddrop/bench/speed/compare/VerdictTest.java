package org.pyramiddrop.bench.speed.compare;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.bench.checkpoint.RandomNumbers;

class VerdictTest {
  private final float[] expected = RandomNumbers.floats(997, 5);

  @Test
  void allowsWhatIsWithinTheBound() {
    float[] got = expected.clone();
    // Numbers between -1 and 1 deviate by 0.577.
    got[13] += 0.00057f;
    assertThat(Verdict.near(expected, got, 1e-3)).matches(Verdict::agrees);
    assertThat(Verdict.near(expected, got, 9e-4)).matches(v -> !v.agrees());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 500, 996})
  void seesOneElementThatIsNoNumber(int at) {
    float[] got = expected.clone();
    got[at] = Float.NaN;
    Verdict verdict = Verdict.near(expected, got, 10);
    assertThat(verdict).matches(v -> !v.agrees());
    assertThat(verdict.said()).startsWith("element " + at + " is NaN");
  }

  @Test
  void seesThatSomethingIsMissing() {
    Verdict verdict = Verdict.near(expected, new float[996], 10);
    assertThat(verdict).isEqualTo(Verdict.wrong("996 numbers instead of 997"));
  }
}
