package org.pyramiddrop.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pyramiddrop.cuda.bindings.cublasLt_h;

/** A planned product of two matrices, {@code + bias}, {@code + out}. */
public final class MatrixProduct extends NativeResource {
  private final CublasLt cublas;
  private final ProductShape shape;
  private final ProductDescriptors descriptors;
  private final MemorySegment algorithm;
  private final MemorySegment productScale;
  private final MemorySegment outScale;

  MatrixProduct(
      CublasLt cublas,
      ProductShape shape,
      ProductDescriptors descriptors,
      MemorySegment algorithm) {
    super(cublas.context(), "matrix product");
    this.cublas = cublas;
    this.shape = shape;
    this.descriptors = descriptors;
    this.algorithm = algorithm;
    Arena arena = Arena.ofAuto();
    this.productScale = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1);
    this.outScale = arena.allocateFrom(ValueLayout.JAVA_FLOAT, shape.accumulate() ? 1 : 0);
  }

  /** What was planned. */
  public ProductShape shape() {
    return shape;
  }

  /**
   * Multiplies matrices without scales, after what the stream was given before.
   *
   * @param x address of {@code [rows, inputs]}, or as {@link Transposed} says
   * @param w address of {@code [outputs, inputs]}, or as it says, its rows close together
   * @param bias address of {@code [outputs]}; not looked at if the shape has none
   * @param out address of {@code [rows, outputs]}, apart from the others
   * @throws IllegalArgumentException if an address is not aligned as planned, or if the shape is
   *     {@link ProductShape#scaled}
   */
  public void run(CudaStream stream, long x, long w, long bias, long out) {
    requireOpen();
    requireScales(false);
    long addresses = x | w | out | (shape.bias() ? bias : 0);
    if ((addresses & (shape.alignment() - 1)) != 0) {
      throw new IllegalArgumentException(
          "an address is no multiple of %d: x %#x, w %#x, bias %#x, out %#x"
              .formatted(shape.alignment(), x, w, bias, out));
    }
    if (shape.bias()) {
      descriptors.setBias(bias);
    }
    multiply(stream, x, w, out);
  }

  /**
   * Multiplies matrices with scales, after what the stream was given before.
   *
   * @param x {@code [rows, inputs]}, with {@code rows} scales
   * @param w {@code [outputs, inputs]}, its rows close together, with {@code outputs} scales
   * @param out address of {@code [rows, outputs]}, apart from the others
   * @throws IllegalArgumentException if an address is not aligned as planned, or if the shape is
   *     not {@link ProductShape#scaled}
   */
  public void run(CudaStream stream, ScaledMatrix x, ScaledMatrix w, long out) {
    requireOpen();
    requireScales(true);
    long addresses = x.address() | x.scales() | w.address() | w.scales() | out;
    if ((addresses & (shape.alignment() - 1)) != 0) {
      throw new IllegalArgumentException(
          "an address is no multiple of %d: x %#x, its scales %#x, w %#x, its scales %#x, out %#x"
              .formatted(shape.alignment(), x.address(), x.scales(), w.address(), w.scales(), out));
    }
    descriptors.setScales(x.scales(), w.scales());
    multiply(stream, x.address(), w.address(), out);
  }

  private void requireScales(boolean given) {
    if (given != shape.scaled()) {
      throw new IllegalArgumentException(
          (given ? "scales given that were not planned: " : "no scales given: ") + shape);
    }
  }

  private void multiply(CudaStream stream, long x, long w, long out) {
    MemorySegment result = MemorySegment.ofAddress(out);
    int status =
        cublasLt_h.cublasLtMatmul(
            cublas.handle(),
            descriptors.operation(),
            productScale,
            MemorySegment.ofAddress(w),
            descriptors.w(),
            MemorySegment.ofAddress(x),
            descriptors.x(),
            outScale,
            result,
            descriptors.out(),
            result,
            descriptors.out(),
            algorithm,
            MemorySegment.ofAddress(cublas.workspace().address()),
            cublas.workspace().bytes(),
            stream.handle());
    if (status != cublasLt_h.CUBLAS_STATUS_SUCCESS()) {
      throw Status.cublasFailure(status, "cublasLtMatmul", "asked for " + shape);
    }
  }

  @Override
  void release() {
    descriptors.destroy();
  }
}
