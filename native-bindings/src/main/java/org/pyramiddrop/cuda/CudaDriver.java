package org.pyramiddrop.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/** Whether this machine has an NVIDIA driver and a GPU. Nothing is loaded before it is asked. */
public final class CudaDriver {
  /** Names the driver library, or the folder it is in, where the usual places don't hold it. */
  public static final String LIBRARY_PROPERTY = "pyramiddrop.cuda.driver";

  private static final String SONAME = "libcuda.so.1";

  private CudaDriver() {}

  /** Why CUDA can't be used, in words; empty if a driver and at least one GPU are there. */
  public static Optional<String> probe() {
    try (Arena arena = Arena.ofConfined()) {
      SymbolLookup library = open(arena);
      int status = call(library, "cuInit", 0);
      if (status != 0) {
        return Optional.of(
            "the NVIDIA driver is installed but does not start (cuInit returned %d); see nvidia-smi"
                .formatted(status));
      }
      MemorySegment count = arena.allocate(ValueLayout.JAVA_INT);
      status = call(library, "cuDeviceGetCount", count);
      if (status != 0 || count.get(ValueLayout.JAVA_INT, 0) == 0) {
        return Optional.of("the NVIDIA driver is installed but sees no GPU; see nvidia-smi");
      }
      return Optional.empty();
    } catch (MissingException e) {
      return Optional.of(e.reason);
    }
  }

  private static SymbolLookup open(Arena arena) throws MissingException {
    String name = System.getProperty(LIBRARY_PROPERTY, SONAME);
    try {
      return SymbolLookup.libraryLookup(name, arena);
    } catch (IllegalArgumentException e) {
      throw new MissingException(
          "no NVIDIA driver: the library %s can't be loaded".formatted(name));
    }
  }

  private static int call(SymbolLookup library, String function, Object argument)
      throws MissingException {
    MemorySegment address =
        library
            .find(function)
            .orElseThrow(() ->
                new MissingException("the NVIDIA driver library has no function " + function));
    FunctionDescriptor type =
        FunctionDescriptor.of(
            ValueLayout.JAVA_INT,
            argument instanceof Integer ? ValueLayout.JAVA_INT : ValueLayout.ADDRESS);
    try {
      return (int) Linker.nativeLinker().downcallHandle(address, type).invoke(argument);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("a native function throws nothing", e);
    }
  }

  /** The driver, or a part of it, is not there. */
  private static final class MissingException extends Exception {
    private static final long serialVersionUID = 1L;

    private final String reason;

    MissingException(String reason) {
      super(reason);
      this.reason = reason;
    }
  }
}
