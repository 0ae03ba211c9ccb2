package org.pyramiddrop.transformer;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Weight;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.StoredTensor;

/**
 * Hands a checkpoint's tensors to a device, by the names they have in either generation of files,
 * and owns what came of them.
 */
final class WeightStore implements AutoCloseable {
  /** A matrix by its name, with the shape the configuration asks for. */
  record Named(String name, int rows, int columns) {}

  private static final String[] DECODER_PREFIXES = {
    "model.language_model.", "model.", "language_model.model."
  };

  private static final String HEAD = "lm_head.weight";
  private static final String[] HEAD_PREFIXES = {"", "language_model."};

  private final Checkpoint checkpoint;
  private final Kernels kernels;
  private final WeightType type;
  private final Arena converted = Arena.ofShared();
  private final List<Weight> weights = new ArrayList<>();

  WeightStore(Checkpoint checkpoint, Kernels kernels, WeightType type) {
    this.checkpoint = checkpoint;
    this.kernels = kernels;
    this.type = type;
  }

  /**
   * The type that a checkpoint's decoder computes in: that of its embedding, unless another is
   * asked for.
   */
  static DType activations(Checkpoint checkpoint, WeightType type) {
    return switch (type) {
      case FLOAT32 -> DType.FLOAT32;
      case FLOAT16 -> DType.FLOAT16;
      case BFLOAT16 -> DType.BFLOAT16;
      case AUTO ->
          Stream.of(DECODER_PREFIXES)
              .map(prefix -> prefix + "embed_tokens.weight")
              .filter(checkpoint::contains)
              .map(name -> checkpoint.tensor(name).type())
              .findFirst()
              .map(stored ->
                  switch (stored) {
                    case F16 -> DType.FLOAT16;
                    case BF16 -> DType.BFLOAT16;
                    // A type that no weight may have is refused when the decoder reads it.
                    default -> DType.FLOAT32;
                  })
              .orElse(DType.FLOAT32);
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

  /**
   * The first of some prefixes under which the checkpoint has {@code name}; the last if none has.
   */
  String prefix(String name, String... prefixes) {
    for (String prefix : prefixes) {
      if (checkpoint.contains(prefix + name)) {
        return prefix;
      }
    }
    return prefixes[prefixes.length - 1];
  }

  /** The prefix of the decoder's tensors. */
  String decoderPrefix() {
    return prefix("embed_tokens.weight", DECODER_PREFIXES);
  }

  /**
   * The output head, {@code vocabulary} × {@code width}. One that is stored counts whatever the
   * configuration says, as in the transformers library: {@code tie_word_embeddings} is often left
   * over from another version of the model.
   *
   * @param tied whether the embedding serves where none is stored
   * @return empty if the embedding is the head
   * @throws CheckpointException if none is stored and the embedding must not serve
   */
  Optional<Weight> outputHead(int vocabulary, int width, boolean tied) {
    String name = prefix(HEAD, HEAD_PREFIXES) + HEAD;
    if (checkpoint.contains(name)) {
      return Optional.of(matrix(new Named(name, vocabulary, width)));
    }
    if (tied) {
      return Optional.empty();
    }
    throw new CheckpointException(
        checkpoint.folder(),
        HEAD,
        "not in this checkpoint, and config.json doesn't say that the embedding serves for it"
            + " (tie_word_embeddings)");
  }

  /** A vector: {@code size} × 1. */
  Weight vector(String name, int size) {
    return hand(List.of(host(checkpoint.weight(name, size), size, 1)));
  }

  /** Vectors behind one another. */
  Weight vectors(List<String> names, int... sizes) {
    List<HostMatrix> parts = new ArrayList<>();
    for (int i = 0; i < sizes.length; i++) {
      parts.add(host(checkpoint.weight(names.get(i), sizes[i]), sizes[i], 1));
    }
    return hand(parts);
  }

  /** A matrix, or several with as many columns, stacked along their rows. */
  Weight matrix(Named... parts) {
    List<HostMatrix> matrices = new ArrayList<>();
    for (Named part : parts) {
      matrices.add(
          host(
              checkpoint.weight(part.name(), part.rows(), part.columns()),
              part.rows(),
              part.columns()));
    }
    return hand(matrices);
  }

  /** A tensor of more or fewer dimensions, read as a matrix. */
  Weight reshaped(String name, int rows, int columns, long... shape) {
    return hand(List.of(host(checkpoint.weight(name, shape), rows, columns)));
  }

  private HostMatrix host(StoredTensor tensor, int rows, int columns) {
    HostMatrix matrix = new HostMatrix(stored(tensor), tensor.data(), rows, columns);
    return switch (type) {
      case AUTO -> matrix;
      case FLOAT32 -> as(DType.FLOAT32, matrix);
      case FLOAT16 -> as(DType.FLOAT16, matrix);
      case BFLOAT16 -> as(DType.BFLOAT16, matrix);
    };
  }

  private HostMatrix as(DType wanted, HostMatrix matrix) {
    if (matrix.dtype() == wanted) {
      return matrix;
    }
    long size = (long) matrix.rows() * matrix.columns();
    MemorySegment to = converted.allocate(size * wanted.bytes(), 64);
    Conversion.convert(matrix.dtype(), matrix.data(), wanted, to, size);
    return new HostMatrix(wanted, to, matrix.rows(), matrix.columns());
  }

  private Weight hand(List<HostMatrix> parts) {
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
