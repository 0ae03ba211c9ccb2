package org.pyramiddrop.serve;

import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Why a request has no answer, in the shape that OpenAI's API gives errors. */
final class ApiException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private static final String BAD_REQUEST = "invalid_request_error";
  private static final String SERVER = "server_error";

  private final int status;
  private final String type;
  private final String code;
  private final @Nullable String param;

  private ApiException(
      int status, String type, String code, @Nullable String param, String message) {
    super(message);
    this.status = status;
    this.type = type;
    this.code = code;
    this.param = param;
  }

  /**
   * A value that can't be.
   *
   * @param param where it stands; null for the request as a whole
   */
  static ApiException badValue(@Nullable String param, String message) {
    return new ApiException(400, BAD_REQUEST, "invalid_value", param, message);
  }

  static ApiException badImage(@Nullable String param, String message) {
    return new ApiException(400, BAD_REQUEST, "invalid_image", param, message);
  }

  static ApiException unknownParameter(String param) {
    return new ApiException(
        400,
        BAD_REQUEST,
        "unsupported_parameter",
        param,
        "'%s' is not supported here; leave it out".formatted(param));
  }

  static ApiException noKey() {
    return new ApiException(
        401,
        "authentication_error",
        "invalid_api_key",
        null,
        "this server wants its key in the header Authorization: Bearer KEY");
  }

  static ApiException noSuchModel(String asked, String there) {
    return new ApiException(
        404,
        BAD_REQUEST,
        "model_not_found",
        "model",
        "there is no model '%s' here; it is '%s'".formatted(asked, there));
  }

  static ApiException noSuchPath(String path) {
    return new ApiException(404, BAD_REQUEST, "not_found", null, "there is nothing at " + path);
  }

  static ApiException badMethod(String method, String path, String wanted) {
    return new ApiException(
        405,
        BAD_REQUEST,
        "method_not_allowed",
        null,
        "%s takes %s, not %s".formatted(path, wanted, method));
  }

  static ApiException tooSlow() {
    return new ApiException(
        408, BAD_REQUEST, "timeout", null, "the request's body took too long to come");
  }

  static ApiException tooLarge(@Nullable String param, String message) {
    return new ApiException(413, BAD_REQUEST, "too_large", param, message);
  }

  static ApiException notJson() {
    return new ApiException(
        415, BAD_REQUEST, "unsupported_media_type", null, "send Content-Type: application/json");
  }

  static ApiException busy(String message) {
    return new ApiException(429, "rate_limit_error", "queue_full", null, message);
  }

  static ApiException failed(String message) {
    return new ApiException(500, SERVER, "failed", null, message);
  }

  static ApiException stopping() {
    return new ApiException(503, SERVER, "stopping", null, "the server is stopping");
  }

  /** What the HTTP library says of a request that reached nobody. */
  static ApiException ofLibrary(int status, String message) {
    return new ApiException(
        status, status < 500 ? BAD_REQUEST : SERVER, "http_" + status, null, message);
  }

  /** What an error says in one line. */
  static String words(Throwable error) {
    String message = error.getMessage();
    return message == null ? error.toString() : message.lines().collect(Collectors.joining(" "));
  }

  int status() {
    return status;
  }

  /** The JSON of it: {@code {"error": {…}}}. */
  ErrorJson json() {
    return new ErrorJson(new ErrorJson.Body(getMessage(), type, param, code));
  }

  @Override
  public String getMessage() {
    String message = super.getMessage();
    return message == null ? type : message;
  }
}
