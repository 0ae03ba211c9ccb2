package org.pyramiddrop.serve;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.pyramiddrop.serve.Served.asking;
import static org.pyramiddrop.serve.Served.json;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.pyramiddrop.transformer.Backend;
import org.pyramiddrop.transformer.LoadOptions;
import tools.jackson.databind.node.ObjectNode;

/**
 * Sends the same requests once one at a time and once from several clients, in turn, and prints the
 * tokens per second of both. Some clients go away in the middle of an answer.
 */
final class ServeSpeed {
  private static final int CLIENTS = 8;
  private static final int REQUESTS = 24;

  /** Every so many requests one is left after this many tokens. */
  private static final int LEFT = 6;

  private static final int HEARD = 8;
  private static final double NANOS_PER_SECOND = 1e9;

  private ServeSpeed() {}

  /**
   * Takes a model's folder, its question, the most tokens of an answer, a backend, rounds, and how
   * many threads the model has on the CPU.
   */
  public static void main(String[] args) throws Exception {
    Path model = Path.of(args[0]);
    String question = args[1];
    int most = Integer.parseInt(args[2]);
    List<ObjectNode> requests = requests(question, most);
    int rounds = Integer.parseInt(args[4]);
    Backend backend = Backend.valueOf(args[3].toUpperCase(Locale.ROOT));
    LoadOptions loading =
        LoadOptions.defaults().withBackend(backend).withThreads(Integer.parseInt(args[5]));
    try (Served served = Served.of(model, loading, options -> options)) {
      System.out.printf(
          "%s, %d requests of %d to %d tokens, %s%n",
          model.getFileName(), REQUESTS, most / 2, most, served.model().device());
      // Until the compiler has seen both.
      tokensPerSecond(served, requests.subList(0, CLIENTS), 1);
      tokensPerSecond(served, requests.subList(0, CLIENTS), CLIENTS);
      double alone = 0;
      double together = 0;
      for (int round = 0; round < rounds; round++) {
        double one = tokensPerSecond(served, requests, 1);
        double all = tokensPerSecond(served, requests, CLIENTS);
        System.out.printf(
            "round %d: one client %.1f tokens/s, %d clients %.1f tokens/s, %.2f times%n",
            round, one, CLIENTS, all, all / one);
        alone += one;
        together += all;
      }
      System.out.printf(
          "%d clients: %.2f times one client's tokens/s%n", CLIENTS, together / alone);
    }
  }

  /** Half of them with a picture, of mixed lengths. */
  private static List<ObjectNode> requests(String question, int most) {
    Random random = new Random(1);
    List<ObjectNode> requests = new ArrayList<>();
    for (int i = 0; i < REQUESTS; i++) {
      Path picture = Served.SCENES.resolve("heldout/000%d.png".formatted(i % 3));
      ObjectNode body = i % 2 == 0 ? asking(question, picture) : asking(question);
      // Drawn, so that a small model's answers are long; each request's draw is its own.
      requests.add(
          body.put("max_tokens", random.nextInt(most / 2, most + 1))
              .put("temperature", 20)
              .put("seed", i)
              .put("stream", i % LEFT == LEFT - 1));
    }
    return requests;
  }

  private static double tokensPerSecond(Served served, List<ObjectNode> requests, int clients)
      throws Exception {
    ConcurrentLinkedQueue<ObjectNode> left = new ConcurrentLinkedQueue<>(requests);
    long start = System.nanoTime();
    long tokens = 0;
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Long>> ends = new ArrayList<>();
      for (int i = 0; i < clients; i++) {
        ends.add(threads.submit(() -> sendAll(served, left)));
      }
      for (Future<Long> end : ends) {
        tokens += end.get();
      }
    }
    return tokens * NANOS_PER_SECOND / (System.nanoTime() - start);
  }

  /** Goes away when some tokens are there; says how many. */
  private static long leave(Served served, ObjectNode body) throws Exception {
    try (BufferedReader events =
        new BufferedReader(new InputStreamReader(served.stream(body), UTF_8))) {
      long tokens = 0;
      for (String line = events.readLine(); line != null && tokens < HEARD; ) {
        // The first event has an empty one.
        if (line.contains("\"content\":\"") && !line.contains("\"content\":\"\"")) {
          tokens++;
        }
        line = events.readLine();
      }
      return tokens;
    }
  }

  private static long sendAll(Served served, ConcurrentLinkedQueue<ObjectNode> left)
      throws Exception {
    long tokens = 0;
    for (ObjectNode body = left.poll(); body != null; body = left.poll()) {
      if (body.get("stream").asBoolean()) {
        tokens += leave(served, body);
        continue;
      }
      HttpResponse<String> response = served.complete(body);
      if (response.statusCode() != 200) {
        throw new IllegalStateException(response.body());
      }
      tokens += json(response).at("/usage/completion_tokens").asLong();
    }
    return tokens;
  }
}
