package org.pyramiddrop.transformer.engine;

import java.nio.file.Path;
import java.util.function.Supplier;
import org.pyramiddrop.loader.CheckpointException;

/** Weights that are gone from a mapped file while they are read. */
public final class WeightFault {
  private WeightFault() {}

  /**
   * Does some work; Java's own words for such a fault name no file, so that this names the folder.
   *
   * @throws CheckpointException if a weight can't be read any more
   */
  public static <T> T named(Path folder, Supplier<T> work) {
    try {
      return work.get();
    } catch (InternalError e) {
      String message = e.getMessage();
      if (message == null || !message.contains("unsafe memory access")) {
        throw e;
      }
      throw new CheckpointException(
          folder,
          "a file changed while it was in use (a part of it can't be read any more); load the"
              + " folder again",
          e);
    }
  }
}
