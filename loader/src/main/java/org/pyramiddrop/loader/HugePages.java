package org.pyramiddrop.loader;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.invoke.MethodHandle;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Memory in transparent huge pages, which Linux has: decoding reads all weights for each token, and
 * in pages of 4 KiB it waits for their addresses to be looked up.
 */
public final class HugePages {
  private static final long SIZE = 2L << 20;

  /** Linux's switch: {@code always}, {@code madvise} or {@code never}, one in brackets. */
  private static final Path SWITCH = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");

  private static final Path MEMORY = Path.of("/proc/meminfo");

  // Constants of Linux's mman.h, the same on every processor that Java has vectors on.
  private static final int READ_AND_WRITE = 3;
  private static final int PRIVATE_AND_ANONYMOUS = 0x22;
  private static final int ADVISE_HUGE_PAGES = 14;

  private HugePages() {}

  /** Why copies of weights don't lie in huge pages; empty where they do. */
  public static Optional<String> missing() {
    Module module = HugePages.class.getModule();
    if (!module.isNativeAccessEnabled()) {
      return Optional.of(withoutNativeAccess(module));
    }
    try {
      return Files.readString(SWITCH).contains("[never]")
          ? Optional.of("they are switched off in " + SWITCH)
          : Optional.empty();
    } catch (IOException e) {
      return Optional.of("only Linux has them, and here there is no " + SWITCH);
    }
  }

  /** Takes memory that the arena owns, in huge pages where there are some. */
  public static SegmentAllocator allocator(Arena arena) {
    return (bytes, alignment) ->
        allocate(bytes, arena).orElseGet(() -> arena.allocate(bytes, alignment));
  }

  /** The same words as those of the backends that call native code. */
  private static String withoutNativeAccess(Module module) {
    ModuleLayer layer = module.getLayer();
    if (layer == null || layer.equals(ModuleLayer.boot())) {
      return "Java may not call native code: start it with --enable-native-access=%s"
          .formatted(module.isNamed() ? module.getName() : "ALL-UNNAMED");
    }
    return "Java may not call native code from module %s: no flag reaches its layer, so let the layer's ModuleLayer.Controller enableNativeAccess for it"
        .formatted(module.getName());
  }

  /**
   * Memory in huge pages, freed with the arena. None is taken before it is written to.
   *
   * @return empty where there are no huge pages, or not so much memory
   */
  static Optional<MemorySegment> allocate(long bytes, Arena arena) {
    if (bytes < SIZE || missing().isPresent() || bytes > available()) {
      return Optional.empty();
    }
    // So much more that it can begin where a huge page does.
    long mapped = Math.addExact(bytes, SIZE);
    MemorySegment address =
        (MemorySegment)
            call(
                function(
                    "mmap", ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG),
                MemorySegment.NULL,
                mapped,
                READ_AND_WRITE,
                PRIVATE_AND_ANONYMOUS,
                -1,
                0L);
    if (address.address() == -1) {
      return Optional.empty();
    }
    MethodHandle unmap = function("munmap", JAVA_INT, ADDRESS, JAVA_LONG);
    MemorySegment all = address.reinterpret(mapped, arena, segment -> call(unmap, segment, mapped));
    MemorySegment data = all.asSlice(-address.address() & (SIZE - 1), bytes);
    // A refusal leaves ordinary pages, which hold the same.
    call(
        function("madvise", JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT),
        data,
        bytes,
        ADVISE_HUGE_PAGES);
    return Optional.of(data);
  }

  /** Bytes that can be taken: Linux itself would grant more, and end the process later. */
  private static long available() {
    long total =
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
    try (Stream<String> lines = Files.lines(MEMORY)) {
      return lines
          .filter(line -> line.startsWith("MemAvailable:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
          .reduce(total, Math::min);
    } catch (IOException e) {
      return 0;
    }
  }

  private static MethodHandle function(
      String name, MemoryLayout result, MemoryLayout... arguments) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow(name), FunctionDescriptor.of(result, arguments));
  }

  private static Object call(MethodHandle function, Object... arguments) {
    try {
      return function.invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw new IllegalStateException("a function of the C library can't be called", e);
    }
  }
}
