package org.pyramiddrop.loader;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A linear layer's matrix that lies in several tensors: whole numbers, and a scale and a zero for
 * each group of a row's neighbours; the value is {@code scale · (number - zero)}. Or eight-bit
 * floats, and a scale for each row or for all.
 *
 * <p>Numbers are handed out as they are, 0 to 15 or -128 to 127, or a float's bits, row by row,
 * whatever the layout.
 */
public final class PackedMatrix {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Which of eight outputs an int of AWQ holds at its four bits number i. */
  private static final int[] AWQ_ORDER = {0, 2, 4, 6, 1, 3, 5, 7};

  private static final int[] IN_ORDER = {0, 1, 2, 3, 4, 5, 6, 7};

  /** Four-bit numbers of an int. */
  private static final int PER_INT = 8;

  private final StoredQuantization stored;
  private final int rows;
  private final int columns;
  private final StoredTensor numbers;
  private final StoredTensor scales;
  private final @Nullable StoredTensor zeros;

  private PackedMatrix(
      StoredQuantization stored,
      int rows,
      int columns,
      StoredTensor numbers,
      StoredTensor scales,
      @Nullable StoredTensor zeros) {
    this.stored = stored;
    this.rows = rows;
    this.columns = columns;
    this.numbers = numbers;
    this.scales = scales;
    this.zeros = zeros;
  }

  /** Finds a matrix's tensors and checks their types and shapes. */
  private static final class Tensors {
    private final Checkpoint checkpoint;
    private final String base;

    Tensors(Checkpoint checkpoint, String weight) {
      this.checkpoint = checkpoint;
      base = weight.substring(0, weight.length() - "weight".length());
    }

    StoredTensor get(String name, List<StoredType> types, long rows, long columns) {
      return get(name, types, List.of(List.of(rows, columns)));
    }

    /** A tensor of one of the types and shapes, of which the first are the usual ones. */
    StoredTensor get(String name, List<StoredType> types, List<List<Long>> shapes) {
      StoredTensor tensor = checkpoint.tensor(base + name);
      if (!types.contains(tensor.type()) || !shapes.contains(tensor.shape())) {
        throw wrong(
            name,
            "must be %s of the shape %s, is %s of %s"
                .formatted(types.getFirst(), shapes.getFirst(), tensor.type(), tensor.shape()));
      }
      return tensor;
    }

    CheckpointException wrong(String name, String what) {
      return new CheckpointException(checkpoint.folder(), base + name, OneLine.shorten(what));
    }
  }

  /** Whether a matrix lies in several tensors rather than one of its own name. */
  public static boolean isThere(Checkpoint checkpoint, String name) {
    return checkpoint.contains(name)
        ? !checkpoint.tensor(name).type().isWeight()
        : checkpoint.contains(name + "_packed")
            || checkpoint.contains(name.replaceFirst("weight$", "qweight"));
  }

  /**
   * Opens a matrix.
   *
   * @param name what it would be called as one tensor, ending in {@code weight}
   * @throws CheckpointException if a tensor is missing, of another type or shape, or if columns are
   *     in another order than their groups
   */
  public static PackedMatrix open(
      Checkpoint checkpoint, String name, int rows, int columns, StoredQuantization stored) {
    Tensors tensors = new Tensors(checkpoint, name);
    int groups =
        stored.groupSize() <= 0 ? 1 : (columns + stored.groupSize() - 1) / stored.groupSize();
    List<StoredType> ints = List.of(StoredType.I32, StoredType.U32);
    List<StoredType> floats = List.of(StoredType.F16, StoredType.BF16, StoredType.F32);
    return switch (stored.layout()) {
      case PACK_QUANTIZED -> {
        long words = ((long) columns * stored.bits() + 31) / 32;
        checkShape(checkpoint, name + "_shape", rows, columns);
        yield new PackedMatrix(
            stored,
            rows,
            columns,
            tensors.get("weight_packed", ints, rows, words),
            tensors.get("weight_scale", floats, rows, groups),
            stored.symmetric()
                ? null
                : tensors.get("weight_zero_point", ints, (rows + PER_INT - 1L) / PER_INT, groups));
      }
      case INT_QUANTIZED ->
          new PackedMatrix(
              stored,
              rows,
              columns,
              tensors.get("weight", List.of(StoredType.I8), rows, columns),
              tensors.get("weight_scale", floats, rows, groups),
              null);
      case FLOAT_QUANTIZED ->
          new PackedMatrix(
              stored,
              rows,
              columns,
              tensors.get("weight", List.of(StoredType.F8_E4M3), rows, columns),
              tensors.get(
                  "weight_scale",
                  floats,
                  stored.groupSize() == StoredQuantization.WHOLE_MATRIX
                      ? List.of(List.of(1L), List.of())
                      : List.of(List.of((long) rows, 1L), List.of((long) rows))),
              null);
      case AWQ -> {
        long packed = packed(tensors, rows);
        yield new PackedMatrix(
            stored,
            rows,
            columns,
            tensors.get("qweight", ints, columns, packed),
            tensors.get("scales", floats, groups, rows),
            stored.symmetric() ? null : tensors.get("qzeros", ints, groups, packed));
      }
      case GPTQ, GPTQ_V2 -> {
        long packed = packed(tensors, rows);
        if (columns % PER_INT != 0) {
          throw tensors.wrong("qweight", "columns must be a multiple of " + PER_INT);
        }
        checkOrder(checkpoint, name.replaceFirst("weight$", "g_idx"), columns, stored.groupSize());
        yield new PackedMatrix(
            stored,
            rows,
            columns,
            tensors.get("qweight", ints, columns / PER_INT, rows),
            tensors.get("scales", floats, groups, rows),
            tensors.get("qzeros", ints, groups, packed));
      }
    };
  }

  private static long packed(Tensors tensors, int rows) {
    if (rows % PER_INT != 0) {
      throw tensors.wrong("qweight", "outputs must be a multiple of " + PER_INT);
    }
    return rows / PER_INT;
  }

  private static void checkShape(Checkpoint checkpoint, String name, int rows, int columns) {
    if (!checkpoint.contains(name)) {
      return;
    }
    StoredTensor shape = checkpoint.tensor(name);
    boolean same =
        shape.type() == StoredType.I64
            && shape.elements() == 2
            && shape.data().get(LONG, 0) == rows
            && shape.data().get(LONG, Long.BYTES) == columns;
    if (!same) {
      throw new CheckpointException(
          checkpoint.folder(), name, "config.json asks for %d × %d".formatted(rows, columns));
    }
  }

  /** Refuses columns that are grouped by importance rather than by place. */
  private static void checkOrder(Checkpoint checkpoint, String name, int columns, int groupSize) {
    if (!checkpoint.contains(name)) {
      return;
    }
    StoredTensor groups = checkpoint.tensor(name);
    boolean inOrder = groups.type() == StoredType.I32 && groups.elements() == columns;
    for (int i = 0; i < columns && inOrder; i++) {
      inOrder =
          groups.data().get(INT, (long) Integer.BYTES * i) == (groupSize == 0 ? 0 : i / groupSize);
    }
    if (!inOrder) {
      throw new CheckpointException(
          checkpoint.folder(),
          name,
          "groups columns in another order than their own (desc_act), which isn't supported");
    }
  }

  /** Bits of a number: 4 or 8. */
  public int bits() {
    return stored.bits();
  }

  /** The number of rows; a linear layer's outputs. */
  public int rows() {
    return rows;
  }

  /** The number of columns; a linear layer's inputs. */
  public int columns() {
    return columns;
  }

  private int group(int column) {
    return stored.groupSize() <= 0 ? 0 : column / stored.groupSize();
  }

  /** The scale that a number is multiplied with. */
  public float scale(int row, int column) {
    int group = group(column);
    return switch (stored.layout()) {
      case PACK_QUANTIZED, INT_QUANTIZED -> scales.number((long) row * scales.dim(1) + group);
      case FLOAT_QUANTIZED ->
          scales.number(stored.groupSize() == StoredQuantization.WHOLE_MATRIX ? 0 : row);
      case AWQ, GPTQ, GPTQ_V2 -> scales.number((long) group * scales.dim(1) + row);
    };
  }

  /** What is subtracted from a number, 0 to 16 with four bits, 0 with eight. */
  public int zero(int row, int column) {
    if (stored.bits() == 8) {
      return 0;
    }
    if (zeros == null) {
      return 8;
    }
    int group = group(column);
    int within = row % PER_INT;
    return switch (stored.layout()) {
      case PACK_QUANTIZED, INT_QUANTIZED, FLOAT_QUANTIZED ->
          four(word(zeros, row / PER_INT, group), within);
      case AWQ -> four(word(zeros, group, row / PER_INT), placeOf(within));
      case GPTQ -> four(word(zeros, group, row / PER_INT), within) + 1;
      case GPTQ_V2 -> four(word(zeros, group, row / PER_INT), within);
    };
  }

  private static int placeOf(int output) {
    // AWQ_ORDER the other way round.
    return output % 2 * 4 + output / 2;
  }

  private static int four(int word, int place) {
    return (word >>> (4 * place)) & 15;
  }

  private static int word(StoredTensor tensor, long row, long column) {
    return tensor.data().get(INT, Integer.BYTES * (row * tensor.dim(1) + column));
  }

  /**
   * Reads the numbers of up to eight rows.
   *
   * @param first the first of them, a multiple of 8
   * @param out number c of row {@code first + r} goes to {@code out[r · columns + c]}; rows that
   *     aren't there are left
   */
  public void numbers(int first, byte[] out) {
    int count = Math.min(PER_INT, rows - first);
    MemorySegment data = numbers.data();
    switch (stored.layout()) {
      case INT_QUANTIZED, FLOAT_QUANTIZED ->
          MemorySegment.copy(
              data, ValueLayout.JAVA_BYTE, (long) first * columns, out, 0, count * columns);
      case PACK_QUANTIZED -> {
        for (int r = 0; r < count; r++) {
          packedRow(first + r, out, r * columns);
        }
      }
      case AWQ -> {
        for (int c = 0; c < columns; c++) {
          spread(word(numbers, c, first / PER_INT), AWQ_ORDER, out, c, columns);
        }
      }
      case GPTQ, GPTQ_V2 -> {
        for (int r = 0; r < count; r++) {
          for (int c = 0; c < columns; c += PER_INT) {
            int word = word(numbers, c / PER_INT, first + r);
            spread(word, IN_ORDER, out, r * columns + c, 1);
          }
        }
      }
    }
  }

  /** Lets go of the memory that holds the numbers; if they are read again, the file is. */
  public void unload() {
    if (numbers.data().isMapped()) {
      numbers.data().unload();
    }
  }

  private void packedRow(int row, byte[] out, int at) {
    int perWord = Integer.SIZE / stored.bits();
    for (int c = 0; c < columns; c++) {
      int word = word(numbers, row, c / perWord);
      // Eight bits are stored with 128 added.
      out[at + c] =
          (byte)
              (stored.bits() == 4
                  ? four(word, c % perWord)
                  : ((word >>> (8 * (c % perWord))) & 255) - 128);
    }
  }

  private static void spread(int word, int[] order, byte[] out, int at, int stride) {
    for (int i = 0; i < PER_INT; i++) {
      out[at + order[i] * stride] = (byte) four(word, i);
    }
  }
}
