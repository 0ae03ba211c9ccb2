package org.pyramiddrop.bench.speed.compare;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.pyramiddrop.bench.checkpoint.RandomNumbers;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.bench.speed.ProductRun;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Kernels;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Where the numbers of a linear layer lie in a file that all sides map: the activations, {@code
 * tokens × inputs}, then the weights, {@code outputs × inputs} each, all of one dtype,
 * little-endian.
 */
record LinearData(Path file, Product product, int weights, DType dtype) {
  /** What another side was asked to run. */
  static LinearData of(JsonNode request) {
    return new LinearData(
        Path.of(request.path("data").stringValue()),
        new Product(
            request.path("tokens").intValue(),
            request.path("inputs").intValue(),
            request.path("outputs").intValue()),
        request.path("weights").intValue(),
        dtype(request.path("dtype")));
  }

  /** Asks another side to run it. */
  ObjectNode request() {
    return Comparison.request("linear", dtype)
        .put("tokens", product.tokens())
        .put("inputs", product.inputs())
        .put("outputs", product.outputs())
        .put("weights", weights)
        .put("data", file.toString());
  }

  /** A type by the name that all sides call it. */
  static DType dtype(JsonNode label) {
    return DType.valueOf(label.stringValue().toUpperCase(Locale.ROOT));
  }

  long activationBytes() {
    return (long) product.tokens() * product.inputs() * dtype.bytes();
  }

  /** Where a weight begins. */
  long weightOffset(int index) {
    return activationBytes() + index * product.weightBytes(dtype);
  }

  /** Writes the file: numbers between -1 and 1. */
  void write(long seed) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment all = arena.allocate(weightOffset(weights), 64);
      RandomNumbers.fill(all, dtype, 0, 1, seed);
      RawNumbers.write(file, all);
    }
  }

  MemorySegment map(Arena arena) {
    try (FileChannel channel = FileChannel.open(file)) {
      return channel.map(MapMode.READ_ONLY, 0, weightOffset(weights), arena);
    } catch (IOException e) {
      throw new UncheckedIOException(file + " can't be read: " + e.getMessage(), e);
    }
  }

  MemorySegment activations(MemorySegment mapped) {
    return mapped.asSlice(0, activationBytes());
  }

  MemorySegment weight(MemorySegment mapped, int index) {
    return mapped.asSlice(weightOffset(index), product.weightBytes(dtype));
  }

  /** The products of the file's numbers on a device, which is closed with them. */
  ProductRun open(Kernels kernels) {
    Arena arena = Arena.ofShared();
    MemorySegment mapped = map(arena);
    List<HostMatrix> matrices =
        IntStream.range(0, weights)
            .mapToObj(
                i -> new HostMatrix(dtype, weight(mapped, i), product.outputs(), product.inputs()))
            .toList();
    float[] x = RawNumbers.floats(activations(mapped), dtype);
    return new ProductRun(product, x, matrices, kernels, arena);
  }
}
