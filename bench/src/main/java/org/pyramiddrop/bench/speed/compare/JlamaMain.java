package org.pyramiddrop.bench.speed.compare;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.github.tjake.jlama.util.PhysicalCoreExecutor;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Properties;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.kernels.DType;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Jlama's process: answers the protocol of {@code torch_side.py} for linear layers. */
public final class JlamaMain {
  private static final String PROPERTIES =
      "/META-INF/maven/com.github.tjake/jlama-core/pom.properties";

  private final PrintStream answers;
  private @Nullable JlamaLinear linear;

  private JlamaMain(PrintStream answers) {
    this.answers = answers;
  }

  /**
   * Answers requests on stdin until it ends.
   *
   * @param args how many threads
   */
  public static void main(String[] args) throws IOException {
    int threads = Integer.parseInt(args[0]);
    PhysicalCoreExecutor.overrideThreadCount(threads);
    JlamaMain main = new JlamaMain(new PrintStream(System.out, true, UTF_8));
    main.say(json().put("jlama", version()).put("threads", threads));
    BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      try {
        main.say(main.answer(JsonMapper.shared().readTree(line)));
      } catch (RuntimeException | LinkageError e) {
        // Whatever Jlama throws is the other process's to report.
        main.say(json().put("error", e.getClass().getSimpleName() + ": " + e.getMessage()));
      }
    }
  }

  private ObjectNode answer(JsonNode request) {
    return switch (request.path("op").stringValue()) {
      case "linear" -> prepare(request);
      case "time" -> time();
      default -> throw new IllegalArgumentException("no such operation");
    };
  }

  private ObjectNode prepare(JsonNode request) {
    Product product =
        new Product(
            request.path("tokens").intValue(),
            request.path("inputs").intValue(),
            request.path("outputs").intValue());
    JlamaLinear prepared =
        new JlamaLinear(
            new LinearData(
                Path.of(request.path("data").stringValue()),
                product,
                request.path("weights").intValue(),
                DType.valueOf(request.path("dtype").stringValue().toUpperCase(Locale.ROOT))));
    RawNumbers.write(Path.of(request.path("output").stringValue()), prepared.outputs());
    linear = prepared;
    return json().put("output", "float32");
  }

  private ObjectNode time() {
    JlamaLinear prepared = Optional.ofNullable(linear).orElseThrow();
    long start = System.nanoTime();
    prepared.runAll();
    double millis = (System.nanoTime() - start) / 1e6;
    ObjectNode answer = json();
    answer.putArray("millis").add(millis);
    return answer;
  }

  private static String version() throws IOException {
    Properties properties = new Properties();
    try (InputStream in = PhysicalCoreExecutor.class.getResourceAsStream(PROPERTIES)) {
      properties.load(Objects.requireNonNull(in));
    }
    return properties.getProperty("version");
  }

  private static ObjectNode json() {
    return JsonMapper.shared().createObjectNode();
  }

  private void say(ObjectNode answer) {
    answers.println(answer);
  }
}
