package org.pyramiddrop.transformer.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Weight;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.DecoderDescription;
import org.pyramiddrop.loader.HugePages;
import org.pyramiddrop.loader.PackedMatrix;
import org.pyramiddrop.loader.StoredQuantization;
import org.pyramiddrop.loader.StoredTensor;

/** Hands a checkpoint's tensors to a device, and owns what came of them. */
public final class WeightStore implements AutoCloseable {
  /** A matrix by its name, with the shape the configuration asks for. */
  public record Matrix(String name, int rows, int columns) {}

  private final Checkpoint checkpoint;
  private final Kernels kernels;
  private final WeightTypes types;
  private final Runnable progress;
  private final Arena arena = Arena.ofShared();
  private final SegmentAllocator converted = HugePages.allocator(arena);
  private final List<Weight> weights = new ArrayList<>();

  /**
   * Gets ready to hand over a checkpoint's tensors.
   *
   * @param type what weights are converted to first; empty to hand them over as they are stored
   */
  public WeightStore(Checkpoint checkpoint, Kernels kernels, Optional<DType> type) {
    this(checkpoint, kernels, WeightTypes.of(type), () -> {});
  }

  /**
   * Gets ready to hand over a checkpoint's tensors.
   *
   * @param progress is told of each matrix that was converted to blocks
   */
  public WeightStore(Checkpoint checkpoint, Kernels kernels, WeightTypes types, Runnable progress) {
    this.checkpoint = checkpoint;
    this.kernels = kernels;
    this.types = types;
    this.progress = progress;
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

  /**
   * A matrix of a decoder's layer, or several stacked: in blocks, if that is asked for or if they
   * are stored so.
   */
  public Weight layerMatrix(Optional<StoredQuantization> stored, Matrix... parts) {
    if (stored.isPresent() && PackedMatrix.isThere(checkpoint, parts[0].name())) {
      return packed(stored.get(), parts);
    }
    return types.matrices().map(type -> inBlocks(type, parts)).orElseGet(() -> matrix(parts));
  }

  private static DType type(StoredQuantization stored) {
    if (stored.layout() == StoredQuantization.Layout.FLOAT_QUANTIZED) {
      return DType.FP8;
    }
    return stored.bits() == 8 ? DType.INT8 : DType.INT4;
  }

  private Weight packed(StoredQuantization stored, Matrix... parts) {
    DType type = type(stored);
    types
        .matrices()
        .filter(asked -> asked != type)
        .ifPresent(asked -> {
          throw new CheckpointException(
              checkpoint.folder(),
              "its matrices are stored as %s and can't be converted to %s"
                  .formatted(type.label(), asked.label()));
        });
    return uploadConverted(memory -> {
      List<HostMatrix> matrices = new ArrayList<>();
      for (Matrix part : parts) {
        PackedMatrix matrix =
            PackedMatrix.open(checkpoint, part.name(), part.rows(), part.columns(), stored);
        matrices.add(inBlocks(part.name(), () -> WeightConversion.repacked(matrix, type, memory)));
        matrix.unload();
        progress.run();
      }
      return matrices;
    });
  }

  /** Uploads what was converted into memory, which lives no longer than the device reads it. */
  private Weight uploadConverted(Function<SegmentAllocator, List<HostMatrix>> conversion) {
    if (kernels.readsHostMatrices()) {
      return upload(conversion.apply(converted));
    }
    try (Arena memory = Arena.ofShared()) {
      return upload(conversion.apply(memory));
    }
  }

  private HostMatrix inBlocks(String name, Supplier<HostMatrix> conversion) {
    try {
      return conversion.get();
    } catch (ArithmeticException e) {
      throw new CheckpointException(
          checkpoint.folder(), name, "can't be converted: it holds " + e.getMessage());
    }
  }

  /** An output head that isn't the embedding: eight bits, if the layers' matrices are in blocks. */
  public Weight head(Matrix head) {
    return types.head().map(type -> inBlocks(type, head)).orElseGet(() -> matrix(head));
  }

  private Weight inBlocks(DType type, Matrix... parts) {
    return uploadConverted(memory -> {
      List<HostMatrix> matrices = new ArrayList<>();
      for (Matrix part : parts) {
        HostMatrix wide =
            stored(part.name(), part.rows(), part.columns(), part.rows(), part.columns());
        matrices.add(inBlocks(part.name(), () -> WeightConversion.inBlocks(wide, type, memory)));
        if (wide.data().isMapped()) {
          // It won't be read again, and its pages count as this process's as long as they are
          // there.
          wide.data().unload();
        }
        progress.run();
      }
      return matrices;
    });
  }

  /** A tensor of more or fewer dimensions, read as a matrix. */
  public Weight reshaped(String name, int rows, int columns, long... shape) {
    return upload(List.of(host(checkpoint.weight(name, shape), rows, columns)));
  }

  /**
   * A tensor of more or fewer dimensions, read as a matrix, with zeros behind each row until the
   * columns are a multiple of some number.
   */
  public Weight padded(String name, int rows, int columns, int multiple, long... shape) {
    HostMatrix matrix = host(checkpoint.weight(name, shape), rows, columns);
    int wide = Math.ceilDiv(columns, multiple) * multiple;
    if (wide == columns) {
      return upload(List.of(matrix));
    }
    long from = (long) columns * matrix.dtype().bytes();
    long to = (long) wide * matrix.dtype().bytes();
    MemorySegment padded = converted.allocate(rows * to, 64);
    for (int row = 0; row < rows; row++) {
      MemorySegment.copy(matrix.data(), row * from, padded, row * to, from);
    }
    return upload(List.of(new HostMatrix(matrix.dtype(), padded, rows, wide)));
  }

  /**
   * A tensor as it is stored, read as a matrix.
   *
   * @param shape that the tensor has
   */
  public HostMatrix stored(String name, int rows, int columns, long... shape) {
    StoredTensor tensor = checkpoint.weight(name, shape);
    return new HostMatrix(WeightConversion.dtype(tensor), tensor.data(), rows, columns);
  }

  private HostMatrix host(StoredTensor tensor, int rows, int columns) {
    HostMatrix matrix =
        new HostMatrix(WeightConversion.dtype(tensor), tensor.data(), rows, columns);
    return types.all().map(wanted -> as(wanted, matrix)).orElse(matrix);
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
    if (arena.scope().isAlive()) {
      all.add(arena);
    }
    weights.forEach(all::add);
    weights.clear();
    all.close();
  }
}
