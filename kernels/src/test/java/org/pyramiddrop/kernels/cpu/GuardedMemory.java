package org.pyramiddrop.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Memory between pages that may not be touched: an access beside it ends the process. */
final class GuardedMemory implements AutoCloseable {
  private static final long PAGE = 4096;
  private static final int READ_AND_WRITE = 3;
  private static final int PRIVATE_AND_ANONYMOUS = 0x22;

  private final List<MemorySegment> mapped = new ArrayList<>();

  /** So many bytes that end where a page begins that may not be touched. */
  MemorySegment before(long bytes) {
    MemorySegment pages = pages(bytes);
    return pages.asSlice(pages.byteSize() - bytes);
  }

  /** So many bytes behind a page that may not be touched. */
  MemorySegment behind(long bytes) {
    return pages(bytes).asSlice(0, bytes);
  }

  private MemorySegment pages(long bytes) {
    long size = Math.ceilDiv(bytes, PAGE) * PAGE;
    long all = size + 2 * PAGE;
    MemorySegment whole =
        ((MemorySegment)
                call(
                    "mmap",
                    FunctionDescriptor.of(
                        ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG),
                    MemorySegment.NULL,
                    all,
                    READ_AND_WRITE,
                    PRIVATE_AND_ANONYMOUS,
                    -1,
                    0L))
            .reinterpret(all);
    mapped.add(whole);
    protect(whole.asSlice(0, PAGE));
    protect(whole.asSlice(PAGE + size));
    return whole.asSlice(PAGE, size);
  }

  private static void protect(MemorySegment page) {
    call(
        "mprotect",
        FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT),
        page,
        page.byteSize(),
        0);
  }

  private static Object call(String name, FunctionDescriptor type, Object... arguments) {
    Linker linker = Linker.nativeLinker();
    MemorySegment function = linker.defaultLookup().findOrThrow(name);
    try {
      Object result = linker.downcallHandle(function, type).invokeWithArguments(arguments);
      if ((result instanceof Integer status && status != 0)
          || (result instanceof MemorySegment at && at.address() == -1)) {
        throw new AssertionError(name + " failed");
      }
      return result;
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("a native function throws nothing", e);
    }
  }

  @Override
  public void close() {
    for (MemorySegment whole : mapped) {
      call("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG), whole, whole.byteSize());
    }
  }
}
