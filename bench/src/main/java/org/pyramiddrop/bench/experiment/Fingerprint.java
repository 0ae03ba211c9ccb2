package org.pyramiddrop.bench.experiment;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.pyramiddrop.bench.dataset.Dataset;
import org.pyramiddrop.bench.dataset.Sample;

/** Short names for models and datasets that follow from what is in them, not where they lie. */
final class Fingerprint {
  /** What of a model folder answers depend on. */
  private static final Pattern MODEL_FILES = Pattern.compile(".*\\.(json|jinja|safetensors)");

  private static final int DIGITS = 16;
  private static final int SLICE_BYTES = 4 << 10;
  private static final long STRIDE_BYTES = 4L << 20;

  private final MessageDigest digest;

  private Fingerprint() {
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /**
   * Names a checkpoint by its files' names, sizes and contents; of the contents, by 4 KiB in every
   * 4 MiB, since weights that were trained on differ everywhere.
   */
  static String model(Path folder) {
    Fingerprint print = new Fingerprint();
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> chosen =
          files
              .filter(file -> MODEL_FILES.matcher(file.toString()).matches())
              .filter(Files::isRegularFile)
              .sorted()
              .toList();
      for (Path file : chosen) {
        print.file(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(folder + " can't be read: " + e.getMessage(), e);
    }
    return print.name();
  }

  /** Names a dataset by its questions, accepted answers, and its pictures' names and sizes. */
  static String dataset(Dataset dataset) {
    Fingerprint print = new Fingerprint();
    print.text(dataset.suffix());
    for (Sample sample : dataset.samples()) {
      print.text(sample.id());
      print.text(sample.question());
      print.text(sample.picture().toFile().getName());
      print.number(sample.picture().toFile().length());
      print.number(sample.answers().size());
      sample.answers().forEach(print::text);
    }
    return print.name();
  }

  private void file(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file)) {
      text(file.toFile().getName());
      number(channel.size());
      ByteBuffer slice = ByteBuffer.allocate(SLICE_BYTES);
      for (long at = 0; at < channel.size(); at += STRIDE_BYTES) {
        slice.clear();
        channel.read(slice, at);
        digest.update(slice.flip());
      }
    }
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
