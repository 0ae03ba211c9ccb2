package org.pyramiddrop.kernels.cuda;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The file that keeps chosen algorithms for the next process on the same GPU with the same
 * libraries and kernels.
 *
 * <p>The first line of the file says what the choices depend on, each further line is a kind of
 * product and the algorithm chosen for it. Another process may write it at any time, so it is
 * replaced as a whole. What can't be read or written is logged in one line; the only harm is that
 * the next process measures again.
 */
final class TuningCache {
  private static final String SEPARATOR = " = ";

  /** Far more than all choices take. */
  private static final long MOST_BYTES = 16 << 20;

  private final System.Logger log = System.getLogger(TuningCache.class.getPackageName());
  private final Path folder;
  private final Path file;
  private final String machine;
  private final Map<String, ProductAlgorithm> choices;
  private boolean readable = true;
  private boolean writable = true;

  /**
   * The choices that a folder holds for a machine; it need not be there.
   *
   * @param machine what choices depend on, in one line
   */
  TuningCache(Path folder, String machine) {
    this.folder = folder;
    file = folder.resolve("products-%s.txt".formatted(digest(machine.getBytes(UTF_8))));
    this.machine = machine;
    choices = new TreeMap<>(read());
  }

  /** Sixteen hexadecimal digits that others would hardly share. */
  static String digest(byte[] bytes) {
    try {
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(bytes);
      return HexFormat.of().formatHex(hash, 0, Long.BYTES);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has SHA-256", e);
    }
  }

  /** The algorithm chosen for a kind of product. */
  Optional<ProductAlgorithm> get(ProductKind kind) {
    return Optional.ofNullable(choices.get(kind.text()));
  }

  /** Keeps a choice. */
  void put(ProductKind kind, ProductAlgorithm algorithm) {
    choices.put(kind.text(), algorithm);
    if (writable) {
      // What others have written since.
      read().forEach(choices::putIfAbsent);
      write();
    }
  }

  private Map<String, ProductAlgorithm> read() {
    try {
      if (!Files.exists(file)) {
        return Map.of();
      }
      if (Files.size(file) > MOST_BYTES) {
        throw new IOException("it is larger than any such file");
      }
      return parsed(Files.readAllLines(file, UTF_8));
    } catch (NoSuchFileException e) {
      return Map.of();
    } catch (IOException e) {
      if (readable) {
        readable = false;
        log.log(
            System.Logger.Level.WARNING,
            "the choices of products in {0} are measured anew: {1}",
            file,
            e.toString());
      }
      return Map.of();
    }
  }

  private Map<String, ProductAlgorithm> parsed(List<String> lines) throws IOException {
    if (lines.isEmpty() || !lines.getFirst().equals(machine)) {
      throw new IOException("it is not for " + machine);
    }
    Map<String, ProductAlgorithm> parsed = new TreeMap<>();
    for (String line : lines.subList(1, lines.size())) {
      int at = line.lastIndexOf(SEPARATOR);
      Optional<ProductAlgorithm> algorithm =
          at < 0 ? Optional.empty() : ProductAlgorithm.of(line.substring(at + SEPARATOR.length()));
      if (algorithm.isEmpty()) {
        throw new IOException("it has the line \"%.80s\"".formatted(line));
      }
      parsed.put(line.substring(0, at), algorithm.get());
    }
    return parsed;
  }

  private void write() {
    StringBuilder text = new StringBuilder(machine).append('\n');
    choices.forEach((kind, algorithm) ->
        text.append(kind).append(SEPARATOR).append(algorithm.text()).append('\n'));
    try {
      Files.createDirectories(folder);
      Path whole = Files.createTempFile(folder, "products-", ".new");
      try {
        Files.writeString(whole, text);
        Files.move(
            whole, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(whole);
      }
    } catch (IOException e) {
      writable = false;
      log.log(
          System.Logger.Level.WARNING,
          "the choices of products can''t be kept in {0}, so the next process measures again: {1}",
          file,
          e.toString());
    }
  }
}
