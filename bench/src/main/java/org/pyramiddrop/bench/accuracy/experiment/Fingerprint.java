package org.pyramiddrop.bench.accuracy.experiment;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
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

  private final Hasher hasher = Hashing.sha256().newHasher();

  private Fingerprint() {}

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
      print.hasher.putInt(sample.answers().size());
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
    try (Arena arena = Arena.ofConfined();
        FileChannel channel = FileChannel.open(file)) {
      text(file.toFile().getName());
      MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      hasher.putLong(all.byteSize());
      long stride = all.byteSize() <= WHOLE_BYTES ? SLICE_BYTES : STRIDE_BYTES;
      for (long at = 0; at < all.byteSize(); at += stride) {
        long length = Math.min(SLICE_BYTES, all.byteSize() - at);
        hasher.putBytes(all.asSlice(at, length).asByteBuffer());
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
    hasher.putInt(text.length()).putString(text, UTF_8);
  }

  private String name() {
    return hasher.hash().toString().substring(0, DIGITS);
  }
}
