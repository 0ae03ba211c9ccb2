package org.pyramiddrop.transformer;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.DecoderDescription;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.loader.PackedMatrix;
import org.pyramiddrop.loader.SafetensorsWriter;
import org.pyramiddrop.loader.StoredQuantization;
import org.pyramiddrop.loader.StoredTensor;
import org.pyramiddrop.loader.StoredType;
import org.pyramiddrop.training.files.QuantizedModelWriter;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A model's folder as other software lays out four-bit numbers: first as compressed-tensors does,
 * then number by number as AutoAWQ or GPTQ do, so that all folders hold the same model.
 */
final class PackedFolder {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The bits, four each, at which AutoAWQ has the first, second … of eight outputs. */
  private static final int[] AWQ_PLACES = {0, 4, 1, 5, 2, 6, 3, 7};

  private final PackedMatrix matrix;
  private final StoredQuantization.Layout layout;
  private final byte[] numbers;

  private PackedFolder(PackedMatrix matrix, StoredQuantization.Layout layout) {
    this.matrix = matrix;
    this.layout = layout;
    numbers = new byte[matrix.rows() * matrix.columns()];
    byte[] eight = new byte[8 * matrix.columns()];
    for (int row = 0; row < matrix.rows(); row += 8) {
      matrix.numbers(row, eight);
      System.arraycopy(eight, 0, numbers, row * matrix.columns(), eight.length);
    }
  }

  /** Writes a model's four-bit folder as compressed-tensors lays it out. */
  static void compressed(Path model, Path target) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      DecoderDescription decoder =
          ModelDescription.of(LlavaConfig.read(model), checkpoint, checkpoint).decoder();
      QuantizedModelWriter.write(checkpoint, decoder, target, DType.INT4, (_, _) -> {});
    }
  }

  /** Writes what {@link #compressed} wrote once more, in another layout. */
  static void repack(Path compressed, Path target, StoredQuantization.Layout layout)
      throws IOException {
    Files.createDirectory(target);
    try (Stream<Path> files = Files.list(compressed)) {
      for (Path file : files.filter(PackedFolder::isNoTensor).toList()) {
        Files.copy(file, target.resolve(file.getFileName()));
      }
    }
    Files.write(target.resolve("config.json"), configuration(compressed, layout));
    List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    Map<String, Consumer<MemorySegment>> fillers = new HashMap<>();
    try (Checkpoint checkpoint = Checkpoint.open(compressed)) {
      StoredQuantization stored =
          ModelDescription.of(LlavaConfig.read(compressed), checkpoint, checkpoint)
              .decoder()
              .quantization()
              .orElseThrow();
      for (String name : checkpoint.names()) {
        if (name.endsWith("weight_packed")) {
          String weight = name.substring(0, name.length() - "_packed".length());
          int rows = checkpoint.tensor(name).dim(0);
          int columns = checkpoint.tensor(name).dim(1) * 8;
          PackedMatrix matrix = PackedMatrix.open(checkpoint, weight, rows, columns, stored);
          new PackedFolder(matrix, layout).add(weight, entries, fillers);
        } else if (!name.contains("weight_")) {
          StoredTensor tensor = checkpoint.tensor(name);
          entries.add(new SafetensorsWriter.Entry(name, tensor.type(), tensor.shape()));
          fillers.put(name, out -> out.copyFrom(tensor.data()));
        }
      }
      SafetensorsWriter.write(
          target.resolve("model.safetensors"),
          entries,
          (entry, out) -> Objects.requireNonNull(fillers.get(entry.name())).accept(out));
    }
  }

  private static boolean isNoTensor(Path file) {
    String name = file.getFileName().toString();
    return !name.contains("safetensors") && !name.equals("config.json");
  }

  private static byte[] configuration(Path compressed, StoredQuantization.Layout layout) {
    JsonMapper json = JsonMapper.shared();
    ObjectNode config = (ObjectNode) json.readTree(compressed.resolve("config.json").toFile());
    ObjectNode quantization = config.putObject("quantization_config");
    quantization.put("bits", 4).put("group_size", Blocks.SIZE);
    if (layout == StoredQuantization.Layout.AWQ) {
      quantization.put("quant_method", "awq").put("version", "gemm").put("zero_point", true);
    } else {
      boolean first = layout == StoredQuantization.Layout.GPTQ;
      quantization.put("quant_method", "gptq").put("desc_act", false);
      quantization.put("checkpoint_format", first ? "gptq" : "gptq_v2");
    }
    return json.writeValueAsBytes(config);
  }

  private void add(
      String weight,
      List<SafetensorsWriter.Entry> entries,
      Map<String, Consumer<MemorySegment>> fillers) {
    boolean awq = layout == StoredQuantization.Layout.AWQ;
    long rows = matrix.rows();
    long columns = matrix.columns();
    long groups = Math.ceilDiv(columns, (long) Blocks.SIZE);
    String base = weight.substring(0, weight.length() - "weight".length());
    tensor(
        new SafetensorsWriter.Entry(
            base + "qweight",
            StoredType.I32,
            awq ? List.of(columns, rows / 8) : List.of(columns / 8, rows)),
        awq ? this::outputsOfColumns : this::columnsOfOutputs,
        entries,
        fillers);
    tensor(
        new SafetensorsWriter.Entry(base + "qzeros", StoredType.I32, List.of(groups, rows / 8)),
        this::zeros,
        entries,
        fillers);
    tensor(
        new SafetensorsWriter.Entry(base + "scales", StoredType.F16, List.of(groups, rows)),
        this::scales,
        entries,
        fillers);
    if (!awq) {
      tensor(
          new SafetensorsWriter.Entry(base + "g_idx", StoredType.I32, List.of(columns)),
          out -> {
            for (int c = 0; c < columns; c++) {
              out.setAtIndex(INT, c, c / Blocks.SIZE);
            }
          },
          entries,
          fillers);
    }
  }

  private static void tensor(
      SafetensorsWriter.Entry entry,
      Consumer<MemorySegment> filler,
      List<SafetensorsWriter.Entry> entries,
      Map<String, Consumer<MemorySegment>> fillers) {
    entries.add(entry);
    fillers.put(entry.name(), filler);
  }

  private int number(int row, int column) {
    return numbers[row * matrix.columns() + column];
  }

  private int place(int output) {
    return layout == StoredQuantization.Layout.AWQ ? AWQ_PLACES[output] : output;
  }

  private void outputsOfColumns(MemorySegment out) {
    for (int c = 0; c < matrix.columns(); c++) {
      for (int r = 0; r < matrix.rows(); r += 8) {
        int word = 0;
        for (int i = 0; i < 8; i++) {
          word |= number(r + i, c) << (4 * place(i));
        }
        out.setAtIndex(INT, ((long) c * matrix.rows() + r) / 8, word);
      }
    }
  }

  private void columnsOfOutputs(MemorySegment out) {
    for (int c = 0; c < matrix.columns(); c += 8) {
      for (int r = 0; r < matrix.rows(); r++) {
        int word = 0;
        for (int i = 0; i < 8; i++) {
          word |= number(r, c + i) << (4 * i);
        }
        out.setAtIndex(INT, (long) c / 8 * matrix.rows() + r, word);
      }
    }
  }

  private void zeros(MemorySegment out) {
    for (int c = 0; c < matrix.columns(); c += Blocks.SIZE) {
      for (int r = 0; r < matrix.rows(); r += 8) {
        int word = 0;
        for (int i = 0; i < 8; i++) {
          int zero = matrix.zero(r + i, c);
          if (layout == StoredQuantization.Layout.GPTQ && --zero < 0) {
            throw new AssertionError("GPTQ has no zero of 0: choose a model without one");
          }
          word |= zero << (4 * place(i));
        }
        out.setAtIndex(INT, ((long) c / Blocks.SIZE * matrix.rows() + r) / 8, word);
      }
    }
  }

  private void scales(MemorySegment out) {
    for (int c = 0; c < matrix.columns(); c += Blocks.SIZE) {
      for (int r = 0; r < matrix.rows(); r++) {
        short scale = Float.floatToFloat16(matrix.scale(r, c));
        out.setAtIndex(SHORT, (long) c / Blocks.SIZE * matrix.rows() + r, scale);
      }
    }
  }
}
