package org.pyramiddrop.training.files;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.DecoderDescription;
import org.pyramiddrop.loader.SafetensorsWriter;
import org.pyramiddrop.loader.StoredTensor;
import org.pyramiddrop.loader.StoredType;
import org.pyramiddrop.transformer.engine.WeightConversion;

/**
 * Writes the folder of a model whose decoder layers' matrices are in blocks, as the
 * compressed-tensors library stores them ({@code pack-quantized}, groups of 32; eight-bit floats
 * {@code float-quantized}, by row): other software reads them, too. All other tensors and files
 * stay as they are.
 */
public final class QuantizedModelWriter {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final List<String> MATRICES =
      List.of(
          "self_attn.q_proj",
          "self_attn.k_proj",
          "self_attn.v_proj",
          "self_attn.o_proj",
          "mlp.gate_proj",
          "mlp.up_proj",
          "mlp.down_proj");

  private static final String CONFIG = "config.json";
  private static final String GROUPS = "\n        \"group_size\": " + Blocks.SIZE + ",";

  /** Hears how many matrices are written, and how many will be. */
  @FunctionalInterface
  public interface Listener {
    void written(int done, int all);
  }

  /** Writes a tensor's bytes. */
  @FunctionalInterface
  private interface Filler {
    void fill(MemorySegment out);
  }

  private final Checkpoint source;
  private final DecoderDescription decoder;
  private final DType type;
  private final Listener listener;
  private final Map<String, Filler> fillers = new LinkedHashMap<>();
  private final List<SafetensorsWriter.Entry> entries = new ArrayList<>();
  private @Nullable Converted last;
  private int done;

  private QuantizedModelWriter(
      Checkpoint source, DecoderDescription decoder, DType type, Listener listener) {
    this.source = source;
    this.decoder = decoder;
    this.type = type;
    this.listener = listener;
  }

  /**
   * Writes a model's folder, in one file or in shards of 5 GB. It is there whole or not at all;
   * {@link AtomicFolder} says what becomes of one that is there already. No more than one matrix is
   * in memory at a time.
   *
   * @param source a checkpoint that isn't quantised
   * @param target not the source's folder
   * @param type INT8, INT4 or FP8
   * @throws IOException if it can't be written, in one message that names the target and has the
   *     system's reason
   * @throws CheckpointException if a matrix isn't in the source, is of no type or shape it may have
   *     or holds NaN or infinity, or if the source changes
   */
  public static void write(
      Checkpoint source, DecoderDescription decoder, Path target, DType type, Listener listener)
      throws IOException {
    if (decoder.quantization().isPresent()) {
      throw new CheckpointException(
          source.folder(), "is quantised already; quantize takes float weights");
    }
    QuantizedModelWriter writer = new QuantizedModelWriter(source, decoder, type, listener);
    try {
      writer.plan();
      AtomicFolder.write(
          target,
          part -> {
            if (Files.exists(target) && Files.isSameFile(target, source.folder())) {
              throw new FileSystemException(
                  target.toString(), null, "the model that is quantised lies there");
            }
            ModelFolderWriter.copyOthers(source.folder(), part, Optional.empty());
            Path config = source.folder().resolve(CONFIG);
            Files.write(part.resolve(CONFIG), writer.configuration(Files.readAllBytes(config)));
            ModelFolderWriter.writeTensors(
                part,
                writer.entries,
                ModelFolderWriter.SHARD_BYTES,
                (entry, out) -> Objects.requireNonNull(writer.fillers.get(entry.name())).fill(out));
            source.refuseIfChanged();
          });
    } finally {
      writer.freeLast();
    }
  }

  private void plan() {
    Map<String, long[]> matrices = new LinkedHashMap<>();
    int queries = decoder.heads() * decoder.headSize();
    int keys = decoder.keyValueHeads() * decoder.headSize();
    int hidden = decoder.hiddenSize();
    int inner = decoder.intermediateSize();
    long[][] shapes = {
      {queries, hidden},
      {keys, hidden},
      {keys, hidden},
      {hidden, queries},
      {inner, hidden},
      {inner, hidden},
      {hidden, inner}
    };
    for (int layer = 0; layer < decoder.layers(); layer++) {
      for (int i = 0; i < shapes.length; i++) {
        String name = "%slayers.%d.%s.weight".formatted(decoder.prefix(), layer, MATRICES.get(i));
        source.weight(name, shapes[i]);
        matrices.put(name, shapes[i]);
      }
    }
    for (String name : source.names()) {
      if (matrices.containsKey(name) && type == DType.FP8) {
        floats(name, matrices.size());
      } else if (matrices.containsKey(name)) {
        matrix(name, matrices.size());
      } else {
        StoredTensor tensor = source.tensor(name);
        add(name, tensor.type(), tensor.shape(), out -> out.copyFrom(tensor.data()));
      }
    }
  }

  private void add(String name, StoredType stored, List<Long> shape, Filler filler) {
    entries.add(new SafetensorsWriter.Entry(name, stored, shape));
    fillers.put(name, filler);
  }

  private void matrix(String name, int all) {
    StoredTensor tensor = source.tensor(name);
    long rows = tensor.dim(0);
    long columns = tensor.dim(1);
    long groups = (columns + Blocks.SIZE - 1) / Blocks.SIZE;
    int perWord = type == DType.INT8 ? 4 : 8;
    add(
        name + "_shape",
        StoredType.I64,
        List.of(2L),
        out -> {
          out.set(LONG, 0, rows);
          out.set(LONG, Long.BYTES, columns);
        });
    add(
        name + "_packed",
        StoredType.I32,
        List.of(rows, (columns + perWord - 1) / perWord),
        out -> {
          convert(tensor, (blocks, data) -> pack(blocks, data, out));
          listener.written(++done, all);
        });
    if (type == DType.INT4) {
      add(
          name + "_zero_point",
          StoredType.I32,
          List.of((rows + 7) / 8, groups),
          out -> convert(tensor, (blocks, data) -> zeros(blocks, data, out)));
    }
    add(
        name + "_scale",
        StoredType.F16,
        List.of(rows, groups),
        out -> convert(tensor, (blocks, data) -> scales(blocks, data, out)));
  }

  private void floats(String name, int all) {
    StoredTensor tensor = source.tensor(name);
    long rows = tensor.dim(0);
    add(
        name,
        StoredType.F8_E4M3,
        List.of(rows, (long) tensor.dim(1)),
        out -> {
          convert(tensor, (blocks, data) -> bytes(blocks, data, out));
          listener.written(++done, all);
        });
    add(
        name + "_scale",
        StoredType.F32,
        List.of(rows, 1L),
        out ->
            convert(
                tensor,
                (blocks, data) -> out.copyFrom(data.asSlice(blocks.scales(), out.byteSize()))));
  }

  /** Takes what it needs of a matrix in blocks. */
  private interface Part {
    void take(Blocks blocks, MemorySegment data);
  }

  /** A matrix in blocks, until the next one is wanted. */
  private record Converted(String name, HostMatrix matrix, Arena arena) {}

  /** A matrix's tensors are written one behind the other, so one conversion serves them all. */
  private void convert(StoredTensor tensor, Part part) {
    if (last == null || !last.name.equals(tensor.name())) {
      freeLast();
      last = inBlocks(tensor);
    }
    HostMatrix matrix = last.matrix;
    part.take(new Blocks(type, matrix.rows(), matrix.columns()), matrix.data());
  }

  private Converted inBlocks(StoredTensor tensor) {
    HostMatrix matrix =
        new HostMatrix(WeightConversion.dtype(tensor), tensor.data(), tensor.dim(0), tensor.dim(1));
    Arena arena = Arena.ofShared();
    try {
      return new Converted(tensor.name(), WeightConversion.inBlocks(matrix, type, arena), arena);
    } catch (ArithmeticException e) {
      arena.close();
      throw new CheckpointException(
          source.folder(), tensor.name(), "can't be converted: it holds " + e.getMessage());
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  private void freeLast() {
    if (last != null) {
      last.arena.close();
      last = null;
    }
  }

  /** Rows of bytes, without what fills them up. */
  private static void bytes(Blocks blocks, MemorySegment data, MemorySegment out) {
    long columns = blocks.columns();
    for (int row = 0; row < blocks.rows(); row++) {
      MemorySegment.copy(data, blocks.numbers(row), out, row * columns, columns);
    }
  }

  /** Numbers in the order of columns, each as an unsigned one of its bits, from the low end on. */
  private static void pack(Blocks blocks, MemorySegment data, MemorySegment out) {
    int perWord = blocks.dtype() == DType.INT8 ? 4 : 8;
    int bits = Integer.SIZE / perWord;
    int offset = blocks.dtype() == DType.INT8 ? 128 : 0;
    int words = (blocks.columns() + perWord - 1) / perWord;
    IntStream.range(0, blocks.rows())
        .parallel()
        .forEach(row -> {
          for (int w = 0; w < words; w++) {
            int word = 0;
            int end = Math.min(perWord, blocks.columns() - w * perWord);
            for (int i = 0; i < end; i++) {
              word |= (blocks.number(data, row, w * perWord + i) + offset) << (bits * i);
            }
            out.set(INT, Integer.BYTES * ((long) row * words + w), word);
          }
        });
  }

  /** Eight rows' zeros an int. */
  private static void zeros(Blocks blocks, MemorySegment data, MemorySegment out) {
    for (int row = 0; row < blocks.rows(); row += 8) {
      for (int b = 0; b < blocks.perRow(); b++) {
        int word = 0;
        for (int i = 0; i < 8; i++) {
          // Rows that aren't there are zero in the stored type, which is 8 here.
          int zero = row + i < blocks.rows() ? blocks.zero(data, row + i, b) : 8;
          word |= zero << (4 * i);
        }
        out.set(INT, Integer.BYTES * ((long) row / 8 * blocks.perRow() + b), word);
      }
    }
  }

  private static void scales(Blocks blocks, MemorySegment data, MemorySegment out) {
    for (int row = 0; row < blocks.rows(); row++) {
      for (int b = 0; b < blocks.perRow(); b++) {
        short scale = Float.floatToFloat16(blocks.scale(data, row, b));
        out.set(SHORT, Short.BYTES * ((long) row * blocks.perRow() + b), scale);
      }
    }
  }

  /** How the matrices' numbers are stored. */
  private String stored() {
    return switch (type) {
      case FP8 -> numbers(8, "float", true, "channel", "", false);
      case INT4 -> numbers(4, "int", false, "group", GROUPS, false);
      default -> numbers(8, "int", true, "group", GROUPS, false);
    };
  }

  private static String numbers(
      int bits, String kind, boolean symmetric, String strategy, String groups, boolean dynamic) {
    return """
    {
            "num_bits": %d,
            "type": "%s",
            "symmetric": %b,
            "strategy": "%s",%s
            "dynamic": %b
          }\
    """
        .formatted(bits, kind, symmetric, strategy, groups, dynamic);
  }

  /** The configuration with a first field that says how the matrices are stored. */
  private byte[] configuration(byte[] config) {
    String text = new String(config, StandardCharsets.UTF_8);
    int begin = text.indexOf('{') + 1;
    String field =
        """

        "quantization_config": {
          "quant_method": "compressed-tensors",
          "format": "%s",
          "quantization_status": "compressed",
          "config_groups": {
            "group_0": {
              "targets": ["Linear"],
              "weights": %s,
              "input_activations": %s,
              "output_activations": null
            }
          },
          "ignore": ["re:.*lm_head", "re:.*vision_tower.*", "re:.*multi_modal_projector.*", "re:.*mm_projector.*"],
          "kv_cache_scheme": null
        },\
        """
            .formatted(
                type == DType.FP8 ? "float-quantized" : "pack-quantized",
                stored(),
                // GPUs multiply eight-bit floats by their like. What can't, or needn't, takes
                // activations as they are.
                type == DType.FP8 ? numbers(8, "float", true, "token", "", true) : "null");
    return (text.substring(0, begin) + field + text.substring(begin))
        .getBytes(StandardCharsets.UTF_8);
  }
}
