package org.pyramiddrop.bench.compare;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Another library in a process of its own, which runs and times one operation a request: a JSON
 * object a line each way; {@code torch_side.py} has the protocol.
 */
public abstract sealed class PeerProcess implements AutoCloseable permits TorchSide, JlamaSide {
  /** The other side can't be asked, or failed; the message says why. */
  public static final class Failure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Failure(String message) {
      super(message);
    }
  }

  private final Process process;
  private final BufferedWriter requests;
  private final BufferedReader answers;
  private final String versions;
  private final int threads;

  /** Waits until the process has said what it is. */
  PeerProcess(Process process) {
    this.process = process;
    requests = process.outputWriter(StandardCharsets.UTF_8);
    answers = process.inputReader(StandardCharsets.UTF_8);
    JsonNode hello = answer();
    versions =
        Stream.of("torch", "transformers", "jlama", "gpu")
            .filter(hello::has)
            .map(what -> what + " " + hello.path(what).stringValue())
            .collect(Collectors.joining(", "));
    threads = hello.path("threads").intValue();
  }

  /** What tables call it. */
  public abstract String name();

  /** Whether it has an operation of the protocol. */
  abstract boolean has(String operation);

  /** What it runs on. */
  public final String versions() {
    return versions;
  }

  /** How many threads it uses. */
  public final int threads() {
    return threads;
  }

  /** Prepares an operation, and returns what the other side says of it. */
  public final JsonNode prepare(ObjectNode request) {
    return send(request);
  }

  /**
   * Prepares an operation, and ends the process if that takes longer.
   *
   * @throws Failure if it took longer
   */
  public final JsonNode prepare(ObjectNode request, Duration limit) {
    AtomicBoolean late = new AtomicBoolean();
    Thread watch = Thread.ofVirtual().start(() -> endAfter(limit, late));
    try {
      return send(request);
    } catch (Failure e) {
      if (late.get()) {
        throw new Failure(name() + ": was not ready within " + limit.toSeconds() + " s");
      }
      throw e;
    } finally {
      watch.interrupt();
    }
  }

  /** Ends the process when the time is up, unless whoever waits for it interrupts. */
  private void endAfter(Duration limit, AtomicBoolean late) {
    try {
      if (!process.waitFor(limit)) {
        late.set(true);
        destroy();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Ends the process and what it started, which may hold its output open. */
  private void destroy() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }

  /** Runs the prepared operation once and returns how long it took, in milliseconds. */
  public final double millis() {
    return time().doubleValue();
  }

  /** Runs the prepared operation once and returns how long each of its phases took. */
  public final List<Double> phases() {
    List<Double> phases = new ArrayList<>();
    for (JsonNode phase : time()) {
      phases.add(phase.doubleValue());
    }
    return phases;
  }

  private JsonNode time() {
    return send(JsonMapper.shared().createObjectNode().put("op", "time")).path("millis");
  }

  private JsonNode send(ObjectNode request) {
    try {
      requests.write(request.toString());
      requests.newLine();
      requests.flush();
    } catch (IOException e) {
      throw new Failure(name() + "'s process is gone: " + e.getMessage());
    }
    try {
      return answer();
    } catch (Failure e) {
      throw new Failure(name() + ": " + e.getMessage());
    }
  }

  private JsonNode answer() {
    try {
      String line = answers.readLine();
      if (line == null) {
        throw new Failure("ended without an answer");
      }
      JsonNode answer = JsonMapper.shared().readTree(line);
      if (answer.has("error")) {
        throw new Failure(answer.path("error").stringValue());
      }
      return answer;
    } catch (IOException | JacksonException e) {
      throw new Failure("gave an answer that can't be read: " + e.getMessage());
    }
  }

  /** Ends the process. */
  @Override
  public final void close() {
    try {
      requests.close();
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        destroy();
      }
    } catch (IOException e) {
      destroy();
    } catch (InterruptedException e) {
      destroy();
      Thread.currentThread().interrupt();
    }
  }
}
