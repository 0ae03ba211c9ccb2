package org.pyramiddrop.bench.accuracy.experiment;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.pyramiddrop.bench.accuracy.dataset.Dataset;
import org.pyramiddrop.bench.accuracy.dataset.Dataset.Sample;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.Llava;

/** Short names for models and datasets that follow from what is in them, not where they lie. */
final class Fingerprint {
  private static final int DIGITS = 16;
  private static final int SLICE_BYTES = 4 << 10;

  /** A file up to this size is read whole. */
  private static final long WHOLE_BYTES = 64L << 20;

  /** From one slice of a larger file to the next. */
  private static final long STRIDE_BYTES = 1L << 20;

  private final MessageDigest digest;

  private Fingerprint() {
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /**
   * Names a checkpoint by its files' names, sizes and contents; of files above 64 MiB, by 4 KiB in
   * every 1 MiB, which no matrix of a model that large slips through.
   */
  static String model(Path folder) {
    return new Fingerprint().files(folder, 1, ".*\\.(json|jinja|safetensors)").name();
  }

  /**
   * Names the code that runs: the model's, its kernels' and the benchmarks' own classes, wherever
   * they were loaded from.
   */
  static String code() {
    Fingerprint print = new Fingerprint();
    for (Class<?> type :
        List.of(Llava.class, Devices.class, LlavaConfig.class, Fingerprint.class)) {
      String source = type.getProtectionDomain().getCodeSource().getLocation().toString();
      print.files(Path.of(URI.create(source)), Integer.MAX_VALUE, ".*");
    }
    return print.name();
  }

  /** Names a dataset by its questions, accepted answers and images. */
  static String dataset(Dataset dataset) {
    Fingerprint print = new Fingerprint();
    print.text(dataset.suffix());
    Set<Path> seen = new HashSet<>();
    for (Sample sample : dataset.samples()) {
      print.text(sample.id());
      print.text(sample.question());
      print.text(sample.image().toFile().getName());
      if (seen.add(sample.image())) {
        print.file(sample.image());
      }
      print.number(sample.answers().size());
      sample.answers().forEach(print::text);
    }
    return print.name();
  }

  private Fingerprint files(Path folder, int depth, String names) {
    try (Stream<Path> files = Files.walk(folder, depth)) {
      files
          .filter(file -> Files.isRegularFile(file) && file.toString().matches(names))
          .sorted()
          .forEach(this::file);
      return this;
    } catch (IOException e) {
      throw unreadable(folder, e);
    }
  }

  private void file(Path file) {
    try (FileChannel channel = FileChannel.open(file)) {
      text(file.toFile().getName());
      number(channel.size());
      ByteBuffer slice = ByteBuffer.allocate(SLICE_BYTES);
      long stride = channel.size() <= WHOLE_BYTES ? SLICE_BYTES : STRIDE_BYTES;
      for (long at = 0; at < channel.size(); at += stride) {
        slice.clear();
        while (slice.hasRemaining() && channel.read(slice, at + slice.position()) >= 0) {
          // A read may give less than was asked for.
        }
        digest.update(slice.flip());
      }
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private static UncheckedIOException unreadable(Path path, IOException e) {
    return new UncheckedIOException(path + " can't be read: " + e.getMessage(), e);
  }

  // Lengths go in too, so that no two lists of texts run together into the same bytes.
  private void text(String text) {
    byte[] bytes = text.getBytes(UTF_8);
    number(bytes.length);
    digest.update(bytes);
  }

  private void number(long number) {
    digest.update(ByteBuffer.allocate(Long.BYTES).putLong(number).flip());
  }

  private String name() {
    return HexFormat.of().formatHex(digest.digest()).substring(0, DIGITS);
  }
}
