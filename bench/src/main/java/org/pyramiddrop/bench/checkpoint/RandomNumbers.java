package org.pyramiddrop.bench.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.engine.WeightConversion;

/**
 * Random numbers by the gigabyte: uniform around a centre, on all cores, and the same for a seed
 * however many cores there are.
 */
public final class RandomNumbers {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Bytes that have a generator of their own; a multiple of 8. */
  private static final long BLOCK = 1 << 21;

  private static final int LEVELS = 1 << 16;

  private RandomNumbers() {}

  /**
   * Fills memory with numbers between {@code centre - spread} and {@code centre + spread}.
   *
   * @param out whole numbers of the dtype, little-endian, readable from any thread
   */
  public static void fill(MemorySegment out, DType dtype, float centre, float spread, long seed) {
    if (out.byteSize() % dtype.bytes() != 0) {
      throw new IllegalArgumentException(
          out.byteSize() + " bytes don't hold whole numbers of " + dtype);
    }
    int blocks = Math.toIntExact(Math.ceilDiv(out.byteSize(), BLOCK));
    SplittableRandom[] randoms =
        new SplittableRandom(seed).splits(blocks).toArray(SplittableRandom[]::new);
    short[] halves = dtype == DType.FLOAT32 ? new short[0] : halves(dtype, centre, spread);
    IntStream.range(0, blocks)
        .parallel()
        .forEach(b -> {
          long at = b * BLOCK;
          MemorySegment block = out.asSlice(at, Math.min(BLOCK, out.byteSize() - at));
          if (dtype == DType.FLOAT32) {
            floats(block, centre, spread, randoms[b]);
          } else {
            halves(block, halves, randoms[b]);
          }
        });
  }

  public static float[] floats(int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    return values;
  }

  private static void floats(
      MemorySegment out, float centre, float spread, SplittableRandom random) {
    for (long at = 0; at < out.byteSize(); at += Float.BYTES) {
      out.set(FLOAT, at, centre + (random.nextInt() >> 8) * 0x1p-23f * spread);
    }
  }

  /**
   * Two-byte numbers come out of a table, four to a random long, which is several times faster than
   * rounding each.
   */
  private static void halves(MemorySegment out, short[] table, SplittableRandom random) {
    long four = 0;
    for (long at = 0; at < out.byteSize(); at += Short.BYTES) {
      four = at % Long.BYTES == 0 ? random.nextLong() : four >>> Short.SIZE;
      out.set(SHORT, at, table[(int) four & (LEVELS - 1)]);
    }
  }

  private static short[] halves(DType dtype, float centre, float spread) {
    short[] table = new short[LEVELS];
    for (int i = 0; i < LEVELS; i++) {
      // Halfway between the steps, so that no level is zero.
      float value = centre + spread * ((i + 0.5f) / (LEVELS / 2) - 1);
      table[i] =
          dtype == DType.FLOAT16 ? Float.floatToFloat16(value) : WeightConversion.bfloat16(value);
    }
    return table;
  }
}
