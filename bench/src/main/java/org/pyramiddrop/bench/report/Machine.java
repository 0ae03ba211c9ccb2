package org.pyramiddrop.bench.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.Devices;

/**
 * Where a number was measured.
 *
 * @param device vector width and cores
 * @param commit the commit that was measured, {@code -dirty} if files differ from it
 */
public record Machine(String processor, String device, String java, String commit) {
  /** Says the commit where there is no repository, as in a folder that {@code make dist} made. */
  private static final String COMMIT_PROPERTY = "pyramiddrop.commit";

  private static final int MOST_CACHES = 8;
  private static final Pattern MODEL = Pattern.compile("(?m)^model name\\s*:\\s*(.+)$");
  private static final Pattern SIZE = Pattern.compile("(\\d+)([KMG]?)");

  public static Machine here() {
    return new Machine(
        found(Path.of("/proc/cpuinfo"), MODEL).orElse(System.getProperty("os.arch")),
        Devices.all().getFirst().detail(),
        Runtime.version().toString(),
        commitName());
  }

  /** What a pattern's group says in a file, if it is there and says it. */
  public static Optional<String> found(Path file, Pattern pattern) {
    try {
      Matcher matcher = pattern.matcher(Files.readString(file));
      return matcher.find() ? Optional.of(matcher.group(1).strip()) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** Size of the largest cache that the first core uses; 32 MiB where the system does not tell. */
  public static long lastLevelCacheBytes() {
    return IntStream.range(0, MOST_CACHES)
        .mapToObj("/sys/devices/system/cpu/cpu0/cache/index%d/size"::formatted)
        .flatMap(file -> found(Path.of(file), Pattern.compile("(.+)")).stream())
        .mapToLong(Machine::bytes)
        .max()
        .orElse(32L << 20);
  }

  public static long bytes(String size) {
    Matcher parts = SIZE.matcher(size);
    if (!parts.matches()) {
      throw new IllegalArgumentException("a cache's size is written as 512K, not " + size);
    }
    int thousands = List.of("", "K", "M", "G").indexOf(parts.group(2));
    return Long.parseLong(parts.group(1)) << (10 * thousands);
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
    } catch (IOException _) {
      return "unknown";
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return "unknown";
    }
  }

  @Override
  public String toString() {
    return processor + "; " + device + "; Java " + java + "; commit " + commit;
  }
}
