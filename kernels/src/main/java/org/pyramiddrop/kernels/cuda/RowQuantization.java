package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.cuda.ScaledMatrix;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;

/** Rows of activations as eight-bit floats, each with a scale: {@code quantize_rows.cu}. */
final class RowQuantization {
  private final Launcher launcher;
  private final DeviceMemory memory;

  RowQuantization(Launcher launcher, DeviceMemory memory) {
    this.launcher = launcher;
    this.memory = memory;
  }

  /** Rows in device memory, as {@link Blocks} lays them. */
  record Rows(DeviceMemory.Block block, Blocks blocks) implements AutoCloseable {
    ScaledMatrix matrix() {
      return new ScaledMatrix(block.address(), block.address() + blocks.scales());
    }

    @Override
    public void close() {
      block.close();
    }
  }

  /** Numbers of a row, filled up to whole blocks. */
  static int padded(int columns) {
    return new Blocks(DType.FP8, 1, columns).perRow() * Blocks.SIZE;
  }

  /** Quantises a product's rows, normalised if it says so; the caller closes them. */
  Rows quantize(Product product) {
    CudaTensor x = product.x();
    Blocks blocks = new Blocks(DType.FP8, x.rows(), x.columns());
    Rows rows = new Rows(memory.allocate(blocks.bytes()), blocks);
    ScaledMatrix out = rows.matrix();
    Product.Norm norm = product.norm();
    launcher
        .kernel("quantize_rows")
        .pointer(x.address())
        .pointer(norm == null ? 0 : norm.weight().address())
        .pointer(out.address())
        .pointer(out.scales());
    CudaNorms.launch(launcher, x, norm == null ? 0 : norm.epsilon());
    return rows;
  }
}
