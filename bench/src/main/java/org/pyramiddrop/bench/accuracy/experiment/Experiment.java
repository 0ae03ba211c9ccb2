package org.pyramiddrop.bench.accuracy.experiment;

import java.util.List;
import java.util.function.BiConsumer;

/**
 * One of the paper's figures and tables.
 *
 * @param name what it is called on the command line, and what its files begin with
 * @param timed whether it compares their times as well
 * @param writer writes and prints what came out, when all variants have answered all questions
 */
record Experiment(
    String name, List<Variant> variants, boolean timed, BiConsumer<Results, Report> writer) {
  void report(Results results, Report report) {
    writer.accept(results, report);
  }
}
