package org.pyramiddrop.bench.speed.compare;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * llama.cpp's process: answers the protocol of {@code torch_side.py} for a decoder and for one of
 * its layers. Each time is taken by {@code llama-bench}, which loads the model, warms up, and times
 * one run on random words; it shows no outputs.
 */
public final class LlamaCppMain {
  private static final double NANOS = 1e6;

  private final String program;
  private final int threads;
  private Supplier<List<Double>> prepared = List::of;

  LlamaCppMain(String program, int threads) {
    this.program = program;
    this.threads = threads;
  }

  /** Where {@code llama-bench} is in a folder that llama.cpp was built in or installed to. */
  static Path program(Path folder) {
    return Stream.of("llama-bench", "bin/llama-bench", "build/bin/llama-bench")
        .map(folder::resolve)
        .filter(file -> Files.isRegularFile(file) && Files.isExecutable(file))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "no llama-bench in %s, nor in its bin or build/bin; build or install llama.cpp and name its folder"
                    .formatted(folder)));
  }

  /**
   * Answers requests on stdin until it ends.
   *
   * @param args {@code llama-bench}, how many threads, and a checkpoint to try it on
   */
  public static void main(String[] args) throws IOException {
    LlamaCppMain side = new LlamaCppMain(args[0], Integer.parseInt(args[1]));
    PrintStream answers = new PrintStream(System.out, true, UTF_8);
    answers.println(answer(() -> side.hello(Path.of(args[2]))));
    BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      JsonNode request = JsonMapper.shared().readTree(line);
      answers.println(answer(() -> side.answer(request)));
    }
  }

  private static ObjectNode answer(Supplier<ObjectNode> answering) {
    try {
      return answering.get();
    } catch (RuntimeException e) {
      return json().put("error", e.getMessage());
    }
  }

  private static ObjectNode json() {
    return JsonMapper.shared().createObjectNode();
  }

  /** What it is, tried on one layer of a checkpoint. */
  ObjectNode hello(Path model) {
    Path file = file(model, 1, DType.BFLOAT16);
    JsonNode said = run(List.of(file), 0, 1, 1, false).getFirst();
    String version =
        "build %s (%s)".formatted(said.path("build_number"), said.path("build_commit").asString());
    return json().put("llama.cpp", version).put("threads", said.path("n_threads").intValue());
  }

  private ObjectNode answer(JsonNode request) {
    if (request.path("op").stringValue().equals("time")) {
      return json().set("millis", JsonMapper.shared().valueToTree(prepared.get()));
    }
    Path model = Path.of(request.path("model").stringValue());
    DType dtype = LinearData.dtype(request.path("dtype"));
    int layers = LlavaConfig.read(model).text().layers();
    int tokens = request.path("tokens").intValue();
    Path whole = file(model, layers, dtype);
    String said = "not checked, since llama-bench shows no outputs; the weights as %s, head as %s";
    if (request.path("op").stringValue().equals("layer")) {
      Path one = file(model, 1, dtype);
      prepared = () -> layer(one, whole, layers, tokens);
      said += "; the time of %d layers less that of one, by %d".formatted(layers, layers - 1);
    } else {
      int prompt = request.path("ids").size();
      boolean mapped = request.path("mapped").booleanValue();
      prepared =
          () ->
              List.of(
                  millis(run(List.of(whole), prompt, 0, 0, mapped).getFirst()),
                  millis(run(List.of(whole), 0, tokens - 1, prompt, mapped).getFirst()));
    }
    return json().put("unchecked", said.formatted(GgufType.of(dtype), GgufType.ofHead(dtype)));
  }

  /** A model's file beside its folder, written when it is first asked for. */
  private static Path file(Path model, int layers, DType dtype) {
    String name = "%s-%d-%s.gguf".formatted(model.getFileName(), layers, dtype.label());
    Path file = model.resolveSibling(name);
    if (!Files.exists(file)) {
      new GgufModel(model, layers, dtype).write(file);
    }
    return file;
  }

  /**
   * Of the last layer only the last token's row is computed, in either file; so the difference is
   * that of whole layers.
   */
  private List<Double> layer(Path one, Path all, int layers, int tokens) {
    List<JsonNode> said = run(List.of(one, all), tokens, 0, 0, true);
    double further = millis(said.getLast()) - millis(said.getFirst());
    if (!(further > 0)) {
      throw new PeerProcess.Failure("took no longer for %d layers than for one".formatted(layers));
    }
    return List.of(further / (layers - 1));
  }

  private static double millis(JsonNode said) {
    return said.path("samples_ns").path(0).doubleValue() / NANOS;
  }

  /**
   * Runs each model once, behind a run that doesn't count.
   *
   * @param prompt tokens of a prompt that is timed
   * @param generated decode steps that are timed
   * @param depth tokens before both
   * @param mapped whether weights stay in the file
   */
  private List<JsonNode> run(
      List<Path> models, int prompt, int generated, int depth, boolean mapped) {
    String options =
        "-o jsonl -r 1 -dev none -t %d -p %d -n %d -d %d -mmp %d"
            .formatted(threads, prompt, generated, depth, mapped ? 1 : 0);
    List<String> command = new ArrayList<>(List.of(program));
    command.addAll(List.of(options.split(" ")));
    models.forEach(model -> command.addAll(List.of("-m", model.toString())));
    List<String> lines = lines(command);
    ObjectNode asked =
        json()
            .put("n_threads", threads)
            .put("n_prompt", prompt)
            .put("n_gen", generated)
            .put("n_depth", depth);
    List<JsonNode> said = lines.stream().map(line -> understood(line, asked)).toList();
    if (said.size() != models.size()) {
      throw new PeerProcess.Failure(
          "llama-bench timed %d models instead of %d".formatted(said.size(), models.size()));
    }
    return said;
  }

  /** What a line says, if it is a time of what was asked for. */
  private static JsonNode understood(String line, ObjectNode asked) {
    try {
      JsonNode said = JsonMapper.shared().readTree(line);
      if (asked.properties().stream().allMatch(is -> is.getValue().equals(said.get(is.getKey())))
          && millis(said) > 0) {
        return said;
      }
    } catch (JacksonException _) {
      // Told below.
    }
    throw new PeerProcess.Failure("llama-bench says what isn't understood: " + line);
  }

  private static List<String> lines(List<String> command) {
    try {
      Process process = new ProcessBuilder(command).start();
      CompletableFuture<List<String>> errors =
          CompletableFuture.supplyAsync(() -> lines(process.errorReader(UTF_8)));
      List<String> lines = lines(process.inputReader(UTF_8));
      int code = process.onExit().join().exitValue();
      if (code != 0) {
        List<String> said = errors.join();
        throw new PeerProcess.Failure(
            "llama-bench ended with %d%s"
                .formatted(code, said.isEmpty() ? ", without a word" : ": " + said.getLast()));
      }
      return lines;
    } catch (IOException e) {
      throw new UncheckedIOException("llama-bench can't be started: " + e.getMessage(), e);
    }
  }

  private static List<String> lines(Reader reader) {
    try (reader) {
      return reader.readAllLines().stream().filter(line -> !line.isBlank()).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }
}
