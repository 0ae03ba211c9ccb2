package org.pyramiddrop.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.io.TempDirFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The page in Chromium, driven by WebDriver, where both are installed (Debian's chromium and
 * chromium-driver); elsewhere {@link PageTest} stands alone.
 */
final class BrowserTest {
  private static final String ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

  /** Chromium has a socket in its folder, whose path may have 107 characters. */
  static final class ShortPath implements TempDirFactory {
    @Override
    public Path createTempDirectory(AnnotatedElementContext element, ExtensionContext context)
        throws IOException {
      return Files.createTempDirectory(Path.of("/tmp"), "pyramiddrop");
    }
  }

  @TempDir(factory = ShortPath.class)
  private Path own;

  private static Optional<Path> command(String name) {
    return Stream.of("/usr/bin", "/usr/local/bin")
        .map(folder -> Path.of(folder, name))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /** A browser behind its driver. */
  private static final class Browser implements AutoCloseable {
    private final HttpClient client = HttpClient.newHttpClient();
    private final Process driver;
    private final URI address;
    private String session = "";

    Browser(Path command, Path chromium, Path home) throws IOException, InterruptedException {
      int port;
      try (ServerSocket free = new ServerSocket(0)) {
        port = free.getLocalPort();
      }
      ProcessBuilder builder = new ProcessBuilder(command.toString(), "--port=" + port);
      // Else Chromium keeps what it caches where those say, and not below its home.
      builder.environment().keySet().removeIf(name -> name.startsWith("XDG_"));
      builder.environment().put("HOME", home.toString());
      builder.environment().put("TMPDIR", home.toString());
      builder.redirectErrorStream(true).redirectOutput(home.resolve("driver.log").toFile());
      driver = builder.start();
      address = URI.create("http://localhost:" + port + "/");
      try {
        begin(chromium, home);
      } catch (IOException | InterruptedException | RuntimeException | Error e) {
        close();
        throw e;
      }
    }

    private void begin(Path chromium, Path home) throws IOException, InterruptedException {
      awaitDriver();
      ObjectNode body = JsonMapper.shared().createObjectNode();
      ObjectNode options =
          body.putObject("capabilities").putObject("alwaysMatch").putObject("goog:chromeOptions");
      options.put("binary", chromium.toString());
      options
          .putArray("args")
          .add("--headless=new")
          .add("--no-sandbox")
          .add("--disable-gpu")
          .add("--disable-dev-shm-usage")
          .add("--user-data-dir=" + home.resolve("profile"));
      session = "session/" + post("session", body).get("sessionId").asString() + "/";
    }

    private void awaitDriver() throws InterruptedException {
      for (int i = 0; i < 200; i++) {
        try {
          client.send(
              HttpRequest.newBuilder(address.resolve("status")).build(), BodyHandlers.ofString());
          return;
        } catch (IOException e) {
          Thread.sleep(50);
        }
      }
    }

    private JsonNode post(String path, ObjectNode body) throws IOException, InterruptedException {
      HttpResponse<String> response =
          client.send(
              HttpRequest.newBuilder(address.resolve(path))
                  .header("Content-Type", "application/json")
                  .POST(HttpRequest.BodyPublishers.ofString(body.toString()))
                  .build(),
              BodyHandlers.ofString());
      assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
      return JsonMapper.shared().readTree(response.body()).get("value");
    }

    void open(URI page) throws IOException, InterruptedException {
      post(session + "url", JsonMapper.shared().createObjectNode().put("url", page.toString()));
    }

    private String element(String id) throws IOException, InterruptedException {
      ObjectNode body = JsonMapper.shared().createObjectNode();
      body.put("using", "css selector").put("value", "#" + id);
      return post(session + "element", body).get(ELEMENT).asString();
    }

    void click(String id) throws IOException, InterruptedException {
      post(session + "element/" + element(id) + "/click", JsonMapper.shared().createObjectNode());
    }

    void type(String id, String text) throws IOException, InterruptedException {
      post(
          session + "element/" + element(id) + "/value",
          JsonMapper.shared().createObjectNode().put("text", text));
    }

    /** What a piece of JavaScript returns. */
    JsonNode run(String script) throws IOException, InterruptedException {
      ObjectNode body = JsonMapper.shared().createObjectNode().put("script", script);
      body.putArray("args");
      return post(session + "execute/sync", body);
    }

    void await(String script) throws IOException, InterruptedException {
      long end = System.nanoTime() + 30_000_000_000L;
      while (!run(script).asBoolean()) {
        assertThat(System.nanoTime()).as(script).isLessThan(end);
        Thread.sleep(50);
      }
    }

    @Override
    public void close() {
      try {
        if (!session.isEmpty()) {
          client.send(
              HttpRequest.newBuilder(address.resolve(session.substring(0, session.length() - 1)))
                  .DELETE()
                  .build(),
              BodyHandlers.discarding());
        }
        driver.destroy();
        driver.waitFor();
      } catch (IOException e) {
        driver.destroyForcibly();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } finally {
        client.close();
      }
    }
  }

  @Test
  void aDroppedPictureIsAskedAboutAndItsStagesAreDrawn() throws IOException, InterruptedException {
    Optional<Path> driver = command("chromedriver");
    Optional<Path> chromium = command("chromium");
    assumeTrue(
        driver.isPresent() && chromium.isPresent(),
        "skipped: chromium and chromedriver are not installed");
    try (Served served = Served.of(Served.SCENES.resolve("model"), options -> options);
        Browser browser = new Browser(driver.orElseThrow(), chromium.orElseThrow(), own)) {
      browser.open(served.address());
      // Dropped, as a hand would.
      browser.run(
          """
          var bytes = Uint8Array.from(atob('%s'), function (c) { return c.charCodeAt(0); });
          var transfer = new DataTransfer();
          transfer.items.add(new File([bytes], 'scene.png', { type: 'image/png' }));
          document.getElementById('drop').dispatchEvent(
              new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
          """
              .formatted(Served.dataUri(Served.PICTURE).replaceFirst(".*,", "")));
      browser.await("return document.querySelectorAll('#pictures img').length === 1");
      browser.run("document.getElementById('question').value = ''");
      browser.type("question", "what number is on the gray triangle ?");
      browser.click("ask");
      browser.await("return document.getElementById('overlay').naturalWidth > 0");
      assertThat(browser.run("return document.getElementById('answer').textContent").asString())
          .isEqualTo("2 7");
      assertThat(
              browser
                  .run(
                      "return Array.from(document.querySelectorAll('#stages tr')).map(r =>"
                          + " r.cells[1].textContent)")
                  .valueStream()
                  .map(JsonNode::asString))
          .containsExactly("64", "32", "16", "8");
      assertThat(browser.run("return document.getElementById('error').textContent").asString())
          .isEmpty();

      // The chooser is the other way in; the page needs nothing from elsewhere.
      browser.click("clear");
      browser.type("files", Served.PICTURE.toString());
      browser.await("return document.querySelectorAll('#pictures img').length === 1");
      assertThat(
              browser
                  .run("return performance.getEntriesByType('resource').map(r => r.name)")
                  .valueStream()
                  .map(JsonNode::asString))
          .allMatch(
              name -> name.startsWith(served.address().toString()) || name.startsWith("data:"));
    }
  }
}
