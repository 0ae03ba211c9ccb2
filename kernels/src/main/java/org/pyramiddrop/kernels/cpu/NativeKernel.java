package org.pyramiddrop.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.function.IntUnaryOperator;

/**
 * A product of the native library: a function that packs rows of activations and one that
 * multiplies them, which {@code kernels.h} describes. They run as native code of the calling
 * thread, which the garbage collector doesn't wait for, on memory outside Java's heap.
 *
 * @param pack packs a tile of rows
 * @param multiply multiplies packed rows by weight rows
 * @param planes addresses of a weight row: of its numbers, its scales and its zeros
 * @param tileRows the most rows of a tile
 * @param packedBytes what a packed row of so many inputs takes
 * @param panelBytes what each weight row needs of scratch memory
 */
record NativeKernel(
    MethodHandle pack,
    MethodHandle multiply,
    int planes,
    int tileRows,
    IntUnaryOperator packedBytes,
    int panelBytes) {
  /** Weight rows are rounded up to so many. */
  static final int PANEL = 32;

  private static final FunctionDescriptor PACK =
      FunctionDescriptor.ofVoid(ADDRESS, JAVA_INT, JAVA_INT, ADDRESS);
  private static final FunctionDescriptor MULTIPLY =
      FunctionDescriptor.ofVoid(
          ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, ADDRESS);

  /** Functions by their names, without what all names begin with. */
  static NativeKernel of(
      SymbolLookup library,
      String pack,
      String multiply,
      int planes,
      int tileRows,
      IntUnaryOperator packedBytes,
      int panelBytes) {
    return new NativeKernel(
        handle(library, pack, PACK),
        handle(library, multiply, MULTIPLY),
        planes,
        tileRows,
        packedBytes,
        panelBytes);
  }

  private static MethodHandle handle(SymbolLookup library, String name, FunctionDescriptor type) {
    return Linker.nativeLinker()
        .downcallHandle(library.findOrThrow(NativeLibrary.PREFIX + name), type);
  }

  /** Packs {@code rows × inputs} numbers. */
  void pack(MemorySegment x, int rows, int inputs, MemorySegment out) {
    try {
      pack.invokeExact(x, rows, inputs, out);
    } catch (Throwable e) {
      throw thrown(e);
    }
  }

  /** Sums of all rows over some weight rows. */
  void multiply(
      MemorySegment x,
      int rows,
      int height,
      int inputs,
      MemorySegment w,
      int columns,
      MemorySegment panels,
      MemorySegment sums) {
    try {
      multiply.invokeExact(x, rows, height, inputs, w, columns, panels, sums);
    } catch (Throwable e) {
      throw thrown(e);
    }
  }

  private static RuntimeException thrown(Throwable e) {
    if (e instanceof RuntimeException unchecked) {
      return unchecked;
    }
    if (e instanceof Error error) {
      throw error;
    }
    return new IllegalStateException("a native function throws nothing", e);
  }
}
