package org.pyramiddrop.bench.speed.compare;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.pyramiddrop.kernels.DType;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * An operation that several sides run on the same data.
 *
 * @param operation its name in the protocol of {@link PeerProcess}
 * @param statement what is the same on all sides and what the time includes, in a sentence
 * @param rows what its times are of, a row of the table each; one empty name if it has one time
 * @param times makes the rows' times, in milliseconds, of the phases that a side timed
 */
record Comparison(
    String name,
    DType dtype,
    String operation,
    String statement,
    List<String> rows,
    UnaryOperator<List<Double>> times,
    Preparation preparation) {
  Comparison(
      String name, DType dtype, String operation, String statement, Preparation preparation) {
    this(name, dtype, operation, statement, List.of(""), UnaryOperator.identity(), preparation);
  }

  @FunctionalInterface
  interface Preparation {
    /**
     * Draws data, and runs once.
     *
     * @param scratch an empty folder that other sides can read
     * @param backend what our side runs on
     */
    OwnSide prepare(Path scratch, String backend, int threads);
  }

  /**
   * This library's side, and what the others need to run and to be checked.
   *
   * @param request prepares another side, except where its output goes
   * @param run runs once and returns how long each phase took, in milliseconds
   * @param pruned the same with less work than the others', if there is such a run
   * @param check judges what another side said when it was prepared, and its output
   */
  record OwnSide(
      ObjectNode request,
      Supplier<List<Double>> run,
      Optional<Supplier<List<Double>>> pruned,
      BiFunction<JsonNode, float[], Verdict> check,
      Runnable closer)
      implements AutoCloseable {
    @Override
    public void close() {
      closer.run();
    }
  }

  static ObjectNode request(String operation, DType dtype) {
    return JsonMapper.shared().createObjectNode().put("op", operation).put("dtype", dtype.label());
  }
}
