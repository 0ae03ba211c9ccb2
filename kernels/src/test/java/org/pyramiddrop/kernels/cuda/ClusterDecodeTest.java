package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.pyramiddrop.kernels.Heads;

/** How many blocks share a row's keys on an H100. */
class ClusterDecodeTest {
  private static final int MULTIPROCESSORS = 132;

  private static int blocks(int query, int keyValue, int rows, int keys) {
    return ClusterDecode.blocks(MULTIPROCESSORS, new Heads(query, keyValue, 128), rows, keys);
  }

  @Test
  void fillsTheGpuOnce() {
    assertThat(blocks(32, 32, 1, 700)).isEqualTo(4);
    assertThat(blocks(32, 32, 1, 3000)).isEqualTo(4);
    assertThat(blocks(40, 40, 1, 700)).isEqualTo(4);
    assertThat(blocks(32, 32, 3, 700)).isEqualTo(2);
    assertThat(blocks(32, 8, 1, 700)).isEqualTo(8);
    assertThat(blocks(32, 8, 3, 700)).isEqualTo(4);
  }

  /** Seven heads that share keys are two clusters, of four heads and of three. */
  @Test
  void countsHeadsThatReadTheSameKeysTwice() {
    assertThat(blocks(28, 4, 1, 700)).isEqualTo(8);
    assertThat(blocks(56, 8, 1, 700)).isEqualTo(8);
    assertThat(blocks(56, 8, 2, 700)).isEqualTo(4);
  }

  @Test
  void leavesManyRowsUnsplitAndFewLongOnesToMoreBlocksThanAClusterHas() {
    assertThat(blocks(32, 32, 4, 700)).isZero();
    assertThat(blocks(4, 1, 1, 700)).isEqualTo(8);
    assertThat(blocks(4, 1, 1, 8 * 512)).isEqualTo(8);
    assertThat(blocks(4, 1, 1, 8 * 512 + 1)).isZero();
  }
}
