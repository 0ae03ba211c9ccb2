package org.pyramiddrop.serve;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;

/** The bytes that a request brings. */
final class RequestBody {
  private static final long NANOS_PER_SECOND = 1_000_000_000;

  /** How long a body may take to come, and what is left of one that is refused. */
  private static final long SECONDS = 60;

  private static final long REST_SECONDS = 5;

  /** How much of a refused body is passed over, so that its sender gets to read why. */
  private static final long MOST_REST = 64L << 20;

  private RequestBody() {}

  /**
   * Reads a body to its end.
   *
   * @param most bytes that it may have
   * @throws ApiException if it has more, or takes too long
   * @throws IOException if the client is gone
   */
  static byte[] read(Request request, int most) throws IOException {
    if (request.getLength() > most) {
      throw tooLarge(most);
    }
    long start = System.nanoTime();
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    byte[] buffer = new byte[8192];
    InputStream in = Content.Source.asInputStream(request);
    try {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        if (body.size() + n > most) {
          throw tooLarge(most);
        }
        if (System.nanoTime() - start > SECONDS * NANOS_PER_SECOND) {
          throw ApiException.tooSlow();
        }
        body.write(buffer, 0, n);
      }
    } catch (IOException e) {
      if (e.getCause() instanceof TimeoutException) {
        throw ApiException.tooSlow();
      }
      throw e;
    }
    return body.toByteArray();
  }

  /**
   * Passes over what is left. A connection that is closed with bytes unread is reset, and then its
   * client may never see the response.
   */
  static void discard(Request request) {
    long start = System.nanoTime();
    long read = 0;
    byte[] buffer = new byte[8192];
    InputStream in = Content.Source.asInputStream(request);
    try {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        read += n;
        if (read > MOST_REST || System.nanoTime() - start > REST_SECONDS * NANOS_PER_SECOND) {
          return;
        }
      }
    } catch (IOException e) {
      // It is refused all the same.
    }
  }

  private static ApiException tooLarge(int most) {
    return ApiException.tooLarge(
        null, "the body may have %,d bytes; send smaller images".formatted(most));
  }
}
