package org.pyramiddrop.cli;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Where a chat's questions come from. */
interface QuestionSource extends AutoCloseable {
  /** The next line, or null after the last. */
  @Nullable InputLine next() throws IOException;

  /** Says that an answer begins, which whoever asks may stop. */
  void answerBegins();

  /** Whether the answer that began last is to end. */
  boolean stopped();

  /** Questions that a program or a file holds; its answers aren't stopped. */
  static QuestionSource of(InputLines lines) {
    return new QuestionSource() {
      @Override
      public @Nullable InputLine next() throws IOException {
        return lines.next();
      }

      @Override
      public void answerBegins() {}

      @Override
      public boolean stopped() {
        return false;
      }

      @Override
      public void close() {}
    };
  }

  @Override
  void close() throws IOException;
}
