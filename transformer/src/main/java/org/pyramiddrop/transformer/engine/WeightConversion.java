package org.pyramiddrop.transformer.engine;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Quantization;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.PackedMatrix;
import org.pyramiddrop.loader.StoredTensor;

/** Weights from one dtype to another, rounded to the nearest and halves to even. */
public final class WeightConversion {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** A cache line, and the widest vector. */
  private static final int ALIGNMENT = 64;

  /** Rows that {@link PackedMatrix#numbers} reads. */
  private static final int ROWS_READ = 8;

  /** Rows that one thread converts at a time. */
  private static final int ROWS_OF_TASK = 64;

  private WeightConversion() {}

  /** The type of a tensor that {@link Checkpoint#weight} gave. */
  public static DType dtype(StoredTensor tensor) {
    return switch (tensor.type()) {
      case F32 -> DType.FLOAT32;
      case F16 -> DType.FLOAT16;
      case BF16 -> DType.BFLOAT16;
      default -> throw new AssertionError("the checkpoint gave a weight of " + tensor.type());
    };
  }

  public static void convert(
      DType from, MemorySegment data, DType to, MemorySegment out, long count) {
    for (long i = 0; i < count; i++) {
      float value =
          switch (from) {
            case FLOAT32 -> data.get(FLOAT, 4 * i);
            case FLOAT16 -> Float.float16ToFloat(data.get(SHORT, 2 * i));
            case BFLOAT16 -> Float.intBitsToFloat(data.get(SHORT, 2 * i) << 16);
            case INT8, INT4, FP8 -> throw from.notSingle();
          };
      switch (to) {
        case FLOAT32 -> out.set(FLOAT, 4 * i, value);
        case FLOAT16 -> out.set(SHORT, 2 * i, Float.floatToFloat16(value));
        case BFLOAT16 -> out.set(SHORT, 2 * i, bfloat16(value));
        case INT8, INT4, FP8 -> throw to.notSingle();
      }
    }
  }

  /**
   * A matrix in blocks, converted row by row on all processors.
   *
   * @throws ArithmeticException if a number isn't finite, or too large
   */
  public static HostMatrix inBlocks(HostMatrix matrix, DType type, SegmentAllocator memory) {
    Blocks blocks = new Blocks(type, matrix.rows(), matrix.columns());
    MemorySegment out = memory.allocate(blocks.bytes(), ALIGNMENT);
    int tasks = (matrix.rows() + ROWS_OF_TASK - 1) / ROWS_OF_TASK;
    share(
        tasks,
        task -> {
          Quantization quantization = new Quantization(blocks, out);
          short[] stored = new short[matrix.columns()];
          float[] values = new float[matrix.columns()];
          int end = Math.min(matrix.rows(), (task + 1) * ROWS_OF_TASK);
          for (int row = task * ROWS_OF_TASK; row < end; row++) {
            read(matrix, row, stored, values);
            quantization.row(row, values);
          }
        });
    return new HostMatrix(type, out, matrix.rows(), matrix.columns());
  }

  /**
   * A matrix that is stored in few bits, number by number as it is.
   *
   * @throws ArithmeticException if blocks can't hold a number, scale or zero
   */
  static HostMatrix repacked(PackedMatrix matrix, DType type, SegmentAllocator memory) {
    Blocks blocks = new Blocks(type, matrix.rows(), matrix.columns());
    MemorySegment out = memory.allocate(blocks.bytes(), ALIGNMENT);
    share(
        (matrix.rows() + ROWS_READ - 1) / ROWS_READ,
        task -> {
          Quantization quantization = new Quantization(blocks, out);
          byte[] numbers = new byte[ROWS_READ * matrix.columns()];
          int first = task * ROWS_READ;
          matrix.numbers(first, numbers);
          for (int row = first; row < Math.min(matrix.rows(), first + ROWS_READ); row++) {
            int of = row;
            quantization.row(
                row,
                numbers,
                (row - first) * matrix.columns(),
                block -> matrix.scale(of, block * Blocks.SIZE),
                block -> matrix.zero(of, block * Blocks.SIZE));
          }
        });
    return new HostMatrix(type, out, matrix.rows(), matrix.columns());
  }

  private static void share(int tasks, IntConsumer task) {
    try {
      IntStream.range(0, tasks).parallel().forEach(task);
    } catch (ArithmeticException e) {
      // What another thread threw comes as the cause of one without a message.
      throw e.getCause() instanceof ArithmeticException first ? first : e;
    }
  }

  private static void read(HostMatrix matrix, int row, short[] stored, float[] values) {
    long at = (long) row * values.length * matrix.dtype().bytes();
    if (matrix.dtype() == DType.FLOAT32) {
      MemorySegment.copy(matrix.data(), FLOAT, at, values, 0, values.length);
      return;
    }
    // Arrays are what the compiler makes vectors of.
    MemorySegment.copy(matrix.data(), SHORT, at, stored, 0, stored.length);
    if (matrix.dtype() == DType.FLOAT16) {
      for (int i = 0; i < stored.length; i++) {
        values[i] = Float.float16ToFloat(stored[i]);
      }
    } else {
      for (int i = 0; i < stored.length; i++) {
        values[i] = Float.intBitsToFloat(stored[i] << 16);
      }
    }
  }

  public static short bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }
}
