package org.pyramiddrop.serve;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;
import org.pyramiddrop.transformer.Backend;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.LoadOptions;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A model that is served, and a plain client before it. */
final class Served implements AutoCloseable {
  static final Path SCENES = Path.of("../../models/scenes").toAbsolutePath().normalize();
  static final Path PICTURE = SCENES.resolve("heldout/0000.png");

  /** Random weights, whose answers go on to the longest that is allowed. */
  static final Path ENDLESS = Path.of("resources/fixtures/mha-float32").toAbsolutePath();

  private final Llava model;
  private final ModelServer server;
  private final HttpClient client = HttpClient.newHttpClient();
  private final List<Throwable> failures = new CopyOnWriteArrayList<>();

  private Served(Llava model, UnaryOperator<ServerOptions> options) {
    this.model = model;
    try {
      server =
          ModelServer.start(model, options.apply(ServerOptions.defaults("scenes")), failures::add);
    } catch (IOException | RuntimeException e) {
      model.close();
      throw new IllegalStateException(e);
    }
  }

  static Served of(Path folder, UnaryOperator<ServerOptions> options) {
    return of(folder, LoadOptions.defaults().withBackend(Backend.CPU).withThreads(2), options);
  }

  static Served of(Path folder, LoadOptions loading, UnaryOperator<ServerOptions> options) {
    return new Served(Llava.load(folder, loading), options);
  }

  Llava model() {
    return model;
  }

  URI address() {
    return server.address();
  }

  /** Errors that the server called its own. */
  List<Throwable> failures() {
    return failures;
  }

  /** Stops the server, the model still open. */
  void stop() {
    server.close();
  }

  HttpRequest.Builder to(String path) {
    return HttpRequest.newBuilder(address().resolve(path))
        .header("Content-Type", "application/json");
  }

  HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
    return client.send(request.build(), BodyHandlers.ofString(UTF_8));
  }

  HttpResponse<String> get(String path) throws IOException, InterruptedException {
    return send(to(path).GET());
  }

  HttpResponse<String> complete(String body) throws IOException, InterruptedException {
    return send(to("/v1/chat/completions").POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  /** Begins a request whose answer is a stream, which is left when it is closed. */
  InputStream stream(ObjectNode body) throws IOException, InterruptedException {
    HttpRequest.Builder request =
        to("/v1/chat/completions").POST(HttpRequest.BodyPublishers.ofString(body.toString()));
    return client.send(request.build(), BodyHandlers.ofInputStream()).body();
  }

  HttpResponse<String> complete(ObjectNode body) throws IOException, InterruptedException {
    return complete(body.toString());
  }

  /** What a number of {@code /metrics} is; 0 if it isn't there. */
  double metric(String name) throws IOException, InterruptedException {
    return get("/metrics")
        .body()
        .lines()
        .filter(line -> line.startsWith(name + " "))
        .mapToDouble(line -> Double.parseDouble(line.substring(name.length() + 1)))
        .findFirst()
        .orElse(0);
  }

  /** A request of one message of the user's. */
  static ObjectNode asking(String words, Path... pictures) {
    ObjectNode body = JsonMapper.shared().createObjectNode();
    ArrayNode parts =
        body.put("model", "scenes")
            .putArray("messages")
            .addObject()
            .put("role", "user")
            .putArray("content");
    for (Path picture : pictures) {
      parts
          .addObject()
          .put("type", "image_url")
          .putObject("image_url")
          .put("url", dataUri(picture));
    }
    parts.addObject().put("type", "text").put("text", words);
    return body;
  }

  static String dataUri(Path picture) {
    try {
      return "data:image/png;base64,"
          + Base64.getEncoder().encodeToString(Files.readAllBytes(picture));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  static JsonNode json(HttpResponse<String> response) {
    return JsonMapper.shared().readTree(response.body());
  }

  /** The text of a whole answer. */
  static String text(HttpResponse<String> response) {
    return json(response).at("/choices/0/message/content").asString();
  }

  /** The events of a stream, the last of which is {@code [DONE]}. */
  static List<JsonNode> events(HttpResponse<String> response) {
    List<JsonNode> events = new ArrayList<>();
    List<String> lines = List.of(response.body().strip().split("\n\n", -1));
    for (String line : lines) {
      if (!line.startsWith("data: ")) {
        throw new AssertionError("no event: " + line);
      }
      if (!line.equals("data: [DONE]")) {
        events.add(JsonMapper.shared().readTree(line.substring(6)));
      }
    }
    if (!lines.getLast().equals("data: [DONE]")) {
      throw new AssertionError("the stream doesn't end: " + response.body());
    }
    return events;
  }

  @Override
  public void close() {
    client.close();
    server.close();
    model.close();
  }
}
