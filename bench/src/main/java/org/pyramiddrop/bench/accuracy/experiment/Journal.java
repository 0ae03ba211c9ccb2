package org.pyramiddrop.bench.accuracy.experiment;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pyramiddrop.bench.report.OutputFile;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Answers on disk, so that an interrupted run goes on where it stopped: JSON lines, the first one
 * saying what they belong to, each further one an {@link Entry}.
 *
 * <p>A line is in the file when {@link #add} returns. A last line that was only half written is
 * dropped when the file is opened again; so it is appended to, where other results take the place
 * of a whole file: an answer that took minutes must not wait for the last one. One run at a time
 * may hold the file.
 */
final class Journal implements AutoCloseable {
  /** The round of answers whose times are not to be compared. */
  static final int UNTIMED = -1;

  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
          .build();

  private final Path path;
  private final RandomAccessFile file;
  private final Map<Key, List<Entry>> entries = new LinkedHashMap<>();
  private int rounds;
  private boolean isNew;

  /**
   * One answer.
   *
   * @param round counts the times that several variants were asked one question in a row; times of
   *     one round can be compared; {@link #UNTIMED} where they can't
   * @param score from 0, wrong, to 1, right
   * @param flops the honest count of the prompt
   */
  record Entry(
      int round,
      String plan,
      String sample,
      String answer,
      double score,
      double flops,
      double prefillMillis,
      double decodeMillis) {}

  private record Key(String plan, String sample) {}

  // A RandomAccessFile, because a channel closes when its thread is interrupted.
  private Journal(Path path, RandomAccessFile file) {
    this.path = path;
    this.file = file;
  }

  /**
   * Opens a journal, making it if it isn't there.
   *
   * @param facts what the answers depend on, by name
   * @throws IllegalArgumentException if it holds something else, or answers of other facts, or
   *     another run holds it
   */
  static Journal open(Path path, Map<String, String> facts, boolean fresh) {
    try {
      Files.createDirectories(path.toAbsolutePath().resolveSibling(""));
      RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw");
      try {
        Journal journal = new Journal(path, file);
        journal.lock();
        journal.start(facts, fresh);
        return journal;
      } catch (IOException | RuntimeException e) {
        file.close();
        throw e;
      }
    } catch (IOException e) {
      throw OutputFile.failed(path, e);
    }
  }

  private void lock() throws IOException {
    try {
      if (file.getChannel().tryLock() != null) {
        return;
      }
    } catch (OverlappingFileLockException _) {
      // Held by this same virtual machine.
    }
    throw new IllegalArgumentException(path + " is in use by another run; choose another --out");
  }

  private void start(Map<String, String> facts, boolean fresh) throws IOException {
    byte[] bytes = new byte[fresh ? 0 : Math.toIntExact(file.length())];
    file.readFully(bytes);
    String text = new String(bytes, UTF_8);
    String complete = text.substring(0, text.lastIndexOf('\n') + 1);
    isNew = complete.isEmpty();
    String header = MAPPER.writeValueAsString(facts);
    if (isNew && !(header + '\n').startsWith(text)) {
      throw new IllegalArgumentException(path + " is no journal; choose another --out");
    }
    int number = 0;
    for (String line : complete.lines().toList()) {
      number++;
      if (number == 1) {
        compare(read(number, line, new TypeReference<>() {}), facts);
      } else {
        keep(read(number, line, new TypeReference<Entry>() {}));
      }
    }
    file.setLength(complete.getBytes(UTF_8).length);
    file.seek(file.length());
    if (isNew) {
      write(header);
    }
  }

  private void compare(Map<String, String> then, Map<String, String> now) {
    now.forEach((name, value) -> {
      String was = then.getOrDefault(name, "");
      if (!was.equals(value)) {
        throw new IllegalArgumentException(
            "%s holds answers of another %s: '%s' then, '%s' now; --fresh throws them away, another --out keeps both"
                .formatted(path, name, was, value));
      }
    });
  }

  private <T> T read(int number, String line, TypeReference<T> type) {
    try {
      return MAPPER.readValue(line, type);
    } catch (JacksonException e) {
      throw new IllegalArgumentException(
          "%s, line %d is no line of a journal: %s; --fresh starts a new one"
              .formatted(path, number, e.getOriginalMessage()),
          e);
    }
  }

  private void write(String line) throws IOException {
    file.write((line + '\n').getBytes(UTF_8));
  }

  /**
   * Adds an answer and writes it down.
   *
   * @throws IllegalStateException if the same variant has answered the same question differently
   */
  void add(Entry entry) {
    keep(entry);
    try {
      write(MAPPER.writeValueAsString(entry));
    } catch (IOException e) {
      throw OutputFile.failed(path, e);
    }
  }

  private void keep(Entry entry) {
    List<Entry> all =
        entries.computeIfAbsent(new Key(entry.plan, entry.sample), _ -> new ArrayList<>());
    if (!all.isEmpty() && !all.getFirst().answer.equals(entry.answer)) {
      throw new IllegalStateException(
          "question %s got the answers '%s' and '%s' under the same plan (%s); --fresh starts anew"
              .formatted(entry.sample, all.getFirst().answer, entry.answer, entry.plan));
    }
    all.add(entry);
    rounds = Math.max(rounds, entry.round + 1);
  }

  /** Whether nothing was in it when it was opened. */
  boolean isNew() {
    return isNew;
  }

  /** The number of a round that has not begun yet. */
  int nextRound() {
    return rounds;
  }

  /** Every answer of a variant to a question, oldest first; all of them have the same text. */
  List<Entry> entries(String plan, String sample) {
    return List.copyOf(entries.getOrDefault(new Key(plan, sample), List.of()));
  }

  @Override
  public void close() {
    try {
      file.close();
    } catch (IOException e) {
      throw OutputFile.failed(path, e);
    }
  }
}
