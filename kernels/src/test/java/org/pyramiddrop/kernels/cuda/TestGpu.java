package org.pyramiddrop.kernels.cuda;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.kernels.Checked;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;

/**
 * The GPU that tests run on: an emulated one, which {@code make emulation} builds, or with {@code
 * -Dpyramiddrop.gpu=real} the machine's own.
 */
public final class TestGpu {
  private static final boolean REAL = "real".equals(System.getProperty("pyramiddrop.gpu"));

  /** What the emulated driver takes for compiled kernels; its own are linked in. */
  private static final Path IMAGE = image();

  private static final int EMULATED_MULTIPROCESSORS = 4;

  private TestGpu() {}

  private static Path image() {
    try {
      Path file = Files.createTempFile("kernels", ".emulated");
      file.toFile().deleteOnExit();
      return Files.writeString(file, "emulated");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Whether it is a GPU, and not the emulation. */
  public static boolean isReal() {
    return REAL;
  }

  /**
   * Makes the backend find the emulation, unless a GPU is asked for. Products are not measured, so
   * that two devices do them the same way and tests leave no files.
   */
  public static void prepare() {
    properties().forEach(System::setProperty);
  }

  /** Later tests find the machine as it is. */
  public static void restore() {
    properties().keySet().forEach(System::clearProperty);
    emulateMultiprocessors(EMULATED_MULTIPROCESSORS);
  }

  /** What an emulated GPU has of them until {@link #restore}; a real one stays as it is. */
  static void emulateMultiprocessors(int count) {
    if (!REAL) {
      hook("emulated_multiprocessors", count);
    }
  }

  private static Map<String, String> properties() {
    return REAL
        ? Map.of(Tuning.PROPERTY, "off")
        : Map.of(
            Tuning.PROPERTY,
            "off",
            "pyramiddrop.cuda.driver",
            Emulated.driver().toString(),
            "pyramiddrop.cuda.cublasLt",
            Emulated.cublasLt().toString(),
            CudaProvider.KERNELS_PROPERTY,
            IMAGE.toString());
  }

  /** The GPU as users get it. */
  static Kernels open(DType dtype) {
    return Devices.open("cuda", 1, dtype);
  }

  /** The same, working as these options say. */
  static Kernels open(DType dtype, CudaOptions options) {
    return Checked.over(CudaProvider.open(dtype, options));
  }

  /** Device memory that nobody has taken. */
  public static long freeBytes() {
    try (Context context = Context.open(0)) {
      return context.freeBytes();
    }
  }

  /** What the driver has handed out and not taken back; only the emulation tells. */
  public static long liveHandles() {
    return REAL ? 0 : hook("emulated_live_handles");
  }

  /** Kernels, copies and fills of the graphs that ran so far; only the emulation tells. */
  public static long graphNodes() {
    return hook("emulated_graph_nodes");
  }

  /** Kernels that were started one by one so far; only the emulation tells. */
  public static long launches() {
    return hook("emulated_launches");
  }

  /** Graphs that were started so far; only the emulation tells. */
  public static long graphLaunches() {
    return hook("emulated_graph_launches");
  }

  /** Captures that ended well so far; only the emulation tells. */
  public static long captures() {
    return hook("emulated_captures");
  }

  /** Executable graphs that were made so far; only the emulation tells. */
  public static long instantiations() {
    return hook("emulated_instantiations");
  }

  /** What cuBLASLt has handed out and not taken back; only the emulation tells. */
  static long liveProductHandles() {
    return REAL ? 0 : hook("emulated_cublas_live_handles");
  }

  /** Calls a hook of the emulation, which takes longs or ints and returns a long. */
  static long hook(String name, Number... arguments) {
    MemoryLayout[] types =
        Arrays.stream(arguments)
            .map(a -> a instanceof Integer ? ValueLayout.JAVA_INT : ValueLayout.JAVA_LONG)
            .toArray(MemoryLayout[]::new);
    Path file = name.startsWith("emulated_cublas") ? Emulated.cublasLt() : Emulated.driver();
    SymbolLookup library = SymbolLookup.libraryLookup(file, Arena.global());
    MemorySegment address = library.findOrThrow(name);
    try {
      return (long)
          Linker.nativeLinker()
              .downcallHandle(address, FunctionDescriptor.of(ValueLayout.JAVA_LONG, types))
              .invokeWithArguments((Object[]) arguments);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("a native function throws nothing", e);
    }
  }
}
