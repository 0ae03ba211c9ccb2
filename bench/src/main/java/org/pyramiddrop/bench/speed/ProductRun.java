package org.pyramiddrop.bench.speed;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.bench.checkpoint.RandomNumbers;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Quantization;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;
import org.pyramiddrop.loader.HugePages;
import org.pyramiddrop.transformer.engine.Resources;

/** A linear layer over weights outside the heap, ready to be run again and again. */
public final class ProductRun implements AutoCloseable {
  private final Product product;
  private final float[] activations;
  private final List<HostMatrix> matrices;
  private final Kernels kernels;
  private final Resources owned = new Resources();
  private final List<Weight> weights = new ArrayList<>();
  private final Tensor x;
  private final Tensor out;
  private int next;

  /**
   * Hands activations and weights to a device.
   *
   * @param matrices weights that take turns, so that none is still in a cache when it is read again
   * @param kernels the device, which is closed with the run
   * @param arena that the weights lie in, likewise
   */
  public ProductRun(
      Product product,
      float[] activations,
      List<HostMatrix> matrices,
      Kernels kernels,
      Arena arena) {
    this.product = product;
    this.activations = activations;
    this.matrices = matrices;
    this.kernels = kernels;
    owned.add(arena);
    owned.add(kernels);
    matrices.forEach(matrix -> weights.add(owned.add(kernels.weight(List.of(matrix)))));
    x = owned.add(kernels.allocate(product.tokens(), product.inputs()));
    kernels.upload(activations, x);
    out = owned.add(kernels.allocate(product.tokens(), product.outputs()));
  }

  /** Draws activations and some weights. */
  public static ProductRun random(
      Product product, DType dtype, int count, Kernels kernels, long seed) {
    Arena arena = Arena.ofShared();
    // As a model's weights are: converted to blocks, or mapped.
    SegmentAllocator memory = dtype.inBlocks() ? HugePages.allocator(arena) : arena;
    List<HostMatrix> matrices = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      MemorySegment data = memory.allocate(product.weightBytes(dtype), 64);
      if (!dtype.inBlocks()) {
        RandomNumbers.fill(data, dtype, 0, 1, seed + 1 + i);
      } else if (i == 0) {
        fill(new Blocks(dtype, product.outputs(), product.inputs()), data, seed);
      } else {
        // Which numbers a product reads doesn't matter, where it reads them does.
        data.copyFrom(matrices.getFirst().data());
      }
      matrices.add(new HostMatrix(dtype, data, product.outputs(), product.inputs()));
    }
    float[] x = RandomNumbers.floats(product.tokens() * product.inputs(), seed);
    return new ProductRun(product, x, matrices, kernels, arena);
  }

  private static void fill(Blocks blocks, MemorySegment data, long seed) {
    Quantization quantization = new Quantization(blocks, data);
    for (int row = 0; row < blocks.rows(); row++) {
      quantization.row(row, RandomNumbers.floats(blocks.columns(), seed + row));
    }
  }

  public Product product() {
    return product;
  }

  public Kernels kernels() {
    return kernels;
  }

  /** Multiplies by the next weight. */
  public void run() {
    kernels.linear(x, weights.get(next), null, Activation.NONE, out);
    next = (next + 1) % weights.size();
  }

  /** Multiplies by each weight once. */
  public void runAll() {
    weights.forEach(_ -> run());
  }

  /** The products by each weight, {@code weights × tokens × outputs}. */
  public float[] outputs() {
    int size = product.tokens() * product.outputs();
    float[] all = new float[weights.size() * size];
    for (int i = 0; i < weights.size(); i++) {
      run();
      System.arraycopy(output(), 0, all, i * size, size);
    }
    return all;
  }

  public float[] activations() {
    return activations.clone();
  }

  public HostMatrix weight(int index) {
    return matrices.get(index);
  }

  /** The last product. */
  public float[] output() {
    return kernels.download(out);
  }

  @Override
  public void close() {
    owned.close();
  }
}
