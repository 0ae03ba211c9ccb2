package org.pyramiddrop.bench.speed.compare;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import org.pyramiddrop.bench.report.OutputFile;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.engine.WeightConversion;

/** Little-endian numbers as they lie in files that two processes share. */
public final class RawNumbers {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private RawNumbers() {}

  /** Writes float32 numbers, one array behind the other. */
  public static void write(Path file, float[]... parts) {
    OutputFile.write(
        file,
        out -> {
          for (float[] values : parts) {
            byte[] bytes = new byte[Math.multiplyExact(values.length, Float.BYTES)];
            MemorySegment.copy(values, 0, MemorySegment.ofArray(bytes), FLOAT, 0, values.length);
            out.write(bytes);
          }
        });
  }

  static void write(Path file, MemorySegment numbers) {
    OutputFile.write(file, out -> Channels.newChannel(out).write(numbers.asByteBuffer()));
  }

  /** Reads float32 numbers, all that the file has. */
  public static float[] read(Path file) {
    try {
      MemorySegment bytes = MemorySegment.ofArray(Files.readAllBytes(file));
      return floats(bytes, DType.FLOAT32);
    } catch (IOException e) {
      throw new UncheckedIOException(file + " can't be read: " + e.getMessage(), e);
    }
  }

  /** Widens float32 or bfloat16 numbers. */
  static float[] floats(MemorySegment numbers, DType dtype) {
    float[] values = new float[Math.toIntExact(numbers.byteSize() / dtype.bytes())];
    MemorySegment out = MemorySegment.ofArray(values);
    WeightConversion.convert(dtype, numbers, DType.FLOAT32, out, values.length);
    return values;
  }

  /** One float32 or bfloat16 number. */
  static float number(MemorySegment numbers, DType dtype, long index) {
    return switch (dtype) {
      case FLOAT32 -> numbers.get(FLOAT, index * Float.BYTES);
      case BFLOAT16 -> Float.intBitsToFloat(numbers.get(SHORT, index * Short.BYTES) << Short.SIZE);
      case FLOAT16 -> Float.float16ToFloat(numbers.get(SHORT, index * Short.BYTES));
      case INT8, INT4, FP8 -> throw dtype.notSingle();
    };
  }
}
