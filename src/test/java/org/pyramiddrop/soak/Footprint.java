package org.pyramiddrop.soak;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/**
 * What this process takes after some requests; empty where the system or Java doesn't tell.
 *
 * @param resident bytes of memory, as the system counts them
 * @param heap bytes of Java's heap after a collection
 * @param nativeMemory bytes outside the heap, as Java's native memory tracking counts them
 * @param threads threads of Java
 * @param descriptors open files
 */
record Footprint(
    long requests,
    OptionalLong resident,
    OptionalLong heap,
    OptionalLong nativeMemory,
    OptionalLong threads,
    OptionalLong descriptors) {
  private static final Pattern RESIDENT = Pattern.compile("VmRSS:\\s+(\\d+) kB");
  private static final Pattern COMMITTED = Pattern.compile("Total:.*committed=(\\d+)KB");
  private static final Pattern HEAP = Pattern.compile("Java Heap \\(.*committed=(\\d+)KB");

  static Footprint now(long requests) {
    // The first collection hands what phantom references guard to its cleaner, the second frees it.
    System.gc();
    System.gc();
    return new Footprint(
        requests,
        readResident(),
        OptionalLong.of(ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed()),
        readNativeMemory(),
        OptionalLong.of(ManagementFactory.getThreadMXBean().getThreadCount()),
        readDescriptors());
  }

  private static OptionalLong readResident() {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return OptionalLong.empty();
    }
    try {
      return kibibytes(RESIDENT, Files.readString(status));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static OptionalLong readDescriptors() {
    Path open = Path.of("/proc/self/fd");
    if (!Files.exists(open)) {
      return OptionalLong.empty();
    }
    try (Stream<Path> each = Files.list(open)) {
      return OptionalLong.of(each.count());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static OptionalLong readNativeMemory() {
    MBeanServer server = ManagementFactory.getPlatformMBeanServer();
    try {
      String report =
          (String)
              server.invoke(
                  new ObjectName("com.sun.management:type=DiagnosticCommand"),
                  "vmNativeMemory",
                  new Object[] {new String[] {"summary"}},
                  new String[] {String[].class.getName()});
      OptionalLong all = kibibytes(COMMITTED, report);
      OptionalLong heap = kibibytes(HEAP, report);
      // Without -XX:NativeMemoryTracking=summary the report says only that.
      return all.isPresent() && heap.isPresent()
          ? OptionalLong.of(all.getAsLong() - heap.getAsLong())
          : OptionalLong.empty();
    } catch (JMException e) {
      throw new IllegalStateException("native memory can't be read", e);
    }
  }

  private static OptionalLong kibibytes(Pattern pattern, String text) {
    Matcher found = pattern.matcher(text);
    return found.find()
        ? OptionalLong.of(Long.parseLong(found.group(1)) << 10)
        : OptionalLong.empty();
  }

  static String header() {
    return "%9s %9s %9s %11s %8s %12s"
        .formatted("requests", "RSS MB", "heap MB", "native MB", "threads", "descriptors");
  }

  @Override
  public String toString() {
    return "%9d %9s %9s %11s %8s %12s"
        .formatted(
            requests,
            megabytes(resident),
            megabytes(heap),
            megabytes(nativeMemory),
            number(threads),
            number(descriptors));
  }

  private static String megabytes(OptionalLong bytes) {
    return bytes.isPresent() ? "%.2f".formatted(bytes.getAsLong() / 1e6) : "-";
  }

  private static String number(OptionalLong count) {
    return count.isPresent() ? Long.toString(count.getAsLong()) : "-";
  }
}
