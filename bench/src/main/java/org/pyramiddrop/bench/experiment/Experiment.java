package org.pyramiddrop.bench.experiment;

import java.util.List;

/** One of the paper's figures and tables. */
interface Experiment {

  /** What it is called on the command line, and what its files begin with. */
  String name();

  /** The variants whose answers it compares. */
  List<Variant> variants();

  /** Whether it compares their times as well. */
  default boolean timed() {
    return false;
  }

  /** Writes and prints what came out, when all variants have answered all questions. */
  void report(Results results, Report report);
}
