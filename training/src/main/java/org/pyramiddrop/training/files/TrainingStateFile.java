package org.pyramiddrop.training.files;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.pyramiddrop.kernels.Parameter;
import org.pyramiddrop.loader.AtomicFile;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.SafetensorsFile;
import org.pyramiddrop.loader.SafetensorsWriter;
import org.pyramiddrop.loader.StoredTensor;
import org.pyramiddrop.loader.StoredType;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;

/**
 * What a run that was stopped needs to go on as if it had not been: its step, its settings, and of
 * each parameter the value and AdamW's moments, bit by bit.
 *
 * <p>In a folder it is {@value #NAME}, and a safetensors file that this one names. A new state's
 * numbers are on the disk before that name changes, and the old ones go after it, so that one whole
 * state is there at any moment.
 */
public final class TrainingStateFile implements AutoCloseable {
  /** The file that says which step it is. */
  public static final String NAME = "training_state.json";

  private static final Pattern NUMBERS =
      Pattern.compile("training_state-\\d+(-\\d+)?\\.safetensors");

  /** What {@link AtomicFile} leaves where a process was killed. */
  private static final Pattern PARTS = Pattern.compile("\\.training_state.*\\.part");

  private static final JsonFactory JSON =
      JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path folder;
  private final long step;
  private final Map<String, String> settings;
  private final SafetensorsFile numbers;

  private TrainingStateFile(
      Path folder, long step, Map<String, String> settings, SafetensorsFile numbers) {
    this.folder = folder;
    this.step = step;
    this.settings = settings;
    this.numbers = numbers;
  }

  /**
   * A parameter.
   *
   * @param name no two share one
   * @param shape of the tensor that it is in a checkpoint
   */
  public record Entry(String name, List<Long> shape) {
    /** Keeps a copy of the shape. */
    public Entry {
      shape = List.copyOf(shape);
    }
  }

  /** Knows parameters' numbers. */
  @FunctionalInterface
  public interface Source {
    /** All numbers of one matrix of a parameter, row-major. */
    float[] read(String name, Parameter.Content content);
  }

  /** Whether a run was saved in a folder. */
  public static boolean isIn(Path folder) {
    return Files.isRegularFile(folder.resolve(NAME));
  }

  /**
   * Saves a run in a folder, which is made if there is none; takes the place of the one before.
   *
   * @param step steps that are done
   * @param settings what must be the same when it goes on, in the order in which differences are
   *     told
   * @param numbers asked for one matrix at a time
   * @throws IOException if it can't be written, in one message that names the folder and has the
   *     system's reason; the state that was there before is left whole
   */
  public static void write(
      Path folder, long step, Map<String, String> settings, List<Entry> parameters, Source numbers)
      throws IOException {
    List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    Map<String, Matrix> matrices = new LinkedHashMap<>();
    for (Entry parameter : parameters) {
      for (Parameter.Content content : Parameter.Content.values()) {
        String name = key(parameter.name(), content);
        entries.add(new SafetensorsWriter.Entry(name, StoredType.F32, parameter.shape()));
        matrices.put(name, new Matrix(parameter.name(), content));
      }
    }
    try {
      Files.createDirectories(folder);
      String file = "training_state-" + step + ".safetensors";
      // One of this step that is there may be what the old state names.
      for (int i = 2; Files.exists(folder.resolve(file)); i++) {
        file = "training_state-" + step + "-" + i + ".safetensors";
      }
      SafetensorsWriter.write(
          folder.resolve(file),
          entries,
          (entry, out) -> fill(Objects.requireNonNull(matrices.get(entry.name())), numbers, out));
      AtomicFolder.force(folder);
      byte[] json = json(step, file, settings);
      AtomicFile.writeToDisk(
          folder.resolve(NAME),
          channel -> {
            ByteBuffer bytes = ByteBuffer.wrap(json);
            while (bytes.hasRemaining()) {
              channel.write(bytes);
            }
          });
      AtomicFolder.force(folder);
      deleteOthers(folder, file);
    } catch (IOException e) {
      throw new IOException("the run can't be saved in " + folder + ": " + AtomicFile.reason(e), e);
    }
  }

  private record Matrix(String parameter, Parameter.Content content) {}

  private static String key(String parameter, Parameter.Content content) {
    return parameter + "." + content.name().toLowerCase(Locale.ROOT);
  }

  private static void fill(Matrix matrix, Source source, MemorySegment out) {
    float[] values = source.read(matrix.parameter, matrix.content);
    if (out.byteSize() != Float.BYTES * (long) values.length) {
      throw new IllegalArgumentException(
          "parameter '%s' has %d numbers, not %d"
              .formatted(matrix.parameter, out.byteSize() / Float.BYTES, values.length));
    }
    MemorySegment.copy(values, 0, out, FLOAT, 0, values.length);
  }

  private static byte[] json(long step, String file, Map<String, String> settings) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JsonGenerator out = JSON.createGenerator(ObjectWriteContext.empty(), bytes)) {
      out.writeStartObject();
      out.writeNumberProperty("step", step);
      out.writeStringProperty("numbers", file);
      out.writeObjectPropertyStart("settings");
      settings.forEach(out::writeStringProperty);
      out.writeEndObject();
      out.writeEndObject();
    }
    bytes.write('\n');
    return bytes.toByteArray();
  }

  /**
   * Deletes the run that was saved in a folder, if there is one.
   *
   * @throws IOException with the system's reason
   */
  public static void delete(Path folder) throws IOException {
    Files.deleteIfExists(folder.resolve(NAME));
    deleteOthers(folder, NAME);
  }

  private static void deleteOthers(Path folder, String kept) throws IOException {
    List<Path> others;
    try (Stream<Path> files = Files.list(folder)) {
      others =
          files
              .filter(file -> {
                String name = file.getFileName().toString();
                return PARTS.matcher(name).matches()
                    || (NUMBERS.matcher(name).matches() && !name.equals(kept));
              })
              .toList();
    }
    for (Path file : others) {
      Files.delete(file);
    }
  }

  /**
   * Opens the run that was saved in a folder.
   *
   * @throws IllegalArgumentException if there is none
   * @throws CheckpointException if what is there is broken
   */
  public static TrainingStateFile open(Path folder) {
    Path file = folder.resolve(NAME);
    if (!isIn(folder)) {
      throw new IllegalArgumentException("--resume: no run was saved in " + folder);
    }
    long step = -1;
    String numbers = "";
    Map<String, String> settings = new LinkedHashMap<>();
    try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), file)) {
      require(file, parser.nextToken() == JsonToken.START_OBJECT);
      for (String name = parser.nextName(); name != null; name = parser.nextName()) {
        JsonToken token = parser.nextToken();
        switch (name) {
          case "step" -> {
            require(file, token == JsonToken.VALUE_NUMBER_INT);
            step = parser.getLongValue();
          }
          case "numbers" -> {
            require(file, token == JsonToken.VALUE_STRING);
            numbers = parser.getString();
          }
          case "settings" -> {
            require(file, token == JsonToken.START_OBJECT);
            for (String key = parser.nextName(); key != null; key = parser.nextName()) {
              require(file, parser.nextToken() == JsonToken.VALUE_STRING);
              settings.put(key, parser.getString());
            }
          }
          default -> parser.skipChildren();
        }
      }
    } catch (JacksonException e) {
      throw new CheckpointException(file, "not valid JSON: " + e.getOriginalMessage(), e);
    }
    require(file, step >= 0 && NUMBERS.matcher(numbers).matches());
    return new TrainingStateFile(
        folder,
        step,
        Collections.unmodifiableMap(settings),
        SafetensorsFile.open(folder.resolve(numbers)));
  }

  private static void require(Path file, boolean holds) {
    if (!holds) {
      throw new CheckpointException(file, "is no state of a run that this version wrote");
    }
  }

  /** Steps that are done. */
  public long step() {
    return step;
  }

  /** What the run was told. */
  public Map<String, String> settings() {
    return settings;
  }

  /**
   * Refuses to go on with other settings than the run had.
   *
   * @throws IllegalArgumentException that names the first that differs
   */
  public void requireSettings(Map<String, String> now) {
    Set<String> names = new LinkedHashSet<>(now.keySet());
    names.addAll(settings.keySet());
    for (String name : names) {
      String then = settings.getOrDefault(name, "none");
      String given = now.getOrDefault(name, "none");
      if (!then.equals(given)) {
        throw new IllegalArgumentException(
            "--resume: the run in %s had %s %s, now %s".formatted(folder, name, then, given));
      }
    }
  }

  /**
   * Refuses to go on with other parameters than the run had.
   *
   * @throws IllegalArgumentException that names the first that differs
   */
  public void requireParameters(List<Entry> now) {
    Set<String> wanted = new LinkedHashSet<>();
    for (Entry parameter : now) {
      for (Parameter.Content content : Parameter.Content.values()) {
        String name = key(parameter.name(), content);
        wanted.add(name);
        if (!numbers.contains(name)) {
          throw new IllegalArgumentException(
              "--resume: the run in %s didn't train %s".formatted(folder, parameter.name()));
        }
        StoredTensor tensor = numbers.tensor(name);
        if (tensor.type() != StoredType.F32 || !tensor.shape().equals(parameter.shape())) {
          throw new IllegalArgumentException(
              "--resume: the run in %s trained %s as %s, now %s"
                  .formatted(folder, parameter.name(), tensor.shape(), parameter.shape()));
        }
      }
    }
    for (String name : numbers.names()) {
      if (!wanted.contains(name)) {
        throw new IllegalArgumentException(
            "--resume: the run in %s trained %s, too"
                .formatted(folder, name.substring(0, name.lastIndexOf('.'))));
      }
    }
  }

  /**
   * The numbers of one matrix of a parameter, row-major, as they were.
   *
   * @throws CheckpointException if the run had no such parameter
   */
  public float[] read(String name, Parameter.Content content) {
    return numbers.tensor(key(name, content)).data().toArray(FLOAT);
  }

  /** Closes the files; a run may then be saved over this one. */
  @Override
  public void close() {
    numbers.close();
  }
}
