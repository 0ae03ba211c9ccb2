package org.pyramiddrop.training;

import java.nio.file.Path;

/** Hears how a run goes on. */
public interface TrainingListener {
  /** A step is done, of so many. */
  default void step(StepResult result, int steps) {}

  /** A sample was left out; the line says which and why. */
  default void skipped(String line) {}

  /** The run was saved so that it can go on from there. */
  default void saved(Path folder, int step) {}
}
