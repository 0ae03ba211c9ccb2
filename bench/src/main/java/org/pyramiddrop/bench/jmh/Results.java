package org.pyramiddrop.bench.jmh;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.BenchFolder;
import org.pyramiddrop.bench.Machine;
import org.pyramiddrop.bench.ResultFile;
import org.pyramiddrop.bench.Spread;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * One run of benchmarks, each set against the ceilings that the same run measured.
 *
 * @param machine where
 * @param device on what, in words
 * @param command by what
 * @param date when it ended, in UTC
 * @param ceilings the best that was reached of each
 * @param rows what was measured, ceilings included
 */
record Results(
    Machine machine,
    String device,
    String command,
    String date,
    List<Ceiling> ceilings,
    List<Row> rows) {
  /** The file's name in {@link BenchFolder#root}. */
  static final String FILE = "bench.json";

  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .build();

  /**
   * What bounds operations.
   *
   * @param limit arithmetic or memory
   * @param dtype the only type it holds for, or empty
   * @param speed 10⁹ FLOPs or bytes a second, in the fastest iteration
   * @param measured the operation that reached it
   */
  record Ceiling(Work.Limit limit, String dtype, double speed, String measured) {}

  /**
   * One benchmark with one choice of parameters.
   *
   * @param benchmark class and method
   * @param parameters by name
   * @param operation what it is, in words
   * @param shape what it works on
   * @param dtype of its weights, or of what it reads
   * @param millis of one operation
   * @param gflops 10⁹ FLOPs a second by the median, where they are worth a count
   * @param gigabytes 10⁹ bytes a second, likewise
   * @param share of the ceiling that bounds it, if there is one and this isn't it
   */
  record Row(
      String benchmark,
      Map<String, String> parameters,
      String operation,
      String shape,
      String dtype,
      Spread millis,
      @Nullable Double gflops,
      @Nullable Double gigabytes,
      @Nullable Double share) {}

  /** Keeps the results as {@value #FILE}. */
  void write() {
    ResultFile.write(
        FILE,
        file -> {
          file.put("device", device).put("command", command).put("date", date);
          file.set("ceilings", MAPPER.valueToTree(ceilings));
          file.set("rows", MAPPER.valueToTree(rows));
        });
  }

  /** Reads what {@link #write} kept. */
  static Results read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException("no results at " + file + "; run the benchmarks first");
    }
    try {
      return MAPPER.readValue(file.toFile(), Results.class);
    } catch (JacksonException e) {
      throw new IllegalArgumentException(
          file + " holds no results of bench run: " + e.getOriginalMessage(), e);
    }
  }
}
