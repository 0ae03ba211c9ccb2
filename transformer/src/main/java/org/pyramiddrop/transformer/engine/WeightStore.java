package org.pyramiddrop.transformer.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Weight;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.DecoderDescription;
import org.pyramiddrop.loader.StoredTensor;

/** Hands a checkpoint's tensors to a device, and owns what came of them. */
public final class WeightStore implements AutoCloseable {
  /** A matrix by its name, with the shape the configuration asks for. */
  public record Matrix(String name, int rows, int columns) {}

  private final Checkpoint checkpoint;
  private final Kernels kernels;
  private final Optional<DType> type;
  private final Arena converted = Arena.ofShared();
  private final List<Weight> weights = new ArrayList<>();

  /**
   * Gets ready to hand over a checkpoint's tensors.
   *
   * @param type what weights are converted to first; empty to hand them over as they are stored
   */
  public WeightStore(Checkpoint checkpoint, Kernels kernels, Optional<DType> type) {
    this.checkpoint = checkpoint;
    this.kernels = kernels;
    this.type = type;
  }

  /** The type that a checkpoint's decoder computes in: that of its embedding. */
  public static DType activations(Checkpoint checkpoint, DecoderDescription decoder) {
    if (!checkpoint.contains(decoder.embedding())) {
      return DType.FLOAT32;
    }
    return switch (checkpoint.tensor(decoder.embedding()).type()) {
      case F16 -> DType.FLOAT16;
      case BF16 -> DType.BFLOAT16;
      // A type that no weight may have is refused when the decoder reads it.
      default -> DType.FLOAT32;
    };
  }

  private static DType stored(StoredTensor tensor) {
    return switch (tensor.type()) {
      case F32 -> DType.FLOAT32;
      case F16 -> DType.FLOAT16;
      case BF16 -> DType.BFLOAT16;
      default -> throw new AssertionError("the checkpoint gave a weight of " + tensor.type());
    };
  }

  /** A vector: {@code size} × 1. */
  public Weight vector(String name, int size) {
    return upload(List.of(host(checkpoint.weight(name, size), size, 1)));
  }

  /** Vectors behind one another. */
  public Weight vectors(List<String> names, int... sizes) {
    List<HostMatrix> parts = new ArrayList<>();
    for (int i = 0; i < sizes.length; i++) {
      parts.add(host(checkpoint.weight(names.get(i), sizes[i]), sizes[i], 1));
    }
    return upload(parts);
  }

  /** A matrix, or several with as many columns, stacked along their rows. */
  public Weight matrix(Matrix... parts) {
    List<HostMatrix> matrices = new ArrayList<>();
    for (Matrix part : parts) {
      matrices.add(
          host(
              checkpoint.weight(part.name(), part.rows(), part.columns()),
              part.rows(),
              part.columns()));
    }
    return upload(matrices);
  }

  /** A tensor of more or fewer dimensions, read as a matrix. */
  public Weight reshaped(String name, int rows, int columns, long... shape) {
    return upload(List.of(host(checkpoint.weight(name, shape), rows, columns)));
  }

  /**
   * A tensor as it is stored, read as a matrix.
   *
   * @param shape that the tensor has
   */
  public HostMatrix stored(String name, int rows, int columns, long... shape) {
    StoredTensor tensor = checkpoint.weight(name, shape);
    return new HostMatrix(stored(tensor), tensor.data(), rows, columns);
  }

  private HostMatrix host(StoredTensor tensor, int rows, int columns) {
    HostMatrix matrix = new HostMatrix(stored(tensor), tensor.data(), rows, columns);
    return type.map(wanted -> as(wanted, matrix)).orElse(matrix);
  }

  private HostMatrix as(DType wanted, HostMatrix matrix) {
    if (matrix.dtype() == wanted) {
      return matrix;
    }
    long size = (long) matrix.rows() * matrix.columns();
    MemorySegment to = converted.allocate(size * wanted.bytes(), 64);
    WeightConversion.convert(matrix.dtype(), matrix.data(), wanted, to, size);
    return new HostMatrix(wanted, to, matrix.rows(), matrix.columns());
  }

  private Weight upload(List<HostMatrix> parts) {
    DType first = parts.get(0).dtype();
    boolean mixed = parts.stream().anyMatch(part -> part.dtype() != first);
    Weight weight =
        kernels.weight(
            mixed ? parts.stream().map(part -> as(DType.FLOAT32, part)).toList() : parts);
    weights.add(weight);
    return weight;
  }

  /** Frees all weights; the checkpoint stays open. */
  @Override
  public void close() {
    Resources all = new Resources();
    if (converted.scope().isAlive()) {
      all.add(converted);
    }
    weights.forEach(all::add);
    weights.clear();
    all.close();
  }
}
