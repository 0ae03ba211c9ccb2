package org.pyramiddrop.bench.compare;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A Python process that times PyTorch, one operation a request; {@code torch_side.py} has the
 * protocol, and {@code torch_gpu.py} speaks it on a GPU.
 */
public final class TorchSide implements AutoCloseable {
  /** PyTorch can't be asked, or failed; the message says why. */
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

  private TorchSide(Process process) {
    this.process = process;
    requests = process.outputWriter(StandardCharsets.UTF_8);
    answers = process.inputReader(StandardCharsets.UTF_8);
    JsonNode hello = answer();
    versions =
        Stream.of("torch", "transformers", "gpu")
            .filter(hello::has)
            .map(what -> what + " " + hello.path(what).stringValue())
            .collect(Collectors.joining(", "));
    threads = hello.path("threads").intValue();
  }

  /**
   * Starts the process and waits until it has imported PyTorch.
   *
   * @param python an interpreter that has torch and transformers
   * @throws Failure if it can't be started or lacks a library
   */
  public static TorchSide start(String python, Path script, int threads) {
    if (!Files.isRegularFile(script)) {
      throw new IllegalArgumentException(
          "no script at " + script + "; run from the project's root");
    }
    Process process;
    try {
      process =
          new ProcessBuilder(python, script.toString(), "--threads", String.valueOf(threads))
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
    } catch (IOException e) {
      throw new Failure(
          python + " can't be started; set PYTHON to one with torch and transformers");
    }
    try {
      return new TorchSide(process);
    } catch (Failure e) {
      process.destroy();
      throw new Failure(
          python + " " + e.getMessage() + "; set PYTHON to one with torch and transformers");
    }
  }

  /** What it runs on. */
  public String versions() {
    return versions;
  }

  /** How many threads it uses. */
  public int threads() {
    return threads;
  }

  /** Prepares an operation. */
  public void prepare(ObjectNode request) {
    send(request);
  }

  /** Runs the prepared operation once and returns how long it took, in milliseconds. */
  public double millis() {
    return send(JsonMapper.shared().createObjectNode().put("op", "time"))
        .path("millis")
        .doubleValue();
  }

  private JsonNode send(ObjectNode request) {
    try {
      requests.write(request.toString());
      requests.newLine();
      requests.flush();
    } catch (IOException e) {
      throw new Failure("the Python process is gone: " + e.getMessage());
    }
    return answer();
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
  public void close() {
    try {
      requests.close();
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (IOException e) {
      process.destroyForcibly();
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
