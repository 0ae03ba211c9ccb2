package org.pyramiddrop.bench.speed;

import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;

/**
 * What a device's own speed is measured with: a large square product, and a read of much memory
 * that writes next to nothing, for GPUs lose time where they turn from reading to writing.
 *
 * @param side rows, inputs and outputs of the product; columns of what is read
 * @param rows that are read
 */
public record DeviceCeiling(int side, int rows) {
  /** A gigabyte or two. */
  public static final DeviceCeiling LARGE = new DeviceCeiling(8192, 65_536);

  /** Next to nothing, to see that all runs. */
  public static final DeviceCeiling TINY = new DeviceCeiling(64, 256);

  /** Bytes a number of the read; an H100 read fastest where no thread reads twice. */
  private static final int READ_BY_A_BLOCK = 1 << 14;

  /** That of benchmarks on models of a size. */
  public static DeviceCeiling of(ModelSize size) {
    return size == ModelSize.TINY ? TINY : LARGE;
  }

  public Product product() {
    return new Product(side, side, side);
  }

  /** Bytes that are read, if this is the numbers' type. */
  public double readBytes(DType dtype) {
    return (double) rows * side * dtype.bytes();
  }

  /** All that is read, and a number for each part of it. */
  public record Read(Kernels kernels, Tensor from, Indices sums) implements Runnable {
    @Override
    public void run() {
      kernels.checksums(from, sums);
    }
  }

  public Read read(DeviceScratch scratch) {
    Tensor from = scratch.random(rows, side);
    int parts = (int) Math.max(1, readBytes(from.dtype()) / READ_BY_A_BLOCK);
    return new Read(scratch.kernels(), from, scratch.indices(parts));
  }
}
