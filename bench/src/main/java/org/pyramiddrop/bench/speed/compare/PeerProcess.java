package org.pyramiddrop.bench.speed.compare;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.pyramiddrop.kernels.DType;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Another library in a process of its own, which runs and times one operation a request: a JSON
 * object a line each way; {@code torch_side.py} has the protocol.
 *
 * @param hello what the process said it is
 */
public record PeerProcess(
    String name, Process process, BufferedWriter requests, BufferedReader answers, JsonNode hello)
    implements AutoCloseable {
  static final String TORCH = "PyTorch";
  static final String JLAMA = "Jlama";
  static final String LLAMA_CPP = "llama.cpp";

  /** The other side can't be asked, or failed; the message says why. */
  public static final class Failure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Failure(String message) {
      super(message);
    }
  }

  /**
   * Starts PyTorch and transformers, by {@code torch_side.py}, or {@code torch_gpu.py} on a GPU,
   * and waits until they are imported.
   *
   * @param python an interpreter that has torch and transformers
   * @throws Failure if it can't be started or lacks a library
   */
  public static PeerProcess torch(String python, Path script, int threads, String... more) {
    if (!Files.isRegularFile(script)) {
      throw new IllegalArgumentException(
          "no script at " + script + "; run from the project's root");
    }
    List<String> command =
        new ArrayList<>(List.of(python, script.toString(), "--threads", String.valueOf(threads)));
    command.addAll(List.of(more));
    return start(TORCH, python, command, "; set PYTHON to one with torch and transformers");
  }

  /**
   * Starts Jlama's matrix kernels in a Java process with this one's class path ({@link JlamaMain}):
   * it switches off bounds checks of all vector accesses in its virtual machine, and neither side's
   * calls shape what the compiler makes of the other's.
   *
   * @throws Failure if it ends at once
   */
  static PeerProcess jlama(int threads) {
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--add-modules=jdk.incubator.vector",
            "--sun-misc-unsafe-memory-access=allow",
            "-Djlama.force_panama_tensor_operations=true",
            "-cp",
            System.getProperty("java.class.path"),
            JlamaMain.class.getName(),
            String.valueOf(threads));
    return start(JLAMA, JLAMA, command, "; leave it out with --without jlama");
  }

  /**
   * Starts what runs llama.cpp's {@code llama-bench} ({@link LlamaCppMain}).
   *
   * @param model a small checkpoint to try it on
   * @throws Failure if it can't be run, or is of a version whose options or output differ
   */
  static PeerProcess llamaCpp(Path program, int threads, Path model) {
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            System.getProperty("java.class.path"),
            LlamaCppMain.class.getName(),
            program.toAbsolutePath().toString(),
            String.valueOf(threads),
            model.toString());
    return start(LLAMA_CPP, LLAMA_CPP + ":", command, "; build it anew, or leave out --llama-cpp");
  }

  private static PeerProcess start(
      String name, String program, List<String> command, String advice) {
    Process process;
    try {
      process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    } catch (IOException e) {
      throw new Failure(program + " can't be started" + advice);
    }
    BufferedReader answers = process.inputReader(StandardCharsets.UTF_8);
    BufferedWriter requests = process.outputWriter(StandardCharsets.UTF_8);
    try {
      return new PeerProcess(name, process, requests, answers, answer(answers, _ -> {}));
    } catch (Failure e) {
      process.destroy();
      throw new Failure(program + " " + e.getMessage() + advice);
    }
  }

  /** Whether it has an operation of the protocol with weights of a type. */
  boolean has(String operation, DType dtype) {
    return switch (name) {
      case TORCH -> !dtype.inBlocks();
      case LLAMA_CPP -> List.of("layer", "decoder").contains(operation) && dtype != DType.FLOAT32;
      default -> operation.equals("linear");
    };
  }

  /** Its libraries and theirs. */
  public String versions() {
    return Stream.of("torch", "transformers", "jlama", "llama.cpp", "gpu")
        .filter(hello::has)
        .map(what -> what + " " + hello.path(what).stringValue())
        .collect(Collectors.joining(", "));
  }

  /** How many it runs on. */
  public int threads() {
    return hello.path("threads").intValue();
  }

  /** Prepares an operation, and returns what the other side says of it. */
  public JsonNode prepare(ObjectNode request) {
    return prepare(request, _ -> {});
  }

  private JsonNode prepare(ObjectNode request, Consumer<String> doing) {
    try {
      requests.write(request + "\n");
      requests.flush();
    } catch (IOException e) {
      throw new Failure(name + "'s process is gone: " + e.getMessage());
    }
    try {
      return answer(answers, doing);
    } catch (Failure e) {
      throw new Failure(name + ": " + e.getMessage());
    }
  }

  /**
   * Prepares an operation, and ends the process if that takes longer.
   *
   * @throws Failure if it took longer; says what the process was doing, if it told
   */
  public JsonNode prepare(ObjectNode request, Duration limit) {
    AtomicReference<String> doing = new AtomicReference<>("");
    try {
      return CompletableFuture.supplyAsync(
              () -> prepare(request, what -> doing.set(", still " + what)))
          .orTimeout(limit.toMillis(), TimeUnit.MILLISECONDS)
          .join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof TimeoutException) {
        destroy();
        throw new Failure(
            "%s: was not ready within %d s%s".formatted(name, limit.toSeconds(), doing.get()));
      }
      throw e.getCause() instanceof Failure failure ? failure : e;
    }
  }

  /** Ends the process and what it started, which may hold its output open. */
  private void destroy() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }

  /** Runs the prepared operation once and returns how long it took, in milliseconds. */
  public double millis() {
    return time().doubleValue();
  }

  /** Runs the prepared operation once and returns how long each of its phases took. */
  public List<Double> phases() {
    return time().valueStream().map(JsonNode::doubleValue).toList();
  }

  private JsonNode time() {
    return prepare(JsonMapper.shared().createObjectNode().put("op", "time")).path("millis");
  }

  /** The next line that does not only say what is being done. */
  private static JsonNode answer(BufferedReader answers, Consumer<String> doing) {
    try {
      while (true) {
        String line = answers.readLine();
        if (line == null) {
          throw new Failure("ended without an answer");
        }
        JsonNode answer = JsonMapper.shared().readTree(line);
        if (answer.has("error")) {
          throw new Failure(answer.path("error").stringValue());
        }
        if (!answer.has("doing")) {
          return answer;
        }
        doing.accept(answer.path("doing").stringValue());
      }
    } catch (IOException | JacksonException e) {
      throw new Failure("gave an answer that can't be read: " + e.getMessage());
    }
  }

  @Override
  public void close() {
    try {
      requests.close();
      if (process.waitFor(10, TimeUnit.SECONDS)) {
        return;
      }
    } catch (IOException _) {
      // It is gone, or going.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    destroy();
  }
}
