package org.pyramiddrop;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
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
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A server as a user starts it, and ends it. */
final class ServeCommandTest {
  private static final Path SCENES = Installation.root().resolve("models/scenes");
  private static final Pattern ADDRESS = Pattern.compile("serving model at (http://\\S+)\n");

  @TempDir private Path own;

  private Program serve(Installation installation, int port, String... more)
      throws IOException, InterruptedException {
    List<String> words =
        new ArrayList<>(
            List.of(
                "serve",
                "--model",
                SCENES.resolve("model").toString(),
                "--backend=cpu",
                "--port=" + port));
    words.addAll(List.of(more));
    return Program.script(own, "sh", installation.command(), words.toArray(String[]::new));
  }

  private static URI address(RunningProgram server) throws InterruptedException {
    server.awaitOut("/\n");
    Matcher match = ADDRESS.matcher(server.out());
    assertThat(match.find()).as(server.out()).isTrue();
    return URI.create(match.group(1));
  }

  private static HttpRequest.Builder asking(URI address) throws IOException {
    String picture =
        Base64.getEncoder().encodeToString(Files.readAllBytes(SCENES.resolve("heldout/0000.png")));
    String body =
        """
        {"model": "model", "messages": [{"role": "user", "content": [
          {"type": "text", "text": "what number is on the gray triangle ?"},
          {"type": "image_url", "image_url": {"url": "data:image/png;base64,%s"}}]}]}\
        """
            .formatted(picture);
    return HttpRequest.newBuilder(address.resolve("v1/chat/completions"))
        .header("Content-Type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(body));
  }

  @ParameterizedTest
  @EnumSource(Installation.class)
  void answersUntilASignalEndsIt(Installation installation)
      throws IOException, InterruptedException {
    try (HttpClient client = HttpClient.newHttpClient();
        RunningProgram server = serve(installation, 0).start()) {
      URI address = address(server);
      HttpResponse<String> response =
          client.send(asking(address).build(), BodyHandlers.ofString(UTF_8));
      assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
      assertThat(response.body()).contains("\"content\":\"2 7\"");
      server.signal("TERM");
      CommandRun ended = server.end();
      assertThat(ended.code()).isZero();
      assertThat(ended.ownErr()).isEmpty();
      assertThat(ended.out()).endsWith("stopping\n");
    }
  }

  @Test
  void theKeyComesFromAFileOrTheEnvironment() throws IOException, InterruptedException {
    Path key = Files.writeString(own.resolve("key"), "from a file\n");
    try (HttpClient client = HttpClient.newHttpClient();
        RunningProgram server =
            serve(Installation.CHECKOUT, 0, "--key-file", key.toString())
                .with("PYRAMIDDROP_API_KEY", "from the environment")
                .start()) {
      URI address = address(server);
      for (String given : new String[] {"from a file", "from the environment"}) {
        HttpResponse<String> response =
            client.send(
                asking(address).header("Authorization", "Bearer " + given).build(),
                BodyHandlers.ofString(UTF_8));
        assertThat(response.statusCode()).isEqualTo(given.equals("from a file") ? 200 : 401);
      }
      server.signal("INT");
      assertThat(server.end().code()).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--key-file=/nowhere, no such file",
        "--allow-files=/nowhere, no such folder",
        "--rows=0, --rows must be at least 1",
        "--queue=0, --queue must be at least 1",
        "--kv-memory=-1, --kv-memory must be at least 1",
        "--kv-memory=9000000000000, --kv-memory 9000000000000 is more than can be",
        "--max-body=0, --max-body must be",
        "--plan=nonsense, nonsense"
      })
  void badUseEndsInOneLine(String line) throws IOException, InterruptedException {
    String[] parts = line.split(", ", 2);
    CommandRun run =
        CommandRun.of(
            List.of(), Stream.of("serve", "--model", SCENES.resolve("model").toString(), parts[0]));
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err().lines()).hasSize(1).first().asString().contains(parts[1]);
    assertThat(run.out()).isEmpty();
  }

  @Test
  void whereItCannotListenIsSaidInOneLine() throws IOException, InterruptedException {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      CommandRun run = serve(Installation.CHECKOUT, taken.getLocalPort()).run();
      assertThat(run.code()).isEqualTo(1);
      assertThat(run.ownErr())
          .hasSize(1)
          .first()
          .asString()
          .contains("can't listen on 127.0.0.1:" + taken.getLocalPort(), "in use");
    }
  }
}
