package org.pyramiddrop.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import org.pyramiddrop.cuda.NativeAccess;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;

/**
 * The compiled kernels of {@code src/main/c}, and which of them this processor can run.
 *
 * @param features what the processor has, as {@code processor.c} says
 */
record NativeLibrary(SymbolLookup functions, int features) {
  /** Names a file to use instead of the library in the jar. */
  static final String PROPERTY = "pyramiddrop.native.library";

  /** What the names of all its functions begin with. */
  static final String PREFIX = "pyramiddrop_";

  /** How a build without the library begins to say so. */
  static final String NOT_BUILT = "this build has no native kernels";

  static final int AVX2 = 1;
  static final int AVX512 = 2;
  static final int BFLOAT16 = 4;
  static final int VNNI = 8;

  /** Inputs that a panel keeps. */
  private static final int RUN = 1024;

  /** Bytes that a packed input's whole number takes in {@code streaming_blocks.c}. */
  private static final int INT8_PARTS = 3;

  private static final int INT4_PARTS = 2;

  /** Inputs that {@code streaming_blocks.c} takes at once, of int4 twice as many. */
  private static final int VECTOR = 64;

  private static final int BLOCKS_TILE_ROWS = 6;

  private static final int BLOCKS_TILE_ROWS_256 = 3;

  private static final int SINGLE_TILE_ROWS_256 = 6;

  /** Inputs that a panel of {@code matmul_single_256.c} keeps. */
  private static final int SINGLE_RUN_256 = 256;

  /** Blocks that a panel of {@code matmul_blocks_256.c} keeps. */
  private static final int INT8_RUN_256 = 16;

  private static final int INT4_RUN_256 = 32;

  private static final int LANES = 16;
  private static final int TILE_ROWS = 12;
  private static final String RESOURCE = "kernels.so";

  /**
   * Loads it, for as long as the process lives.
   *
   * @throws DeviceException with the reason, if there is none or it can't be loaded
   */
  static NativeLibrary open() {
    try {
      String named = System.getProperty(PROPERTY, "");
      SymbolLookup functions = named.isBlank() ? bundled() : load(Path.of(named).toAbsolutePath());
      int features =
          (int)
              Linker.nativeLinker()
                  .downcallHandle(
                      functions.findOrThrow(PREFIX + "processor"), FunctionDescriptor.of(JAVA_INT))
                  .invokeExact();
      return new NativeLibrary(functions, features);
    } catch (IllegalCallerException e) {
      throw new DeviceException(NativeAccess.missing(NativeLibrary.class.getModule()), e);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("a native function throws nothing", e);
    }
  }

  /** A file of its own only while it is loaded: the loader reads no jars. */
  private static SymbolLookup bundled() {
    try (InputStream in = NativeLibrary.class.getResourceAsStream(RESOURCE)) {
      if (in == null) {
        throw new DeviceException(
            NOT_BUILT
                + "; build it where a C compiler for Linux on x86-64 is"
                + " found (make native)");
      }
      Path file = Files.createTempFile("pyramiddrop-", ".so");
      try {
        Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
        return load(file);
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new DeviceException(
          "the native kernels can't be written to the temporary folder, name another with"
              + " -Djava.io.tmpdir=FOLDER: "
              + e,
          e);
    }
  }

  private static SymbolLookup load(Path file) {
    try {
      return SymbolLookup.libraryLookup(file, Arena.global());
    } catch (IllegalArgumentException e) {
      // This is how a library is reported that is not there, is not one, or may not be run there.
      throw new DeviceException(
          file
              + " can't be loaded: it is not there, made for another machine, or in a folder that no"
              + " code may be run from",
          e);
    }
  }

  /** The same on a processor that has nothing else. */
  NativeLibrary limitedTo(int least) {
    return new NativeLibrary(functions, features & least);
  }

  private boolean has(int feature) {
    return (features & feature) != 0;
  }

  /** The product of few rows, a tile a call, by weights of a type, if any. */
  Optional<NativeKernel> streaming(DType weights) {
    if (weights == DType.BFLOAT16 && has(AVX512 | AVX2)) {
      return streaming(
          weights,
          has(AVX512) ? "_512" : "_256",
          inputs -> Float.BYTES * 2 * padded(Math.ceilDiv(inputs, 2), LANES));
    }
    if (weights == DType.INT8 && has(VNNI)) {
      // Four inputs have a sum's beginning, and a block a scale.
      return streaming(
          weights,
          "",
          inputs ->
              (INT8_PARTS + Integer.BYTES / 4) * padded(inputs, VECTOR)
                  + Float.BYTES * padded(blocks(inputs), LANES));
    }
    if (weights == DType.INT4 && has(VNNI)) {
      // A block has a scale and a sum.
      return streaming(
          weights,
          "",
          inputs ->
              INT4_PARTS * padded(inputs, 2 * VECTOR)
                  + 2 * Float.BYTES * padded(blocks(inputs), LANES));
    }
    if (weights == DType.INT8 && has(AVX2)) {
      // Two digits an input.
      return streaming(
          weights,
          "_256",
          inputs ->
              2 * Short.BYTES * padded(inputs, Blocks.SIZE)
                  + Float.BYTES * padded(blocks(inputs), LANES / 2));
    }
    if (weights == DType.INT4 && has(AVX2)) {
      return streaming(
          weights,
          "_256",
          inputs ->
              INT4_PARTS * padded(inputs, 2 * Blocks.SIZE)
                  + 2 * Float.BYTES * padded(blocks(inputs), LANES / 2));
    }
    return Optional.empty();
  }

  private Optional<NativeKernel> streaming(DType weights, String width, IntUnaryOperator packed) {
    String name = "streaming_" + weights.label();
    // Rows lie in blocks as wide vectors meet them, and for bfloat16 alike for all widths.
    String packs = weights.inBlocks() ? name + width : name;
    return Optional.of(
        NativeKernel.of(
            functions,
            packs + "_pack",
            name + width,
            planes(weights),
            StreamingProduct.MAX_ROWS,
            packed,
            0));
  }

  private static int padded(int count, int multiple) {
    return Math.ceilDiv(count, multiple) * multiple;
  }

  /** The product of more rows by weights of a type, if any. */
  Optional<NativeKernel> matmul(DType weights) {
    if (weights == DType.BFLOAT16 && has(BFLOAT16)) {
      return Optional.of(
          NativeKernel.of(
              functions,
              "matmul_bfloat16_pack",
              "matmul_bfloat16",
              1,
              TILE_ROWS,
              inputs -> Integer.BYTES * Math.ceilDiv(inputs, 2),
              Short.BYTES * RUN));
    }
    // With AVX-512 Java's vectors are twice as wide.
    if (!weights.inBlocks() && has(AVX2) && !has(AVX512)) {
      return Optional.of(
          NativeKernel.of(
              functions,
              "matmul_single_256_pack",
              "matmul_" + weights.label() + "_256",
              1,
              SINGLE_TILE_ROWS_256,
              inputs -> Float.BYTES * inputs,
              Float.BYTES * SINGLE_RUN_256));
    }
    if ((weights == DType.INT8 || weights == DType.INT4) && has(VNNI)) {
      return Optional.of(
          NativeKernel.of(
              functions,
              "matmul_blocks_pack",
              "matmul_" + weights.label(),
              planes(weights),
              BLOCKS_TILE_ROWS,
              // Its bytes, their scale and their sum.
              inputs -> (Blocks.SIZE + Float.BYTES + Integer.BYTES) * blocks(inputs),
              // Bytes and a scale.
              (Blocks.SIZE + Float.BYTES) * RUN / Blocks.SIZE));
    }
    if (weights == DType.INT8 && has(AVX2)) {
      // Shorts and a scale, on both sides.
      int bytes = Short.BYTES * Blocks.SIZE + Float.BYTES;
      return Optional.of(matmul256(weights, bytes, bytes * INT8_RUN_256));
    }
    if (weights == DType.INT4 && has(AVX2)) {
      // Bytes and a scale; of weights also what the offset of rows adds.
      int bytes = Blocks.SIZE + Float.BYTES;
      return Optional.of(matmul256(weights, bytes, (bytes + 2 * Short.BYTES) * INT4_RUN_256));
    }
    return Optional.empty();
  }

  /**
   * The product by blocks that AVX2 alone does.
   *
   * @param blockBytes what a row's block takes
   * @param columnBytes what a weight row of a panel takes
   */
  private NativeKernel matmul256(DType weights, int blockBytes, int columnBytes) {
    String name = "matmul_" + weights.label() + "_256";
    return NativeKernel.of(
        functions,
        name + "_pack",
        name,
        planes(weights),
        BLOCKS_TILE_ROWS_256,
        inputs -> blockBytes * blocks(inputs),
        // There is one panel, of half as many weight rows as there are at least.
        columnBytes / 2);
  }

  /** Whether {@link #matmul} rounds rows, to bfloat16 or to bytes. */
  boolean roundsRows(DType weights) {
    return weights.inBlocks() || (weights == DType.BFLOAT16 && has(BFLOAT16));
  }

  private static int blocks(int inputs) {
    return Math.ceilDiv(inputs, Blocks.SIZE);
  }

  /** How many addresses a weight row has. */
  private static int planes(DType weights) {
    return switch (weights) {
      case INT4 -> 3;
      case INT8 -> 2;
      default -> 1;
    };
  }

  /** What of the processor its kernels use, in words; empty if it has nothing that they could. */
  String used() {
    List<String> used = new ArrayList<>();
    if (has(AVX2 | AVX512)) {
      used.add(has(AVX512) ? "AVX-512" : "AVX2");
    }
    if (has(BFLOAT16)) {
      used.add("bfloat16 products");
    }
    if (has(VNNI)) {
      used.add("integer products");
    }
    return String.join(", ", used);
  }
}
