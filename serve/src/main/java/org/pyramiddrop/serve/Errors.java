package org.pyramiddrop.serve;

import java.nio.ByteBuffer;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/**
 * What the HTTP library itself refuses, such as a header that is none, in the shape of the rest.
 */
final class Errors extends ErrorHandler {
  @Override
  protected void generateResponse(
      Request request,
      Response response,
      int code,
      @Nullable String message,
      @Nullable Throwable cause,
      Callback callback) {
    response.getHeaders().put(HttpHeader.CONTENT_TYPE, Routes.JSON);
    response.write(true, ByteBuffer.wrap(json(code, message)), callback);
  }

  private static byte[] json(int status, @Nullable String message) {
    String words = message == null ? HttpStatus.getMessage(status) : message;
    return Json.write(ApiException.ofLibrary(status, words).json());
  }
}
