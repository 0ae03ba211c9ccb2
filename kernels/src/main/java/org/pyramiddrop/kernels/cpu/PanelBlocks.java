package org.pyramiddrop.kernels.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;

/**
 * Packs four rows of a weight in {@link Blocks} into a panel, as {@link PanelRows} does those of
 * other types: four bytes of each row are transposed as one int, and each int's bytes are four
 * inputs.
 */
final class PanelBlocks {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_128;

  private PanelBlocks() {}

  /**
   * Puts number i of row r at {@code out[at + i·stride + r]}, as {@link Blocks#value} gives it.
   *
   * @param row the first of four rows that lie together
   * @param column the first number of each row, which begins a block
   * @param count numbers of each row
   */
  static void pack(CpuWeight w, int row, int column, int count, float[] out, int at, int stride) {
    Blocks blocks = w.blocks(row);
    MemorySegment data = w.segment(row);
    int bound = count - count % Blocks.SIZE;
    int first = w.within(row);
    int block = column / Blocks.SIZE;
    int there = MatrixProduct.ceilDiv(bound, Blocks.SIZE);
    float[] scales = new float[PanelRows.COUNT * there];
    float[] least = new float[PanelRows.COUNT * there];
    for (int i = 0; i < scales.length; i++) {
      int r = first + i % PanelRows.COUNT;
      int b = block + i / PanelRows.COUNT;
      scales[i] = blocks.scale(data, r, b);
      least[i] = -blocks.zero(data, r, b) * scales[i];
    }
    long from = blocks.numbers(first) + blocks.numberBytes() / blocks.perRow() * block;
    if (blocks.dtype() == DType.INT8) {
      float[] words = words(data, from, blocks.numberBytes(), bound / 4);
      int8(words, scales, out, at, stride);
    } else if (blocks.dtype() == DType.FP8) {
      float[] words = words(data, from, blocks.numberBytes(), bound / 4);
      fp8(words, scales, out, at, stride);
    } else {
      float[] words = words(data, from, blocks.numberBytes(), bound / 8);
      int4(words, scales, least, out, at, stride);
    }
    for (int r = 0; r < PanelRows.COUNT && bound < count; r++) {
      w.widen(row + r, column + bound, count - bound, out, at + bound * stride + r, stride);
    }
  }

  /** Words of four rows, four bytes each, those at the same place of all rows side by side. */
  private static float[] words(MemorySegment w, long from, long rowBytes, int count) {
    float[] words = new float[PanelRows.COUNT * count];
    PanelRows.float32(w, from, rowBytes, count, words, 0, PanelRows.COUNT);
    return words;
  }

  // As in PanelRows, the loops call nothing but the Vector API.

  private static void int8(float[] words, float[] scales, float[] out, int at, int stride) {
    for (int i = 0; i < words.length; i += PanelRows.COUNT) {
      FloatVector scale = FloatVector.fromArray(F, scales, i / Blocks.SIZE * 4);
      IntVector bytes = FloatVector.fromArray(F, words, i).reinterpretAsInts();
      IntVector top = bytes.lanewise(VectorOperators.LSHL, 24);
      FloatVector number =
          (FloatVector) top.lanewise(VectorOperators.ASHR, 24).convert(VectorOperators.I2F, 0);
      int to = at + i * stride;
      number.mul(scale).intoArray(out, to);
      top = bytes.lanewise(VectorOperators.LSHL, 16);
      number = (FloatVector) top.lanewise(VectorOperators.ASHR, 24).convert(VectorOperators.I2F, 0);
      number.mul(scale).intoArray(out, to + stride);
      top = bytes.lanewise(VectorOperators.LSHL, 8);
      number = (FloatVector) top.lanewise(VectorOperators.ASHR, 24).convert(VectorOperators.I2F, 0);
      number.mul(scale).intoArray(out, to + 2 * stride);
      number =
          (FloatVector) bytes.lanewise(VectorOperators.ASHR, 24).convert(VectorOperators.I2F, 0);
      number.mul(scale).intoArray(out, to + 3 * stride);
    }
  }

  /** A number brought to the top reads as {@link StreamingBlocks} says. */
  private static void fp8(float[] words, float[] scales, float[] out, int at, int stride) {
    for (int i = 0; i < words.length; i += PanelRows.COUNT) {
      FloatVector scale = FloatVector.fromArray(F, scales, i / Blocks.SIZE * PanelRows.COUNT);
      IntVector bytes = FloatVector.fromArray(F, words, i).reinterpretAsInts();
      int to = at + i * stride;
      for (int b = 0; b < 4; b++) {
        IntVector top = bytes.lanewise(VectorOperators.LSHL, 24 - 8 * b);
        top = top.lanewise(VectorOperators.ASHR, 4).and(StreamingBlocks.FLOAT8_BITS);
        FloatVector number = top.reinterpretAsFloats().mul(StreamingBlocks.FLOAT8_SCALE);
        number.mul(scale).intoArray(out, to + b * stride);
      }
    }
  }

  private static void int4(
      float[] words, float[] scales, float[] leasts, float[] out, int at, int stride) {
    int high = Blocks.SIZE / 2 * stride;
    for (int i = 0; i < words.length; i += PanelRows.COUNT) {
      int block = i / (Blocks.SIZE / 2);
      FloatVector scale = FloatVector.fromArray(F, scales, PanelRows.COUNT * block);
      FloatVector least = FloatVector.fromArray(F, leasts, PanelRows.COUNT * block);
      IntVector bytes = FloatVector.fromArray(F, words, i).reinterpretAsInts();
      int to = at + (block * Blocks.SIZE + i % (Blocks.SIZE / 2)) * stride;
      for (int b = 0; b < 4; b++) {
        IntVector half = bytes.lanewise(VectorOperators.LSHR, 8 * b).and(15);
        FloatVector number = (FloatVector) half.convert(VectorOperators.I2F, 0);
        number.fma(scale, least).intoArray(out, to + b * stride);
        half = bytes.lanewise(VectorOperators.LSHR, 8 * b + 4).and(15);
        number = (FloatVector) half.convert(VectorOperators.I2F, 0);
        number.fma(scale, least).intoArray(out, to + high + b * stride);
      }
    }
  }
}
