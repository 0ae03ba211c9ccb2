package org.pyramiddrop.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/** A linear layer over random weights outside the heap, ready to be run again and again. */
public final class ProductRun implements AutoCloseable {
  private final Product product;
  private final Arena arena = Arena.ofShared();
  private final Kernels kernels;
  private final List<HostMatrix> matrices = new ArrayList<>();
  private final List<Weight> weights = new ArrayList<>();
  private final float[] activations;
  private final Tensor x;
  private final Tensor out;
  private int next;

  /** Draws activations and weights for a product on the CPU. */
  public ProductRun(Product product, DType dtype, int count, int threads, long seed) {
    this(product, dtype, count, Devices.open("cpu", threads, DType.FLOAT32), seed);
  }

  /**
   * Draws activations and weights.
   *
   * @param count how many weights take turns, so that none is still in a cache when it is read
   *     again
   * @param kernels the device, which is closed with the run
   */
  public ProductRun(Product product, DType dtype, int count, Kernels kernels, long seed) {
    this.product = product;
    this.kernels = kernels;
    for (int i = 0; i < count; i++) {
      MemorySegment data = arena.allocate(product.weightBytes(dtype), 64);
      RandomNumbers.fill(data, dtype, 0, 1, seed + 1 + i);
      matrices.add(new HostMatrix(dtype, data, product.outputs(), product.inputs()));
      weights.add(kernels.weight(matrices.subList(i, i + 1)));
    }
    activations = RandomNumbers.floats(product.tokens() * product.inputs(), seed);
    x = kernels.allocate(product.tokens(), product.inputs());
    kernels.upload(activations, x);
    out = kernels.allocate(product.tokens(), product.outputs());
  }

  public Product product() {
    return product;
  }

  public Kernels kernels() {
    return kernels;
  }

  /** Multiplies by the next weight. */
  public Tensor run() {
    kernels.linear(x, weights.get(next), null, Activation.NONE, out);
    next = (next + 1) % weights.size();
    return out;
  }

  /** Multiplies by each weight once. */
  public Tensor runAll() {
    for (int i = 0; i < weights.size(); i++) {
      run();
    }
    return out;
  }

  public float[] activations() {
    return activations.clone();
  }

  public HostMatrix weight(int index) {
    return matrices.get(index);
  }

  public float[] output() {
    return kernels.download(out);
  }

  @Override
  public void close() {
    x.close();
    out.close();
    weights.forEach(Weight::close);
    kernels.close();
    arena.close();
  }
}
