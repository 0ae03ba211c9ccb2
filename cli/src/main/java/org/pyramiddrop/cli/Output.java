package org.pyramiddrop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;

/**
 * What a command prints, as UTF-8 whatever the locale is. Unlike other print writers it remembers
 * why something couldn't be written.
 */
final class Output extends PrintWriter {
  private final FirstFailure stream;

  /** Writes lines to a stream as soon as they end. */
  Output(OutputStream stream) {
    this(new FirstFailure(stream));
  }

  private Output(FirstFailure stream) {
    super(stream, true, UTF_8);
    this.stream = stream;
  }

  /** Why something couldn't be written, or null if all could; writes what is left first. */
  @Nullable IOException failure() {
    return checkError() ? stream.failure : null;
  }

  /** Whether whoever read it has gone away, as {@code head} does. */
  static boolean isReaderGone(IOException failure) {
    // The system's word for EPIPE; Java has no exception of its own for it.
    return "Broken pipe".equals(failure.getMessage());
  }

  private static final class FirstFailure extends FilterOutputStream {
    private @Nullable IOException failure;

    FirstFailure(OutputStream out) {
      super(out);
    }

    @Override
    public void write(int b) throws IOException {
      noting(() -> out.write(b));
    }

    @Override
    public void write(byte[] bytes, int from, int count) throws IOException {
      noting(() -> out.write(bytes, from, count));
    }

    @Override
    public void flush() throws IOException {
      noting(out::flush);
    }

    private void noting(Write write) throws IOException {
      try {
        write.run();
      } catch (IOException e) {
        failure = failure == null ? e : failure;
        throw e;
      }
    }
  }

  @FunctionalInterface
  private interface Write {
    void run() throws IOException;
  }
}
