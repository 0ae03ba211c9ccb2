package org.pyramiddrop.kernels.cuda;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Parameter;

/**
 * A parameter in device memory: value, gradient and moments in float32, and where operations read
 * another type, a copy of the value in that.
 */
final class CudaParameter implements Parameter {
  private final Map<Content, CudaTensor> contents = new EnumMap<>(Content.class);
  private final CudaTensor gradient;
  private final @Nullable CudaTensor copy;

  /** What operations read: the copy, or the value itself. Its memory is the tensor's to free. */
  private final CudaWeight read;

  private CudaParameter(DeviceMemory memory, DType dtype, int rows, int columns) {
    List<CudaTensor> taken = new ArrayList<>();
    try {
      for (Content content : Content.values()) {
        contents.put(content, take(taken, memory, DType.FLOAT32, rows, columns));
      }
      gradient = take(taken, memory, DType.FLOAT32, rows, columns);
      copy = dtype == DType.FLOAT32 ? null : take(taken, memory, dtype, rows, columns);
    } catch (RuntimeException | Error e) {
      taken.forEach(CudaTensor::close);
      throw e;
    }
    read = CudaWeight.of(copy == null ? content(Content.VALUE) : copy);
  }

  private static CudaTensor take(
      List<CudaTensor> taken, DeviceMemory memory, DType dtype, int rows, int columns) {
    CudaTensor x = CudaTensor.allocate(memory, dtype, rows, columns);
    taken.add(x);
    return x;
  }

  /**
   * A parameter whose content is undefined.
   *
   * @param dtype what operations read
   */
  static CudaParameter allocate(DeviceMemory memory, DType dtype, int rows, int columns) {
    return new CudaParameter(memory, dtype, rows, columns);
  }

  CudaTensor content(Content content) {
    return Objects.requireNonNull(contents.get(content), "every content is kept");
  }

  /** Whether operations read a copy of the value, which has to follow it. */
  boolean hasCopy() {
    return copy != null;
  }

  @Override
  public int rows() {
    return gradient.rows();
  }

  @Override
  public int columns() {
    return gradient.columns();
  }

  /** A view, which is open as long as the parameter is. */
  @Override
  public CudaWeight weight() {
    return read.rows(0, rows());
  }

  /** A view, which is open as long as the parameter is. */
  @Override
  public CudaTensor gradient() {
    return gradient.rows(0, rows());
  }

  @Override
  public void close() {
    read.close();
    contents.values().forEach(CudaTensor::close);
    gradient.close();
    if (copy != null) {
      copy.close();
    }
  }
}
