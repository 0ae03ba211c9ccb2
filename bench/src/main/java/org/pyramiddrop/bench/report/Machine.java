package org.pyramiddrop.bench.report;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.pyramiddrop.kernels.Devices;

/**
 * Where a number was measured.
 *
 * @param processor its name
 * @param device vector width and cores
 * @param java the virtual machine
 * @param commit the commit that was measured, {@code -dirty} if files differ from it
 */
public record Machine(String processor, String device, String java, String commit) {
  /** Says the commit where there is no repository, as in a folder that {@code make dist} made. */
  private static final String COMMIT_PROPERTY = "pyramiddrop.commit";

  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
  private static final Path CACHES = Path.of("/sys/devices/system/cpu/cpu0/cache");
  private static final Pattern MODEL = Pattern.compile("(?m)^model name\\s*:\\s*(.+)$");
  private static final Pattern SIZE = Pattern.compile("(\\d+)([KMG]?)");

  /** This machine. */
  public static Machine here() {
    return new Machine(
        processorName(),
        Devices.all().getFirst().detail(),
        Runtime.version().toString(),
        commitName());
  }

  /** Size of the largest cache that the first core uses; 32 MiB where the system does not tell. */
  public static long lastLevelCacheBytes() {
    if (!Files.isDirectory(CACHES)) {
      return 32L << 20;
    }
    try (Stream<Path> levels = Files.list(CACHES)) {
      return levels
          .map(level -> level.resolve("size"))
          .filter(Files::isReadable)
          .mapToLong(size -> bytes(text(size).strip()))
          .max()
          .orElse(32L << 20);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public static long bytes(String size) {
    Matcher parts = SIZE.matcher(size);
    if (!parts.matches()) {
      throw new IllegalArgumentException("a cache's size is written as 512K, not " + size);
    }
    int shift =
        switch (parts.group(2)) {
          case "K" -> 10;
          case "M" -> 20;
          case "G" -> 30;
          default -> 0;
        };
    return Long.parseLong(parts.group(1)) << shift;
  }

  private static String processorName() {
    String unknown = System.getProperty("os.arch");
    if (!Files.isReadable(CPU_INFO)) {
      return unknown;
    }
    Matcher model = MODEL.matcher(text(CPU_INFO));
    return model.find() ? model.group(1).strip() : unknown;
  }

  private static String commitName() {
    String told = System.getProperty(COMMIT_PROPERTY, "");
    if (!told.isBlank()) {
      return told;
    }
    try {
      Process git =
          new ProcessBuilder("git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*")
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      String name = new String(git.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
      return git.waitFor() == 0 ? name : "unknown";
    } catch (IOException e) {
      return "unknown";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "unknown";
    }
  }

  private static String text(Path file) {
    try {
      return Files.readString(file, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public String toString() {
    return processor + "; " + device + "; Java " + java + "; commit " + commit;
  }
}
