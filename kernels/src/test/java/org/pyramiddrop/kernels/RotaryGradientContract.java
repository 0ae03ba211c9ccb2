package org.pyramiddrop.kernels;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** {@link GradientKernels#rotateBack}. */
interface RotaryGradientContract extends ContractPart {
  @Test
  default void turnsTheFirstHeadsBackAndNothingElse() {
    for (int size : AttentionContract.SIZES) {
      for (double theta : new double[] {10_000, 1e6}) {
        Rotary rotary = device().owned(kernels().rotary(size, theta, RotaryContract.POSITIONS));
        int heads = random().between(1, 5);
        int columns = heads * size + random().between(0, 9);
        int[] positions = random().below(RotaryContract.POSITIONS, random().oneOf(1, 3, 13, 61));
        positions[0] = RotaryContract.POSITIONS - 1;
        float[] x = random().normal(positions.length * columns, 1);
        Output out = device().output(x, columns);
        gradients().rotateBack(out.view(), heads, rotary, device().indices(positions));
        // To turn back is to turn by the negative angle, whose frequency has the same float32.
        int[] negative = Arrays.stream(positions).map(position -> -position).toArray();
        device()
            .check(
                "rotateBack %d × %d".formatted(heads, size),
                out,
                Reference.rotate(x, columns, heads, size, theta, negative));
        device().endCase();
      }
    }
  }

  @Test
  default void undoesARotation() {
    Rotary rotary = device().owned(kernels().rotary(16, 10_000, 400));
    int[] positions = random().below(400, 40);
    float[] x = random().normal(40 * 50, 1);
    Output out = device().output(x, 50);
    kernels().rotate(out.view(), 3, rotary, device().indices(positions));
    gradients().rotateBack(out.view(), 3, rotary, device().indices(positions));
    Expected expected = new Expected(40, 50);
    for (int i = 0; i < x.length; i++) {
      int column = i % 50;
      int partner = column < 48 ? (column % 16 < 8 ? i + 8 : i - 8) : i;
      // In between, both are stored: of bfloat16 that is up to 2⁻⁸ of each.
      expected.set(i, x[i], 6 * (Math.abs(x[i]) + Math.abs(x[partner])));
    }
    expected.amplified(3);
    device().check("there and back", out, expected);
  }
}
