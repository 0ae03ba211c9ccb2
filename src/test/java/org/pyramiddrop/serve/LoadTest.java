package org.pyramiddrop.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.pyramiddrop.serve.Served.ENDLESS;
import static org.pyramiddrop.serve.Served.asking;
import static org.pyramiddrop.serve.Served.events;
import static org.pyramiddrop.serve.Served.json;
import static org.pyramiddrop.serve.Served.text;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.SchedulerLimits;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import tools.jackson.databind.node.ObjectNode;

/** Many clients at once, some of which go away. */
final class LoadTest {
  private static final String WORDS = "what is on the red circle ?";
  private static final int CLIENTS = 8;
  private static final int EACH = 6;

  /** Of different sizes, which the model sees as different pictures. */
  private static final List<Path> PICTURES =
      List.of(
          Served.SCENES.resolve("heldout/0000.png"),
          Served.SCENES.resolve("heldout/0001.png"),
          Served.SCENES.resolve("heldout/0002.png"));

  /** One of many requests. */
  private record Load(
      List<Path> pictures, String plan, int tokens, boolean stream, boolean leaves) {
    static Load any(Random random) {
      List<Path> pictures = new ArrayList<>(PICTURES);
      Collections.shuffle(pictures, random);
      List<String> plans = List.of("none", "pyramid:4:0.5", "fastv:2:0.5", "divprune:9");
      return new Load(
          pictures.subList(0, random.nextInt(3)),
          plans.get(random.nextInt(plans.size())),
          random.nextInt(1, 60),
          random.nextBoolean(),
          random.nextInt(5) == 0);
    }

    ObjectNode body() {
      ObjectNode body =
          asking(WORDS, pictures.toArray(Path[]::new))
              .put("max_tokens", leaves ? 400 : tokens)
              .put("stream", stream);
      return plan.equals("none") ? body : body.put("plan", plan);
    }

    Answer alone(Served served) {
      PruningPlan pruning = plan.equals("none") ? PruningPlan.none() : PruningPlan.parse(plan);
      return served
          .model()
          .ask(
              Question.of(WORDS, pictures.toArray(Path[]::new)),
              Options.defaults().withPruning(pruning).withMaxTokens(tokens));
    }
  }

  private static Served served(SchedulerLimits limits) {
    return Served.of(
        ENDLESS,
        options ->
            options
                .withScheduling(limits)
                .withAnswering(Options.defaults().withPruning(PruningPlan.none())));
  }

  @Test
  void everyAnswerIsTheSingleRunsWhileClientsComeAndGo()
      throws IOException, InterruptedException, ExecutionException {
    long seed = new Random().nextLong();
    // One that left keeps its place until the server looks, and its client asks again at once.
    SchedulerLimits limits = SchedulerLimits.defaults().withRows(4).withWaiting(CLIENTS * EACH);
    try (Served served = served(limits);
        ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Integer>> ends = new ArrayList<>();
      for (int client = 0; client < CLIENTS; client++) {
        Random random = new Random(seed + client);
        ends.add(clients.submit(() -> client(served, random)));
      }
      int left = 0;
      for (Future<Integer> end : ends) {
        left += end.get();
      }
      awaitIdle(served);
      assertThat(served.failures()).isEmpty();
      // Nothing is dropped: every request ended with an answer or with its client gone. One that
      // left may have been answered just before.
      double answered = served.metric("pyramiddrop_requests_total{status=\"200\"}");
      double cancelled = served.metric("pyramiddrop_requests_total{status=\"cancelled\"}");
      assertThat(answered + cancelled).isEqualTo(CLIENTS * EACH);
      assertThat(cancelled).isLessThanOrEqualTo(left);
    } catch (ExecutionException | AssertionError e) {
      throw new AssertionError("seed " + seed, e);
    }
  }

  /** Sends requests one after the other; returns how many it left. */
  private static int client(Served served, Random random) throws IOException, InterruptedException {
    int left = 0;
    for (int i = 0; i < EACH; i++) {
      Load load = Load.any(random);
      if (load.leaves()) {
        leave(served, load.body(), random.nextInt(200));
        left++;
        continue;
      }
      HttpResponse<String> response = served.complete(load.body());
      assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
      String text =
          load.stream()
              ? events(response).stream()
                  .map(event -> event.at("/choices/0/delta/content").asString(""))
                  .collect(Collectors.joining())
              : text(response);
      assertThat(text).isEqualTo(load.alone(served).text());
    }
    return left;
  }

  /** Sends a request, and goes away before its answer is there. */
  private static void leave(Served served, ObjectNode body, int millis)
      throws IOException, InterruptedException {
    try (Socket _ = post(served, body.toString())) {
      Thread.sleep(millis);
    }
  }

  private static Socket post(Served served, String body) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), served.address().getPort());
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    String head =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + "Content-Length: %d\r\n\r\n".formatted(bytes.length);
    socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
    socket.getOutputStream().write(bytes);
    socket.getOutputStream().flush();
    return socket;
  }

  private static void awaitIdle(Served served) throws IOException, InterruptedException {
    await(() ->
        served.metric("pyramiddrop_requests_running") == 0
            && served.metric("pyramiddrop_requests_waiting") == 0);
  }

  private static void await(Callable<Boolean> condition) throws IOException, InterruptedException {
    long end = System.nanoTime() + 20_000_000_000L;
    try {
      while (!condition.call()) {
        if (System.nanoTime() > end) {
          throw new AssertionError("it took too long");
        }
        Thread.sleep(20);
      }
    } catch (IOException | InterruptedException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aFullQueueRefusesAtOnceAndAClientThatLeavesMakesRoom()
      throws IOException, InterruptedException {
    SchedulerLimits limits = SchedulerLimits.defaults().withRows(1).withWaiting(1);
    try (Served served = served(limits)) {
      ObjectNode longest = asking(WORDS, PICTURES.getFirst()).put("max_tokens", 480);
      longest.put("temperature", 0);
      try (Socket _ = post(served, longest.toString())) {
        await(() -> served.metric("pyramiddrop_requests_running") == 1);
        try (Socket _ = post(served, longest.toString())) {
          await(() ->
              served.metric("pyramiddrop_requests_running")
                      + served.metric("pyramiddrop_requests_waiting")
                  == 2);
          HttpResponse<String> refused = served.complete(asking(WORDS).put("max_tokens", 1));
          assertThat(refused.statusCode()).as(refused.body()).isEqualTo(429);
          assertThat(refused.headers().firstValue("Retry-After")).hasValue("1");
          assertThat(json(refused).at("/error/code").asString()).isEqualTo("queue_full");
        }
      }
      awaitIdle(served);
      HttpResponse<String> next = served.complete(asking(WORDS).put("max_tokens", 1));
      assertThat(next.statusCode()).as(next.body()).isEqualTo(200);
    }
  }

  @Test
  void requestsThatMemoryHasNoRoomForWaitAndNoMoreOfThemThanMay()
      throws IOException, InterruptedException {
    int tokens = 480;
    long bytes = keyValueBytes(tokens);
    // Rows and places for bodies allow more than the queue does.
    SchedulerLimits limits = new SchedulerLimits(4, 1, bytes + bytes / 2);
    String longest = asking(WORDS).put("max_tokens", tokens).toString();
    try (Served served = served(limits)) {
      try (Socket _ = post(served, longest)) {
        await(() -> served.metric("pyramiddrop_requests_running") == 1);
        assertThat(served.metric("pyramiddrop_key_value_bytes")).isEqualTo((double) bytes);
        try (Socket _ = post(served, longest)) {
          await(() -> served.metric("pyramiddrop_requests_waiting") == 1);
          HttpResponse<String> refused = served.complete(longest);
          assertThat(refused.statusCode()).as(refused.body()).isEqualTo(429);
          assertThat(json(refused).at("/error/message").asString())
              .isEqualTo("the queue is full, with 1 waiting; ask again later");
          assertThat(served.metric("pyramiddrop_requests_running")).isEqualTo(1);
          assertThat(served.metric("pyramiddrop_key_value_bytes")).isEqualTo((double) bytes);
        }
      }
      awaitIdle(served);
      assertThat(served.complete(asking(WORDS).put("max_tokens", 1)).statusCode()).isEqualTo(200);
    }
  }

  private static long keyValueBytes(int tokens) {
    Options options = Options.defaults().withPruning(PruningPlan.none()).withMaxTokens(tokens);
    try (Llava model = Llava.load(ENDLESS)) {
      return model.ask(Question.of(WORDS), options, (id, text) -> false).kvBytes();
    }
  }

  /** A client that is asked for its body, sends the first byte, and no more. */
  private static Socket hanging(Served served) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), served.address().getPort());
    String head =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n";
    socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
    String asked = "HTTP/1.1 100 Continue\r\n\r\n";
    byte[] answered = socket.getInputStream().readNBytes(asked.length());
    assertThat(new String(answered, StandardCharsets.US_ASCII)).isEqualTo(asked);
    socket.getOutputStream().write('{');
    return socket;
  }

  @Test
  void aClientThatNeverSendsItsBodyHoldsUpNobody() throws IOException, InterruptedException {
    try (Served served = served(SchedulerLimits.defaults());
        Socket _ = hanging(served)) {
      HttpResponse<String> next = served.complete(asking(WORDS).put("max_tokens", 1));
      assertThat(next.statusCode()).as(next.body()).isEqualTo(200);
    }
  }

  @Test
  void bodiesAreReadOfAsManyRequestsAsMayRunAndWait() throws IOException, InterruptedException {
    SchedulerLimits limits = SchedulerLimits.defaults().withRows(1).withWaiting(1);
    ObjectNode shortest = asking(WORDS).put("max_tokens", 1);
    try (Served served = served(limits)) {
      try (Socket _ = hanging(served)) {
        try (Socket _ = hanging(served)) {
          HttpResponse<String> refused = served.complete(shortest);
          assertThat(refused.statusCode()).as(refused.body()).isEqualTo(429);
        }
        await(() -> served.complete(shortest).statusCode() == 200);
      }
    }
  }

  @Test
  void aServerThatStopsEndsWhatRunsAndTakesNoMore()
      throws IOException, InterruptedException, ExecutionException {
    try (Served served = served(SchedulerLimits.defaults());
        ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      Load load = new Load(PICTURES, "none", 200, true, false);
      Future<HttpResponse<String>> running = clients.submit(() -> served.complete(load.body()));
      await(() -> served.metric("pyramiddrop_requests_running") == 1);
      served.stop();
      String text =
          events(running.get()).stream()
              .map(event -> event.at("/choices/0/delta/content").asString(""))
              .collect(Collectors.joining());
      assertThat(text).isEqualTo(load.alone(served).text());
      try (Socket late = new Socket(InetAddress.getLoopbackAddress(), served.address().getPort());
          InputStream in = late.getInputStream()) {
        assertThat(in.read()).isEqualTo(-1);
      } catch (IOException | IllegalArgumentException e) {
        // Nobody listens any more.
      }
    }
  }
}
