package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Tensors, weights and indices as memory. */
interface MemoryContract extends ContractPart {
  @Test
  default void uploadsAndDownloadsEveryNumber() {
    float[] values = random().weights(DType.BFLOAT16, 7 * 33, 1);
    values[0] = Float.NaN;
    values[1] = Float.NEGATIVE_INFINITY;
    values[2] = -0f;
    Output out = device().output(7, 33);
    kernels().upload(values, out.view());
    assertThat(out.read()).isEqualTo(values);
    assertThat(kernels().download(out.view())).isEqualTo(values);
  }

  @Test
  default void aViewSharesItsOwnersMemory() {
    Tensor whole = device().owned(kernels().allocate(9, 5));
    kernels().upload(new float[45], whole);
    Tensor view = whole.rows(2, 6).rows(1, 2);
    assertThat(view.rows()).isEqualTo(2);
    assertThat(view.columns()).isEqualTo(5);
    float[] values = random().weights(DType.BFLOAT16, 10, 1);
    kernels().upload(values, view);
    float[] expected = new float[45];
    System.arraycopy(values, 0, expected, 15, 10);
    assertThat(kernels().download(whole)).isEqualTo(expected);
    view.close();
    assertThat(kernels().download(whole)).isEqualTo(expected);
  }

  @Test
  default void refusesViewsThatReachOutside() {
    Tensor tensor = device().owned(kernels().allocate(4, 3));
    Weight weight = device().weight(DType.FLOAT32, new float[12], 3);
    for (int[] range : new int[][] {{-1, 2}, {0, 5}, {4, 1}, {1, -1}, {1, Integer.MAX_VALUE}}) {
      assertThatExceptionOfType(IndexOutOfBoundsException.class)
          .isThrownBy(() -> tensor.rows(range[0], range[1]));
      assertThatExceptionOfType(IndexOutOfBoundsException.class)
          .isThrownBy(() -> weight.rows(range[0], range[1]));
    }
    // A view of a view is held to the view.
    assertThatExceptionOfType(IndexOutOfBoundsException.class)
        .isThrownBy(() -> tensor.rows(1, 2).rows(1, 2));
    assertThatExceptionOfType(IndexOutOfBoundsException.class)
        .isThrownBy(() -> weight.rows(1, 2).rows(1, 2));
  }

  @Test
  default void refusesAClosedTensor() {
    Tensor closed = kernels().allocate(2, 2);
    Tensor open = device().input(new float[4], 2);
    Weight w = device().weight(DType.FLOAT32, new float[4], 2);
    closed.close();
    closed.close();
    assertThatIllegalStateException().isThrownBy(() -> kernels().download(closed));
    assertThatIllegalStateException().isThrownBy(() -> kernels().upload(new float[4], closed));
    assertThatIllegalStateException().isThrownBy(() -> closed.rows(0, 1));
    assertThatIllegalStateException().isThrownBy(() -> kernels().copy(open, closed));
    assertThatIllegalStateException().isThrownBy(() -> kernels().copy(closed, open));
    assertThatIllegalStateException().isThrownBy(() -> kernels().add(closed, w));
    assertThatIllegalStateException()
        .isThrownBy(() -> kernels().linear(closed, w, null, Activation.NONE, open));
    assertThatIllegalStateException()
        .isThrownBy(() -> kernels().linear(open, w, null, Activation.NONE, closed));
  }

  @Test
  default void closesEverythingTwice() {
    Indices indices = kernels().indices(1, 2);
    Rotary rotary = kernels().rotary(4, 10_000, 3);
    Weight weight = kernels().weight(List.of(Stored.matrix(DType.FLOAT16, new float[] {1, 2}, 1)));
    for (int i = 0; i < 2; i++) {
      indices.close();
      rotary.close();
      weight.close();
    }
    kernels().close();
    kernels().close();
  }

  @Test
  default void copiesIndices() {
    int[] values = {3, -1, Integer.MAX_VALUE};
    Indices indices = device().indices(values);
    values[0] = 9;
    assertThat(indices.size()).isEqualTo(3);
    int[] back = kernels().download(indices);
    assertThat(back).containsExactly(3, -1, Integer.MAX_VALUE);
    back[0] = 9;
    assertThat(kernels().download(indices)).startsWith(3);
  }

  @Test
  default void uploadsToPartsOfIndices() {
    Indices indices = device().indices(1, 2, 3, 4, 5);
    Indices part = indices.part(1, 4).part(1, 2);
    assertThat(part.size()).isEqualTo(2);
    kernels().upload(new int[] {-7, 8}, part);
    assertThat(kernels().download(indices)).containsExactly(1, 2, -7, 8, 5);
    assertThat(kernels().download(part)).containsExactly(-7, 8);
    part.close();
    assertThat(kernels().download(indices)).hasSize(5);
    assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> indices.part(3, 3));
    assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> part.part(1, 2));
    assertThatIllegalArgumentException().isThrownBy(() -> kernels().upload(new int[] {1}, indices));
  }

  @Test
  default void keepsFloat32WhereItIsAskedFor() {
    float[] values = {1 + 0x1p-23f, 0x1p-140f, 1e38f, Float.NaN};
    Tensor tensor = device().owned(kernels().allocate(DType.FLOAT32, 2, 2));
    kernels().upload(values, tensor);
    assertThat(tensor.dtype()).isEqualTo(DType.FLOAT32);
    assertThat(tensor.rows(1, 1).dtype()).isEqualTo(DType.FLOAT32);
    assertThat(kernels().download(tensor)).isEqualTo(values);
    Tensor activations = device().owned(kernels().allocate(1, 1));
    assertThat(activations.dtype()).isEqualTo(kernels().dtype());
  }

  @Test
  default void tellsTheShapeOfStackedWeights() {
    HostMatrix two = Stored.matrix(DType.BFLOAT16, new float[6], 3);
    HostMatrix one = Stored.matrix(DType.BFLOAT16, new float[3], 3);
    Weight weight = device().owned(kernels().weight(List.of(two, one, two)));
    assertThat(weight.rows()).isEqualTo(5);
    assertThat(weight.columns()).isEqualTo(3);
    assertThat(weight.dtype()).isIn(DType.BFLOAT16, kernels().dtype());
    assertThat(weight.rows(1, 3).rows()).isEqualTo(3);
    assertThat(weight.rows(1, 3).columns()).isEqualTo(3);
  }

  @Test
  default void refusesMatricesThatDoNotStack() {
    HostMatrix matrix = Stored.matrix(DType.BFLOAT16, new float[6], 3);
    assertThatIllegalArgumentException().isThrownBy(() -> kernels().weight(List.of()));
    for (HostMatrix other :
        List.of(
            Stored.matrix(DType.BFLOAT16, new float[4], 2),
            Stored.matrix(DType.FLOAT16, new float[6], 3),
            Stored.matrix(DType.FLOAT32, new float[6], 3))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> kernels().weight(List.of(matrix, other)));
    }
  }

  @Test
  default void refusesToUploadAnotherNumberOfValues() {
    Output out = device().output(2, 3);
    for (int count : new int[] {0, 5, 7}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> kernels().upload(new float[count], out.view()));
    }
    out.untouched("a refused upload");
  }

  @Test
  default void describesTheDevice() {
    assertThat(kernels().description()).isNotBlank().doesNotContain("\n");
  }
}
