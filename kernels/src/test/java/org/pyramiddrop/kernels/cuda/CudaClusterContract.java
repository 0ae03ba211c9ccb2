package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.kernels.AttentionOnlyContract;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Kernels;

/** Attention of a few rows by clusters of up to eight blocks, which want some multiprocessors. */
abstract class CudaClusterContract extends AttentionOnlyContract {
  private static final int MULTIPROCESSORS = 16;

  private final DType dtype;

  CudaClusterContract(DType dtype) {
    this.dtype = dtype;
  }

  @Override
  protected Kernels open() {
    TestGpu.prepare();
    TestGpu.emulateMultiprocessors(MULTIPROCESSORS);
    return TestGpu.open(dtype, new CudaOptions(true, false).withHopper(true));
  }

  @AfterEach
  void forgetHooks() {
    TestGpu.restore();
  }

  @Override
  protected double tolerance() {
    return 1e-3;
  }

  @Override
  protected double share() {
    return 0.4;
  }

  /** As in CudaHopperContract, for rows that are no few. */
  @Override
  protected double weightTolerance() {
    return dtype == DType.BFLOAT16 ? 0x1p-8 : 0;
  }

  /** Several rounds of both batches of a slot, by clusters of two, four and eight blocks. */
  @Test
  void attendsToMoreKeysThanAreLoadedAtOnce() {
    attendsToAllKeys(new Heads(9, 9, 128), 487);
    attendsToAllKeys(new Heads(2, 2, 128), 1_671);
    attendsToAllKeys(new Heads(3, 1, 128), 1_671);
  }

  /** Some heads of a key/value head are another cluster's, which stores nothing. */
  @Test
  void attendsWithMoreHeadsOnAKeyThanAClusterHas() {
    for (int keys : new int[] {1, 17, 850}) {
      attendsToAllKeys(new Heads(10, 2, 72), keys);
      attendsToAllKeys(new Heads(8, 1, 64), keys);
    }
  }

  /** Heads of each size of cluster that 16 multiprocessors have room for, and of none. */
  @Test
  void testsClustersOfEachSize() {
    assertThat(blocks(new Heads(4, 1, 64))).isEqualTo(8);
    assertThat(blocks(new Heads(6, 2, 64))).isEqualTo(8);
    assertThat(blocks(new Heads(5, 5, 64))).isEqualTo(4);
    assertThat(ClusterDecode.blocks(MULTIPROCESSORS, new Heads(6, 2, 64), 4, 300)).isEqualTo(2);
    assertThat(ClusterDecode.blocks(MULTIPROCESSORS, new Heads(5, 5, 64), 8, 300)).isZero();
  }

  private static int blocks(Heads heads) {
    return ClusterDecode.blocks(MULTIPROCESSORS, heads, 1, 300);
  }
}
