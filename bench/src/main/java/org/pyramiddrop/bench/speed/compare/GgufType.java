package org.pyramiddrop.bench.speed.compare;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Quantization;
import org.pyramiddrop.transformer.engine.WeightConversion;

/** How a GGUF file stores numbers. */
enum GgufType {
  F32(0, 1, Float.BYTES),
  /** 4 bits for each of 32 numbers behind a scale, for the value {@code scale · (q - 8)}. */
  Q4_0(2, Blocks.SIZE, Short.BYTES + Blocks.SIZE / 2),
  /** A signed byte for each of 32 numbers behind a scale: those of {@link DType#INT8}. */
  Q8_0(8, Blocks.SIZE, Short.BYTES + Blocks.SIZE),
  BF16(30, 1, Short.BYTES);

  private static final int ZERO = 8;

  final int number;
  final int block;
  final int blockBytes;

  /** A type as the format numbers it, whose blocks have so many numbers and bytes. */
  GgufType(int number, int block, int blockBytes) {
    this.number = number;
    this.block = block;
    this.blockBytes = blockBytes;
  }

  static GgufType of(DType dtype) {
    return switch (dtype) {
      case BFLOAT16 -> BF16;
      case INT8 -> Q8_0;
      case INT4 -> Q4_0;
      case FLOAT32, FLOAT16, FP8 ->
          throw new IllegalArgumentException(
              "llama.cpp is measured in bfloat16, int8 and int4, not in " + dtype.label());
    };
  }

  /**
   * What the output head has, as our side has it: every step reads it whole, and four bits of it
   * would cost most.
   */
  static GgufType ofHead(DType dtype) {
    return dtype.inBlocks() ? Q8_0 : of(dtype);
  }

  /** Writes numbers, whole blocks. */
  void put(float[] values, ByteBuffer out) {
    for (int from = 0; from < values.length; from += block) {
      switch (this) {
        case F32 -> out.putFloat(values[from]);
        case BF16 -> out.putShort(WeightConversion.bfloat16(values[from]));
        case Q8_0 -> putBytes(values, from, out);
        case Q4_0 -> putHalves(values, from, out);
      }
    }
  }

  private static void putBytes(float[] values, int from, ByteBuffer out) {
    Blocks one = new Blocks(DType.INT8, 1, Blocks.SIZE);
    MemorySegment block = MemorySegment.ofArray(new byte[(int) one.bytes()]);
    new Quantization(one, block).row(0, Arrays.copyOfRange(values, from, from + Blocks.SIZE));
    out.putShort(Float.floatToFloat16(one.scale(block, 0, 0)));
    out.put(block.asSlice(0, Blocks.SIZE).asByteBuffer());
  }

  /** The number furthest from zero becomes level 0. Byte i has numbers i and 16 + i. */
  private static void putHalves(float[] values, int from, ByteBuffer out) {
    float furthest = 0;
    for (int i = from; i < from + Blocks.SIZE; i++) {
      furthest = Math.abs(values[i]) > Math.abs(furthest) ? values[i] : furthest;
    }
    float scale = Float.float16ToFloat(Float.floatToFloat16(furthest / -ZERO));
    out.putShort(Float.floatToFloat16(scale));
    for (int i = from; i < from + Blocks.SIZE / 2; i++) {
      int high = level(values[i + Blocks.SIZE / 2], scale);
      out.put((byte) (level(values[i], scale) | high << 4));
    }
  }

  private static int level(float value, float scale) {
    return Math.clamp(scale == 0 ? ZERO : Math.round(value / scale) + ZERO, 0, 2 * ZERO - 1);
  }
}
