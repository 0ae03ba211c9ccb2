package org.pyramiddrop.kernels.cuda;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Parameter;

/**
 * A parameter in device memory: value, gradient and moments in float32, and where operations read
 * another type, a copy of the value in that.
 */
final class CudaParameter implements Parameter {
  private static final int GRADIENT = Content.values().length;
  private static final int COPY = GRADIENT + 1;

  /** By the contents' order, then the gradient, then the copy if there is one. */
  private final List<CudaTensor> tensors;

  /** What operations read: the copy, or the value itself. */
  private final CudaWeight read;

  private CudaParameter(List<CudaTensor> tensors) {
    this.tensors = tensors;
    CudaTensor last = hasCopy() ? tensors.get(COPY) : content(Content.VALUE);
    // The memory is the tensor's to free.
    read = CudaWeight.at(last.address(), () -> {}, last.dtype(), last.rows(), last.columns());
  }

  /**
   * A parameter whose content is undefined.
   *
   * @param dtype what operations read
   */
  static CudaParameter allocate(DeviceMemory memory, DType dtype, int rows, int columns) {
    List<CudaTensor> tensors = new ArrayList<>();
    try {
      while (tensors.size() <= GRADIENT) {
        tensors.add(CudaTensor.allocate(memory, DType.FLOAT32, rows, columns));
      }
      if (dtype != DType.FLOAT32) {
        tensors.add(CudaTensor.allocate(memory, dtype, rows, columns));
      }
    } catch (RuntimeException | Error e) {
      tensors.forEach(CudaTensor::close);
      throw e;
    }
    return new CudaParameter(tensors);
  }

  CudaTensor content(Content content) {
    return tensors.get(content.ordinal());
  }

  /** Whether operations read a copy of the value, which has to follow it. */
  boolean hasCopy() {
    return tensors.size() > COPY;
  }

  @Override
  public int rows() {
    return tensors.getFirst().rows();
  }

  @Override
  public int columns() {
    return tensors.getFirst().columns();
  }

  /** A view, which is open as long as the parameter is. */
  @Override
  public CudaWeight weight() {
    return read.rows(0, rows());
  }

  /** A view, which is open as long as the parameter is. */
  @Override
  public CudaTensor gradient() {
    return tensors.get(GRADIENT).rows(0, rows());
  }

  @Override
  public void close() {
    read.close();
    tensors.forEach(CudaTensor::close);
  }
}
