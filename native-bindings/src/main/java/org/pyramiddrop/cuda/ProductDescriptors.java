package org.pyramiddrop.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import org.pyramiddrop.cuda.bindings.cublasLt_h;

/**
 * The descriptors of a product, as cuBLASLt wants them. Its matrices are column-major, and ours are
 * row-major, so it sees each of ours transposed. For {@code out = x · wᵀ} it is asked for {@code
 * outᵀ = w · xᵀ}: its first matrix is w, with the flag that transposes it back, its second is x. So
 * for {@code out = x · w} neither has that flag, and for {@code out = xᵀ · w} only x. Scales are a
 * vector for each of the two: one number for every row of w, one for every row of x.
 */
final class ProductDescriptors {
  private final Deque<Runnable> destructors = new ArrayDeque<>();
  private final MemorySegment slot = Arena.ofAuto().allocate(ValueLayout.JAVA_LONG);
  private MemorySegment operation = MemorySegment.NULL;
  private MemorySegment w = MemorySegment.NULL;
  private MemorySegment x = MemorySegment.NULL;
  private MemorySegment out = MemorySegment.NULL;

  private ProductDescriptors() {}

  static ProductDescriptors of(ProductShape shape) {
    ProductDescriptors descriptors = new ProductDescriptors();
    try {
      descriptors.create(shape);
      return descriptors;
    } catch (CudaException e) {
      descriptors.destroy();
      throw e;
    }
  }

  MemorySegment operation() {
    return operation;
  }

  MemorySegment w() {
    return w;
  }

  MemorySegment x() {
    return x;
  }

  MemorySegment out() {
    return out;
  }

  /** Sets the bias's address for the next product; while planning, any address aligned like it. */
  void setBias(long address) {
    slot.set(ValueLayout.JAVA_LONG, 0, address);
    setOperation(cublasLt_h.CUBLASLT_MATMUL_DESC_BIAS_POINTER(), Long.BYTES);
  }

  /** Sets the scales' addresses for the next product; while planning, any aligned like them. */
  void setScales(long ofX, long ofW) {
    slot.set(ValueLayout.JAVA_LONG, 0, ofW);
    setOperation(cublasLt_h.CUBLASLT_MATMUL_DESC_A_SCALE_POINTER(), Long.BYTES);
    slot.set(ValueLayout.JAVA_LONG, 0, ofX);
    setOperation(cublasLt_h.CUBLASLT_MATMUL_DESC_B_SCALE_POINTER(), Long.BYTES);
  }

  /** Destroys what was created; none of it is on the GPU, so nothing waits. */
  void destroy() {
    Cleanup cleanup = new Cleanup();
    while (!destructors.isEmpty()) {
      cleanup.run(destructors.pop());
    }
    cleanup.throwFailure();
  }

  private void create(ProductShape shape) {
    Status.checkCublas(
        cublasLt_h.cublasLtMatmulDescCreate(
            slot, cublasLt_h.CUBLAS_COMPUTE_32F(), cublasLt_h.CUDA_R_32F()),
        "cublasLtMatmulDescCreate");
    operation = slot.get(ValueLayout.ADDRESS, 0);
    destructors.push(() ->
        Status.checkCublas(
            cublasLt_h.cublasLtMatmulDescDestroy(operation), "cublasLtMatmulDescDestroy"));
    switch (shape.transposed()) {
      case W -> transpose(cublasLt_h.CUBLASLT_MATMUL_DESC_TRANSA());
      case NONE -> {}
      case X -> transpose(cublasLt_h.CUBLASLT_MATMUL_DESC_TRANSB());
    }
    if (shape.bias()) {
      slot.set(ValueLayout.JAVA_INT, 0, cublasLt_h.CUBLASLT_EPILOGUE_BIAS());
      setOperation(cublasLt_h.CUBLASLT_MATMUL_DESC_EPILOGUE(), Integer.BYTES);
      // The heuristic reads the bias's alignment off its address.
      setBias(shape.alignment());
    }
    if (shape.scaled()) {
      slot.set(ValueLayout.JAVA_INT, 0, cublasLt_h.CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F());
      setOperation(cublasLt_h.CUBLASLT_MATMUL_DESC_A_SCALE_MODE(), Integer.BYTES);
      setOperation(cublasLt_h.CUBLASLT_MATMUL_DESC_B_SCALE_MODE(), Integer.BYTES);
      // Without scales the library would look for another kind of product.
      setScales(shape.alignment(), shape.alignment());
    }
    w = layout(shape.in(), shape.wColumns(), shape.wRows(), shape.wColumns());
    x = layout(shape.in(), shape.xColumns(), shape.xRows(), shape.xStride());
    out = layout(shape.out(), shape.outputs(), shape.rows(), shape.outStride());
  }

  private void transpose(int attribute) {
    slot.set(ValueLayout.JAVA_INT, 0, cublasLt_h.CUBLAS_OP_T());
    setOperation(attribute, Integer.BYTES);
  }

  private MemorySegment layout(ElementType type, int columnLength, int columns, int stride) {
    Status.checkCublas(
        cublasLt_h.cublasLtMatrixLayoutCreate(slot, code(type), columnLength, columns, stride),
        "cublasLtMatrixLayoutCreate");
    MemorySegment layout = slot.get(ValueLayout.ADDRESS, 0);
    destructors.push(() ->
        Status.checkCublas(
            cublasLt_h.cublasLtMatrixLayoutDestroy(layout), "cublasLtMatrixLayoutDestroy"));
    return layout;
  }

  private void setOperation(int attribute, long bytes) {
    Status.checkCublas(
        cublasLt_h.cublasLtMatmulDescSetAttribute(operation, attribute, slot, bytes),
        "cublasLtMatmulDescSetAttribute");
  }

  private static int code(ElementType type) {
    return switch (type) {
      case FLOAT32 -> cublasLt_h.CUDA_R_32F();
      case FLOAT16 -> cublasLt_h.CUDA_R_16F();
      case BFLOAT16 -> cublasLt_h.CUDA_R_16BF();
      case FLOAT8_E4M3 -> cublasLt_h.CUDA_R_8F_E4M3();
    };
  }
}
