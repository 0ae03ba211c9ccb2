package org.pyramiddrop.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.pyramiddrop.serve.Served.PICTURE;
import static org.pyramiddrop.serve.Served.SCENES;
import static org.pyramiddrop.serve.Served.asking;
import static org.pyramiddrop.serve.Served.json;
import static org.pyramiddrop.serve.Served.text;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Requests that are no good: each has its status and its reason, and the next is answered. */
final class RefusalTest {
  private static final String WORDS = "how many triangle s are there ?";
  private static final String KEY = "a key of some length";

  private static Served served;
  private static Path files;

  @BeforeAll
  static void serve(@TempDir Path folder) throws IOException {
    files = Files.createDirectory(folder.resolve("allowed"));
    Files.copy(PICTURE, files.resolve("in.png"));
    Files.copy(PICTURE, folder.resolve("out.png"));
    Files.createSymbolicLink(files.resolve("link.png"), folder.resolve("out.png"));
    served =
        Served.of(
            SCENES.resolve("model"),
            options -> options.withKey(KEY).withMostBodyBytes(1 << 20).withFiles(files));
  }

  @AfterAll
  static void stop() {
    served.close();
  }

  @AfterEach
  void theNextRequestIsAnswered() throws IOException, InterruptedException {
    HttpResponse<String> response = complete(asking(WORDS, PICTURE).toString());
    assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
    assertThat(text(response)).isEqualTo("4");
    assertThat(served.failures()).isEmpty();
  }

  private static HttpResponse<String> complete(String body)
      throws IOException, InterruptedException {
    return served.send(
        served
            .to("/v1/chat/completions")
            .header("Authorization", "Bearer " + KEY)
            .POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  private static void assertRefused(
      HttpResponse<String> response, int status, String code, String words) {
    assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
    JsonNode error = json(response).get("error");
    assertThat(error.get("code").asString()).isEqualTo(code);
    assertThat(error.get("message").asString()).contains(words);
    assertThat(error.has("param")).isTrue();
    assertThat(error.get("type").asString()).isNotEmpty();
  }

  private static Arguments bad(String words, Consumer<ObjectNode> change) {
    return Arguments.of(words, change);
  }

  static Stream<Arguments> badValues() {
    return Stream.of(
        bad("'n' can only be 1", body -> body.put("n", 2)),
        bad("temperature must be 0 or a positive number", body -> body.put("temperature", -1)),
        bad("'temperature' must be a number", body -> body.put("temperature", "hot")),
        bad("'seed' must be a whole number", body -> body.put("seed", 1.5)),
        bad("top-p 2.0 is outside (0, 1]", body -> body.put("top_p", 2)),
        bad("max tokens must be at least 1", body -> body.put("max_tokens", 0)),
        bad("'frequency_penalty' can only be 0", body -> body.put("frequency_penalty", 1)),
        bad("'top_logprobs' needs", body -> body.put("top_logprobs", 3)),
        bad("'stream_options' needs", body -> body.putObject("stream_options")),
        bad("'stop' must be a text", body -> body.put("stop", 3)),
        bad("a stop string must not be empty", body -> body.put("stop", "")),
        bad("plan", body -> body.put("plan", "pyramids:4")),
        bad(
            "response_format.type",
            body -> body.putObject("response_format").put("type", "json_object")),
        bad("'messages' must be", body -> body.remove("messages")),
        bad("'messages' must be", body -> body.putArray("messages")),
        bad("messages[0] must be an object", body -> body.putArray("messages").add(1)),
        bad(
            "the last of 'messages' must be the user's",
            body ->
                ((ArrayNode) body.get("messages"))
                    .addObject()
                    .put("role", "assistant")
                    .put("content", "4")),
        bad(
            "'messages[1].role' can only be the system's at the beginning",
            body ->
                ((ArrayNode) body.get("messages"))
                    .addObject()
                    .put("role", "system")
                    .put("content", "4")),
        bad(
            "'messages[1].role' must be",
            body -> ((ArrayNode) body.get("messages")).addObject().put("role", "tool")),
        bad(
            "contains <image>",
            body ->
                ((ObjectNode) body.at("/messages/0/content/0")).put("text", "what is <image> ?")));
  }

  @Test
  void whatTheChatTemplateRefusesIsTheRequests(@TempDir Path folder)
      throws IOException, InterruptedException {
    for (String name :
        List.of("config.json", "preprocessor_config.json", "model.safetensors", "tokenizer.json")) {
      Files.copy(SCENES.resolve("model").resolve(name), folder.resolve(name));
    }
    Files.writeString(folder.resolve("chat_template.jinja"), "{{ messages }}");
    try (Served other = Served.of(folder, options -> options)) {
      assertRefused(other.complete(asking(WORDS)), 400, "invalid_value", "no known family");
      assertThat(other.failures()).isEmpty();
    }
  }

  @ParameterizedTest
  @MethodSource("badValues")
  void aBadValueIsNamed(String words, Consumer<ObjectNode> change)
      throws IOException, InterruptedException {
    ObjectNode body = asking(WORDS);
    change.accept(body);
    assertRefused(complete(body.toString()), 400, "invalid_value", words);
  }

  @Test
  void aParameterThatWouldChangeTheAnswerIsRefusedByName()
      throws IOException, InterruptedException {
    ObjectNode body = asking(WORDS);
    body.putObject("logit_bias").put("3", 100);
    assertRefused(complete(body.toString()), 400, "unsupported_parameter", "'logit_bias'");
    ObjectNode inside = asking(WORDS);
    ((ObjectNode) inside.at("/messages/0")).put("weight", 0);
    assertRefused(
        complete(inside.toString()), 400, "unsupported_parameter", "'messages[0].weight'");
  }

  @Test
  void whoBringsNoKeyOrAnotherIsNotAnswered() throws IOException, InterruptedException {
    String body = asking(WORDS).toString();
    assertRefused(served.complete(body), 401, "invalid_api_key", "Authorization");
    for (String wrong : new String[] {"Bearer " + KEY + "x", "Bearer ", KEY, "Basic " + KEY}) {
      HttpResponse<String> response =
          served.send(
              served
                  .to("/v1/chat/completions")
                  .header("Authorization", wrong)
                  .POST(HttpRequest.BodyPublishers.ofString(body)));
      assertRefused(response, 401, "invalid_api_key", "Authorization");
    }
    assertThat(served.get("/v1/models").statusCode()).isEqualTo(401);
    assertThat(served.get("/metrics").statusCode()).isEqualTo(401);
    assertThat(served.get("/health").statusCode()).isEqualTo(200);
    assertThat(served.get("/").statusCode()).isEqualTo(200);
  }

  @Test
  void whatIsNotThereIsSaidToBe() throws IOException, InterruptedException {
    assertRefused(served.get("/v1/nothing"), 404, "not_found", "/v1/nothing");
    assertRefused(
        served.get("/v1/chat/completions"), 405, "method_not_allowed", "takes POST, not GET");
    assertRefused(
        complete(asking(WORDS).put("model", "gpt-4").toString()),
        404,
        "model_not_found",
        "there is no model 'gpt-4' here; it is 'scenes'");
  }

  @Test
  void whatIsNoJsonObjectIsRefused() throws IOException, InterruptedException {
    assertRefused(complete("{\"messages\": ["), 400, "invalid_value", "not JSON");
    assertRefused(complete(""), 400, "invalid_value", "empty");
    assertRefused(complete("[]"), 400, "invalid_value", "must be an object");
    assertRefused(complete("[".repeat(100_000)), 400, "invalid_value", "not JSON");
    HttpResponse<String> form =
        served.send(
            HttpRequest.newBuilder(served.address().resolve("/v1/chat/completions"))
                .header("Authorization", "Bearer " + KEY)
                .header("Content-Type", "text/plain")
                .POST(HttpRequest.BodyPublishers.ofString(asking(WORDS).toString())));
    assertRefused(form, 415, "unsupported_media_type", "application/json");
  }

  @Test
  void aBodyBeyondTheLimitIsRefusedWhetherItsLengthIsSaidOrNot()
      throws IOException, InterruptedException {
    String large = "{\"messages\": \"" + "x".repeat(10 << 20) + "\"}";
    assertRefused(complete(large), 413, "too_large", "1,048,576 bytes");
    HttpResponse<String> chunked =
        served.send(
            served
                .to("/v1/chat/completions")
                .header("Authorization", "Bearer " + KEY)
                .POST(
                    HttpRequest.BodyPublishers.ofInputStream(() ->
                        new ByteArrayInputStream(
                            large.substring(0, (1 << 20) + 1).getBytes(StandardCharsets.UTF_8)))));
    assertRefused(chunked, 413, "too_large", "1,048,576 bytes");
  }

  private static String picture(String url) {
    ObjectNode body = asking(WORDS, PICTURE);
    ((ObjectNode) body.at("/messages/0/content/0/image_url")).put("url", url);
    return body.toString();
  }

  @Test
  void noFileOutsideTheFolderAndNothingOfTheWebIsRead() throws IOException, InterruptedException {
    HttpResponse<String> allowed = complete(picture(files.resolve("in.png").toUri().toString()));
    assertThat(text(allowed)).isEqualTo("4");
    String none = "there is no such image in the folder that may be read";
    for (String url :
        new String[] {
          files.resolve("../out.png").toUri().toString(),
          files.resolve("link.png").toUri().toString(),
          files.resolve("missing.png").toUri().toString(),
          files.toUri().toString(),
          "file:///etc/passwd",
          "file://somewhere/etc/passwd",
          "file:relative.png"
        }) {
      assertRefused(complete(picture(url)), 400, "invalid_image", none);
    }
    for (String url :
        new String[] {"http://127.0.0.1:1/a.png", "https://example.org/a.png", "HTTP://[::1]/"}) {
      assertRefused(complete(picture(url)), 400, "invalid_image", "fetches nothing from the web");
    }
    for (String url : new String[] {"/etc/passwd", "ftp://a/b", "jar:file:/a!/b", ""}) {
      assertRefused(complete(picture(url)), 400, "invalid_image", "an image is a data: URI");
    }
  }

  @Test
  void aPictureThatIsNoneOrTooLargeIsRefused() throws IOException, InterruptedException {
    assertRefused(
        complete(picture("data:image/png;base64,AAAA")), 400, "invalid_image", "the data: URI");
    assertRefused(complete(picture("data:image/png;base64,%%")), 400, "invalid_image", "base64");
    String bomb =
        "data:image/png;base64," + Base64.getEncoder().encodeToString(png(20_000, 10_000));
    assertRefused(complete(picture(bomb)), 400, "invalid_image", "pixels");
  }

  /** A PNG whose header says that it is large. */
  private static byte[] png(int width, int height) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(new byte[] {(byte) 0x89, 'P', 'N', 'G', 13, 10, 26, 10});
    byte[] header = new byte[13];
    ByteBuffer.wrap(header).putInt(width).putInt(height).put((byte) 8).put((byte) 2);
    chunk(out, "IHDR", header);
    Deflater deflater = new Deflater();
    deflater.setInput(new byte[1000]);
    deflater.finish();
    byte[] data = new byte[2000];
    int length = deflater.deflate(data);
    deflater.end();
    chunk(out, "IDAT", Arrays.copyOf(data, length));
    chunk(out, "IEND", new byte[0]);
    return out.toByteArray();
  }

  private static void chunk(ByteArrayOutputStream out, String type, byte[] data) {
    byte[] name = type.getBytes(StandardCharsets.US_ASCII);
    CRC32 crc = new CRC32();
    crc.update(name);
    crc.update(data);
    out.writeBytes(ByteBuffer.allocate(4).putInt(data.length).array());
    out.writeBytes(name);
    out.writeBytes(data);
    out.writeBytes(ByteBuffer.allocate(4).putInt((int) crc.getValue()).array());
  }

  @Test
  void morePicturesThanMayAreRefused() throws IOException, InterruptedException {
    Path[] nine = new Path[9];
    Arrays.fill(nine, PICTURE);
    assertRefused(
        complete(asking(WORDS, nine).toString()), 413, "too_large", "9 images; they may have 8");
  }

  @Test
  void aRequestThatIsNoHttpIsAnsweredInTheSameShape() throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), served.address().getPort());
        InputStream in = socket.getInputStream()) {
      socket.getOutputStream().write("GET / HTTP/9.9\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      String answer = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      assertThat(answer).startsWith("HTTP/1.1 ").contains("{\"error\":{\"message\":");
    }
  }
}
