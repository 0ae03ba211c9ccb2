package org.pyramiddrop.serve;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/** What is at which path, who may ask for it, and how errors are told. */
final class Routes extends Handler.Abstract {
  static final String JSON = "application/json";

  private static final String EVENTS = "text/event-stream";
  private static final String BEARER = "Bearer ";

  private final ServerOptions options;
  private final ChatHandler chat;
  private final Metrics metrics;
  private final Consumer<Throwable> failures;
  private final byte @Nullable [] key;
  private final byte[] page;
  private final byte[] models;

  /** Requests whose bodies are read or that are answered: as many as can run and wait. */
  private final Semaphore places;

  Routes(ServerOptions options, ChatHandler chat, Metrics metrics, Consumer<Throwable> failures)
      throws IOException {
    this.options = options;
    this.chat = chat;
    this.metrics = metrics;
    this.failures = failures;
    key = options.key() == null ? null : digest(options.key());
    places = new Semaphore(options.scheduling().rows() + options.scheduling().waiting());
    try (InputStream in =
        Objects.requireNonNull(Routes.class.getResourceAsStream("page.html"), "page.html")) {
      page = in.readAllBytes();
    }
    models =
        Json.write(
            new ModelList(
                "list",
                List.of(
                    new ModelJson(
                        options.model(), "model", Instant.now().getEpochSecond(), "pyramiddrop"))));
  }

  /** What {@code /v1/models} lists. */
  record ModelList(String object, List<ModelJson> data) {}

  /** A model that can be asked. */
  record ModelJson(String id, String object, long created, String ownedBy) {}

  @Override
  public boolean handle(Request request, Response response, Callback callback) {
    boolean asks = false;
    ResponseSink sink = new ResponseSink(response);
    try {
      String path = Request.getPathInContext(request);
      asks = path.equals("/v1/chat/completions");
      route(path, request, response, sink);
      callback.succeeded();
    } catch (ApiException e) {
      if (asks) {
        metrics.ended(e.status());
      }
      refuse(e, request, response, callback);
    } catch (IOException e) {
      // Nobody is there to be told.
      if (asks) {
        metrics.cancelled();
      }
      callback.failed(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      callback.failed(e);
    } catch (RuntimeException | Error e) {
      failures.accept(e);
      if (asks) {
        metrics.ended(500);
      }
      if (response.isCommitted()) {
        callback.failed(e);
      } else {
        ApiException error = ApiException.failed("the server failed; its log says why");
        refuse(error, request, response, callback);
      }
    }
    return true;
  }

  private void route(String path, Request request, Response response, ResponseSink sink)
      throws IOException, InterruptedException {
    switch (path) {
      case "/" -> {
        require(request, path, "GET");
        response
            .getHeaders()
            .put(
                "Content-Security-Policy",
                "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
                    + " img-src data: blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'");
        sink.send(200, "text/html;charset=utf-8", page);
      }
      case "/health" -> {
        require(request, path, "GET");
        sink.send(200, "{\"status\":\"ok\"}".getBytes(UTF_8));
      }
      case "/metrics" -> {
        require(request, path, "GET");
        checkKey(request);
        sink.send(200, Metrics.CONTENT_TYPE, metrics.text());
      }
      case "/v1/models" -> {
        require(request, path, "GET");
        checkKey(request);
        sink.send(200, models);
      }
      case "/v1/chat/completions" -> {
        require(request, path, "POST");
        checkKey(request);
        complete(request, response, sink);
      }
      default -> throw ApiException.noSuchPath(path);
    }
  }

  private static void require(Request request, String path, String method) {
    boolean head = method.equals("GET") && request.getMethod().equals("HEAD");
    if (!head && !request.getMethod().equals(method)) {
      throw ApiException.badMethod(request.getMethod(), path, method);
    }
  }

  /** Compares digests, whose comparison takes as long whatever is in them. */
  private void checkKey(Request request) {
    if (key == null) {
      return;
    }
    String given = request.getHeaders().get(HttpHeader.AUTHORIZATION);
    boolean bearer = given != null && given.regionMatches(true, 0, BEARER, 0, BEARER.length());
    String secret = bearer && given != null ? given.substring(BEARER.length()).strip() : "";
    if (!MessageDigest.isEqual(key, digest(secret))) {
      throw ApiException.noKey();
    }
  }

  private static byte[] digest(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private void complete(Request request, Response response, ResponseSink sink)
      throws IOException, InterruptedException {
    // A form or a text can be sent by any page that its user looks at, JSON can't.
    String type = request.getHeaders().get(HttpHeader.CONTENT_TYPE);
    if (type == null || !type.regionMatches(true, 0, JSON, 0, JSON.length())) {
      throw ApiException.notJson();
    }
    if (!places.tryAcquire()) {
      throw ApiException.busy("as many requests run and wait as may; ask again later");
    }
    try {
      byte[] body = RequestBody.read(request, options.mostBodyBytes());
      chat.answer(body, new Client(request, response), sink);
    } finally {
      places.release();
    }
  }

  private static void refuse(
      ApiException e, Request request, Response response, Callback callback) {
    if (!request.getHeaders().contains(HttpHeader.EXPECT)) {
      RequestBody.discard(request);
    }
    response.reset();
    response.setStatus(e.status());
    response.getHeaders().put(HttpHeader.CONTENT_TYPE, JSON);
    if (e.status() == 401) {
      response.getHeaders().put(HttpHeader.WWW_AUTHENTICATE, "Bearer");
    }
    if (e.status() == 429) {
      response.getHeaders().put(HttpHeader.RETRY_AFTER, "1");
    }
    response.write(true, ByteBuffer.wrap(Json.write(e.json())), callback);
  }

  /** A response that is written from its handler's thread. */
  private static final class ResponseSink implements ChatHandler.Sink {
    private final Response response;
    private boolean streaming;

    ResponseSink(Response response) {
      this.response = response;
    }

    @Override
    public void send(int status, byte[] json) throws IOException {
      send(status, JSON, json);
    }

    void send(int status, String type, byte[] bytes) throws IOException {
      response.setStatus(status);
      response.getHeaders().put(HttpHeader.CONTENT_TYPE, type);
      response.getHeaders().put("X-Content-Type-Options", "nosniff");
      response.getHeaders().put(HttpHeader.CACHE_CONTROL, "no-store");
      response.getHeaders().put(HttpHeader.CONTENT_LENGTH, bytes.length);
      Content.Sink.write(response, true, ByteBuffer.wrap(bytes));
    }

    @Override
    public void beginStream() {
      streaming = true;
      response.setStatus(200);
      response.getHeaders().put(HttpHeader.CONTENT_TYPE, EVENTS);
      response.getHeaders().put(HttpHeader.CACHE_CONTROL, "no-store");
    }

    @Override
    public boolean streaming() {
      return streaming;
    }
  }
}
