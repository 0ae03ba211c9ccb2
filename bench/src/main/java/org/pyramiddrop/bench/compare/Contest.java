package org.pyramiddrop.bench.compare;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.pyramiddrop.kernels.DType;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** An operation that several sides run on the same data. */
sealed interface Contest permits LinearContest, LayerContest, ModelContest {
  /** What stands in the table. */
  String name();

  /** The dtype of the weights. */
  DType dtype();

  /** Its name in the protocol of {@link PeerProcess}. */
  String operation();

  /** What is the same on all sides and what the time includes, in a sentence. */
  String statement();

  /** What its times are of, a row of the table each; one empty name if it has one time. */
  default List<String> rows() {
    return List.of("");
  }

  /**
   * Makes the rows' times, in milliseconds, of the phases that a side timed.
   *
   * @param phases as many as {@link Prepared#run} returns
   */
  default List<Double> times(List<Double> phases) {
    return phases;
  }

  /**
   * Draws the data, prepares this library's side and runs it once.
   *
   * @param scratch an empty folder that other sides can read
   */
  Prepared prepare(Path scratch, int threads);

  /** This library's side, and what the others need to run and to be checked. */
  interface Prepared extends AutoCloseable {
    /** What prepares another side, except where its output goes. */
    ObjectNode request();

    /** Runs it once and returns how long each phase took, in milliseconds. */
    List<Double> run();

    /** Runs that do less work than the others'. */
    default List<Lighter> lighter() {
      return List.of();
    }

    /**
     * Judges another side's output.
     *
     * @param answer what it said when it was prepared
     */
    Verdict check(JsonNode answer, float[] output);

    @Override
    void close();
  }

  /**
   * A run that does less work, so that it can't be compared like for like.
   *
   * @param name in words
   * @param run as {@link Prepared#run}
   */
  record Lighter(String name, Supplier<List<Double>> run) {}

  /** Begins a request. */
  static ObjectNode request(Contest contest) {
    return JsonMapper.shared()
        .createObjectNode()
        .put("op", contest.operation())
        .put("dtype", contest.dtype().label());
  }

  /** Milliseconds since {@link System#nanoTime} was {@code start}. */
  static double millisSince(long start) {
    return (System.nanoTime() - start) / 1e6;
  }
}
