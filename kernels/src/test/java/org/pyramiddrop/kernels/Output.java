package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;

/** Rows in the middle of a tensor; those around them must stay as they are. */
public final class Output {
  /** Every dtype has it, and no result is. */
  private static final float GUARD = 12288;

  private final Kernels kernels;
  private final Tensor whole;
  private final int before;
  private final Tensor view;

  Output(Kernels kernels, DType dtype, float[] content, int columns, int before, int after) {
    this.kernels = kernels;
    this.before = before;
    int rows = content.length / columns;
    float[] all = new float[(before + rows + after) * columns];
    Arrays.fill(all, GUARD);
    System.arraycopy(content, 0, all, before * columns, content.length);
    whole = kernels.allocate(dtype, before + rows + after, columns);
    kernels.upload(all, whole);
    view = whole.rows(before, rows);
  }

  /** What an operation writes to. */
  public Tensor view() {
    return view;
  }

  Tensor whole() {
    return whole;
  }

  /** What was written, once the rows around it were found untouched. */
  public float[] read() {
    float[] all = kernels.download(whole);
    int first = before * whole.columns();
    int end = first + view.rows() * whole.columns();
    for (int i = 0; i < all.length; i++) {
      if ((i < first || i >= end) && all[i] != GUARD) {
        throw new AssertionError("wrote outside its rows, %d numbers from them".formatted(i - end));
      }
    }
    return Arrays.copyOfRange(all, first, end);
  }

  /** Holds that nothing was written at all. */
  void untouched(String what) {
    for (float value : read()) {
      assertThat(value).as(what).isNaN();
    }
  }
}
