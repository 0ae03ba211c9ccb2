package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.kernels.Parameter.Content;

/** {@link Parameter}, and {@link GradientKernels#adamW}. */
interface ParameterContract extends ContractPart {
  private Parameter parameter(DType dtype, float[] values, int columns) {
    return device().owned(gradients().parameter(Stored.matrix(dtype, values, columns)));
  }

  @Test
  default void beginsAsItsMatrixWithoutGradientAndMoments() {
    for (DType dtype : DType.single()) {
      for (int columns : new int[] {1, 2, 7, 33, 130}) {
        float[] values = random().weights(dtype, 13 * columns, 1);
        Parameter parameter = parameter(dtype, values, columns);
        assertThat(parameter.rows()).isEqualTo(13);
        assertThat(parameter.columns()).isEqualTo(columns);
        assertThat(parameter.weight().rows()).isEqualTo(13);
        assertThat(parameter.weight().columns()).isEqualTo(columns);
        assertThat(parameter.gradient().rows()).isEqualTo(13);
        assertThat(parameter.gradient().columns()).isEqualTo(columns);
        assertThat(parameter.gradient().dtype()).isEqualTo(DType.FLOAT32);
        assertThat(gradients().download(parameter, Content.VALUE)).isEqualTo(values);
        float[] zeros = new float[values.length];
        assertThat(gradients().download(parameter, Content.FIRST_MOMENT)).isEqualTo(zeros);
        assertThat(gradients().download(parameter, Content.SECOND_MOMENT)).isEqualTo(zeros);
        assertThat(kernels().download(parameter.gradient())).isEqualTo(zeros);
        holdsWeight(parameter, values);
        device().endCase();
      }
    }
  }

  /** Reads the weight as operations do: as a table, and a vector as a norm's weight too. */
  private void holdsWeight(Parameter parameter, float[] values) {
    int rows = parameter.rows();
    int columns = parameter.columns();
    float[] rounded = new float[values.length];
    for (int i = 0; i < rounded.length; i++) {
      rounded[i] = random().round(values[i]);
    }
    Indices all = device().indices(IntStream.range(0, rows).toArray());
    Output table = device().output(rows, columns);
    kernels().embed(parameter.weight(), all, table.view());
    device().check("the weight as a table", table, Expected.exactly(rounded, columns));
    if (columns == 1) {
      float[] ones = new float[rows];
      Arrays.fill(ones, 1);
      Output normed = device().output(1, rows);
      kernels().rmsNorm(device().input(ones, rows), parameter.weight(), 0, normed.view());
      Expected expected = Reference.rmsNorm(ones, rounded, 0);
      device().check("the weight as a norm's", normed, expected);
    }
  }

  @Test
  default void aWeightFollowsWhatIsUploaded() {
    for (int columns : new int[] {1, 7, 64}) {
      Parameter parameter = parameter(DType.FLOAT16, new float[9 * columns], columns);
      Weight view = parameter.weight().rows(2, 5);
      float[] values = numbers(9 * columns);
      gradients().upload(values, parameter, Content.VALUE);
      assertThat(gradients().download(parameter, Content.VALUE)).isEqualTo(values);
      holdsWeight(parameter, values);
      Output rows = device().output(2, columns);
      kernels().embed(view, device().indices(0, 4), rows.view());
      float[] expected = new float[2 * columns];
      for (int i = 0; i < expected.length; i++) {
        expected[i] = random().round(values[(i < columns ? 2 : 6) * columns + i % columns]);
      }
      device().check("a view of the weight", rows, Expected.exactly(expected, columns));
      device().endCase();
    }
  }

  @Test
  default void keepsEveryContentApart() {
    float[] value = numbers(35);
    float[] first = numbers(35);
    float[] second = numbers(35);
    Parameter parameter = parameter(DType.FLOAT32, new float[35], 5);
    gradients().upload(value, parameter, Content.VALUE);
    gradients().upload(first, parameter, Content.FIRST_MOMENT);
    gradients().upload(second, parameter, Content.SECOND_MOMENT);
    assertThat(gradients().download(parameter, Content.VALUE)).isEqualTo(value);
    assertThat(gradients().download(parameter, Content.FIRST_MOMENT)).isEqualTo(first);
    assertThat(gradients().download(parameter, Content.SECOND_MOMENT)).isEqualTo(second);
    assertThat(kernels().download(parameter.gradient())).containsOnly(0);
  }

  /** Numbers that only float32 has. */
  private float[] numbers(int count) {
    float[] values = random().normal(count, 1);
    for (int i = 0; i < count; i++) {
      values[i] += Math.scalb(Math.max(Math.abs(values[i]), 0x1p-10f), -20);
    }
    return values;
  }

  @Test
  default void followsAdamWForTwentySteps() {
    for (int columns : new int[] {1, 3, 33, 700}) {
      for (float decay : new float[] {0, 0.1f}) {
        float[] initial = numbers(11 * columns);
        float rate = (float) random().oneOf(1e-3, 2e-5, 0.05);
        float scale = (float) random().oneOf(1, 0.37);
        Parameter parameter = parameter(DType.FLOAT32, initial, columns);
        GradientReference.AdamW reference = new GradientReference.AdamW(initial);
        for (int step = 1; step <= 20; step++) {
          float[] gradient = gradient(initial.length);
          GradientKernels.AdamW settings =
              new GradientKernels.AdamW(0.9f, 0.999f, 1e-8f, decay, step);
          kernels().upload(gradient, parameter.gradient());
          gradients().adamW(parameter, settings, rate, scale);
          reference.step(gradient, settings, rate, scale);
          assertThat(kernels().download(parameter.gradient())).isEqualTo(gradient);
          follows(parameter, reference, rate, step);
        }
        holdsWeight(parameter, gradients().download(parameter, Content.VALUE));
        device().endCase();
      }
    }
  }

  /** Numbers of many sizes, and 0. */
  private float[] gradient(int count) {
    float[] gradient = numbers(count);
    for (int i = 0; i < count; i += 3) {
      gradient[i] *= (float) random().oneOf(0, 1e-6, 1e-3, 100);
    }
    return gradient;
  }

  /** A step is about the learning rate, and rounds the value each time. */
  private void follows(Parameter parameter, GradientReference.AdamW reference, float rate, int t) {
    int columns = parameter.columns();
    Expected value = new Expected(parameter.rows(), columns);
    Expected first = new Expected(parameter.rows(), columns);
    Expected second = new Expected(parameter.rows(), columns);
    for (int i = 0; i < reference.value.length; i++) {
      value.set(i, reference.value[i], Math.abs(reference.value[i]) + t * rate);
      first.set(i, reference.first[i], reference.firstScales[i]);
      second.set(i, reference.second[i], Math.abs(reference.second[i]));
    }
    String step = " after step %d at %s".formatted(t, rate);
    check("value" + step, value, gradients().download(parameter, Content.VALUE));
    check("first moment" + step, first, gradients().download(parameter, Content.FIRST_MOMENT));
    check("second moment" + step, second, gradients().download(parameter, Content.SECOND_MOMENT));
  }

  /** Parameters are float32 whatever activations are. */
  private static void check(String what, Expected expected, float[] actual) {
    expected.check(what, DType.FLOAT32, actual, 1e-5);
  }

  @Test
  default void closesAParameterOnceWithAllItHas() {
    Parameter parameter = gradients().parameter(Stored.matrix(DType.FLOAT32, new float[6], 3));
    Tensor gradient = parameter.gradient();
    parameter.close();
    parameter.close();
    assertThatIllegalStateException().isThrownBy(() -> kernels().download(gradient));
    for (Content content : List.of(Content.values())) {
      assertThatIllegalStateException().isThrownBy(() -> gradients().download(parameter, content));
    }
  }
}
