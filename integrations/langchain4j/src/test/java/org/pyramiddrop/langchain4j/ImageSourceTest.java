package org.pyramiddrop.langchain4j;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.TimeoutException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageException;
import org.pyramiddrop.loader.ImageLimits;

final class ImageSourceTest {
  private final CountDownLatch over = new CountDownLatch(1);
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private HttpServer server;

  @BeforeEach
  void serve() throws IOException {
    byte[] image = Files.readAllBytes(Scene.IMAGE);
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.createContext("/image.png", exchange -> answer(exchange, 200, image));
    server.createContext("/moved.png", exchange -> redirect(exchange, "/image.png"));
    server.createContext("/away.png", exchange -> redirect(exchange, "http://10.0.0.1/image.png"));
    server.createContext(
        "/file.png", exchange -> redirect(exchange, Scene.IMAGE.toUri().toString()));
    server.createContext("/round.png", exchange -> redirect(exchange, "/round.png"));
    server.createContext("/hanging.png", this::hang);
    server.start();
  }

  @AfterEach
  void stop() {
    over.countDown();
    server.stop(0);
    threads.shutdownNow();
  }

  private static void answer(HttpExchange exchange, int status, byte[] body) throws IOException {
    try (exchange) {
      exchange.sendResponseHeaders(status, body.length);
      exchange.getResponseBody().write(body);
    }
  }

  private static void redirect(HttpExchange exchange, String to) throws IOException {
    exchange.getResponseHeaders().add("Location", to);
    answer(exchange, 302, "moved".getBytes(UTF_8));
  }

  /** Sends the beginning and no end. */
  private void hang(HttpExchange exchange) throws IOException {
    try (exchange) {
      exchange.sendResponseHeaders(200, 1000);
      exchange.getResponseBody().write(1);
      exchange.getResponseBody().flush();
      over.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private ImageContent at(String path) {
    return ImageContent.from(
        "http://localhost:%d%s".formatted(server.getAddress().getPort(), path));
  }

  private static ImageSource local(ImageLimits limits, Duration longest) {
    return new ImageSource(
        limits, new WebImages(url -> "localhost".equals(url.getHost()), longest));
  }

  private static ImageSource local() {
    return local(ImageLimits.defaults(), Duration.ofSeconds(20));
  }

  private static ImageSource withoutWeb() {
    return new ImageSource(
        ImageLimits.defaults(), new WebImages(url -> false, Duration.ofSeconds(20)));
  }

  private static void isTheScene(Image read) {
    Image scene = Image.read(Scene.IMAGE);
    assertThat(read.width()).isEqualTo(scene.width());
    assertThat(read.height()).isEqualTo(scene.height());
    for (int y = 0; y < scene.height(); y++) {
      for (int x = 0; x < scene.width(); x++) {
        assertThat(read.rgb(x, y)).isEqualTo(scene.rgb(x, y));
      }
    }
  }

  @Test
  void readsFilesBytesAndDataUris() throws IOException {
    ImageSource source = withoutWeb();
    isTheScene(source.read(ImageContent.from(Scene.IMAGE.toUri())));
    isTheScene(source.read(ImageContent.from(Scene.base64(), "image/png")));
    isTheScene(source.read(ImageContent.from(Scene.IMAGE, "image/png")));
    isTheScene(source.read(ImageContent.from("data:image/png;base64," + Scene.base64())));
  }

  @Test
  void theWebIsReadOnlyWhereItIsAllowed() {
    assertThatThrownBy(() -> withoutWeb().read(at("/image.png")))
        .isInstanceOf(UnsupportedFeatureException.class)
        .hasMessageContaining("/image.png")
        .hasMessageContaining("webImages");
    isTheScene(local().read(at("/image.png")));
    isTheScene(local().read(at("/moved.png")));
  }

  @Test
  void aRedirectToWhereNothingMayBeReadIsRefused() {
    for (String path : List.of("/away.png", "/file.png")) {
      assertThatThrownBy(() -> local().read(at(path)))
          .isInstanceOf(UnsupportedFeatureException.class)
          .hasMessageContaining("webImages");
    }
    List<URI> asked = new ArrayList<>();
    ImageSource watched =
        new ImageSource(ImageLimits.defaults(), new WebImages(asked::add, Duration.ofSeconds(20)));
    assertThatThrownBy(() -> watched.read(at("/round.png")))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContaining("redirects");
    assertThat(asked).hasSize(6);
  }

  @Test
  void whatTheWebHasNotIsSaid() {
    assertThatThrownBy(() -> local().read(at("/none.png")))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContaining("404");
    int closed = server.getAddress().getPort();
    server.stop(0);
    assertThatThrownBy(
            () -> local().read(ImageContent.from("http://localhost:%d/".formatted(closed))))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContaining("can't be read");
  }

  @Test
  void imagesFromTheWebAreBoundedInBytesAndTime() {
    ImageLimits few = new ImageLimits(100, 1 << 20, 10, Duration.ofSeconds(10));
    assertThatThrownBy(() -> local(few, Duration.ofSeconds(20)).read(at("/image.png")))
        .isInstanceOf(InvalidRequestException.class);
    assertThatThrownBy(
            () -> local(ImageLimits.defaults(), Duration.ofMillis(300)).read(at("/hanging.png")))
        .isInstanceOf(TimeoutException.class)
        .hasMessageContaining("300 ms");
  }

  @Test
  void limitsHoldForAllSources() throws IOException {
    ImageSource small =
        local(new ImageLimits(1 << 20, 100, 10, Duration.ofSeconds(10)), Duration.ofSeconds(20));
    for (ImageContent content :
        List.of(
            ImageContent.from(Scene.IMAGE.toUri()),
            ImageContent.from(Scene.base64(), "image/png"),
            at("/image.png"))) {
      assertThatThrownBy(() -> small.read(content))
          .isInstanceOf(ImageException.class)
          .hasMessageContaining("pixels");
    }
  }

  @Test
  void otherAddressesAreRefusedWithWhatToDo() {
    assertThatThrownBy(() -> withoutWeb().read(ImageContent.from("ftp://host/image.png")))
        .isInstanceOf(UnsupportedFeatureException.class)
        .hasMessageContaining("ftp");
    assertThatThrownBy(() -> withoutWeb().read(ImageContent.from("image.png")))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContaining("toUri");
    assertThatThrownBy(() -> withoutWeb().read(ImageContent.from("file://host/image.png")))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContaining("toUri");
  }
}
