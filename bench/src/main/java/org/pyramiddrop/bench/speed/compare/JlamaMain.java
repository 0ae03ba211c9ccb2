package org.pyramiddrop.bench.speed.compare;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.github.tjake.jlama.math.VectorMath;
import com.github.tjake.jlama.tensor.AbstractTensor;
import com.github.tjake.jlama.tensor.BFloat16BufferTensor;
import com.github.tjake.jlama.tensor.FloatBufferTensor;
import com.github.tjake.jlama.tensor.TensorShape;
import com.github.tjake.jlama.tensor.operations.PanamaTensorOperations;
import com.github.tjake.jlama.tensor.operations.TensorOperations;
import com.github.tjake.jlama.util.MachineSpec;
import com.github.tjake.jlama.util.PhysicalCoreExecutor;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.bench.timing.Stopwatch;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Jlama's process: answers the protocol of {@code torch_side.py} for linear layers. */
public final class JlamaMain {
  private static final String PROPERTIES =
      "/META-INF/maven/com.github.tjake/jlama-core/pom.properties";

  private JlamaMain() {}

  /**
   * Answers requests on stdin until it ends.
   *
   * @param args how many threads
   */
  public static void main(String[] args) throws IOException {
    int threads = Integer.parseInt(args[0]);
    PhysicalCoreExecutor.overrideThreadCount(threads);
    PrintStream answers = new PrintStream(System.out, true, UTF_8);
    answers.println(json().put("jlama", version()).put("threads", threads));
    BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    @Nullable Linear linear = null;
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      try {
        JsonNode request = JsonMapper.shared().readTree(line);
        if (request.path("op").stringValue().equals("time")) {
          double millis = Stopwatch.time(Objects.requireNonNull(linear)::runAll);
          answers.println(json().set("millis", json().arrayNode().add(millis)));
        } else {
          linear = new Linear(LinearData.of(request));
          RawNumbers.write(Path.of(request.path("output").stringValue()), linear.outputs());
          answers.println(json().put("output", "float32"));
        }
      } catch (RuntimeException | LinkageError e) {
        // Whatever Jlama throws is the other process's to report.
        answers.println(json().put("error", e.getClass().getSimpleName() + ": " + e.getMessage()));
      }
    }
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

  /**
   * A linear layer by Jlama's Vector API kernels, called as its models call them: outputs split
   * over its own pool, activations in the weights' type, outputs in float32.
   */
  static final class Linear {
    private final TensorOperations operations = new PanamaTensorOperations(MachineSpec.VECTOR_TYPE);
    private final LinearData data;
    private final AbstractTensor<?, ?> x;
    private final List<AbstractTensor<?, ?>> weights = new ArrayList<>();
    private final FloatBufferTensor out;

    /** Maps the data; weights stay in the file, as Jlama's own do. */
    Linear(LinearData data) {
      this.data = data;
      Product product = data.product();
      MemorySegment mapped = data.map(Arena.ofAuto());
      x = tensor(data.activations(mapped), product.tokens());
      for (int i = 0; i < data.weights(); i++) {
        weights.add(tensor(data.weight(mapped, i), product.outputs()));
      }
      out = new FloatBufferTensor(product.tokens(), product.outputs());
    }

    private AbstractTensor<?, ?> tensor(MemorySegment numbers, int rows) {
      ByteBuffer buffer = numbers.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
      TensorShape shape = TensorShape.of(rows, data.product().inputs());
      return switch (data.dtype()) {
        case FLOAT32 -> new FloatBufferTensor("mapped", buffer.asFloatBuffer(), shape, true);
        case BFLOAT16 -> new BFloat16BufferTensor("mapped", buffer.asShortBuffer(), shape, true);
        case FLOAT16, INT8, INT4, FP8 ->
            throw new IllegalArgumentException(
                "products of Jlama are measured in float32 and bfloat16");
      };
    }

    /** Multiplies by each weight once. */
    void runAll() {
      weights.forEach(this::multiply);
    }

    private void multiply(AbstractTensor<?, ?> weight) {
      VectorMath.pchunk(
          0,
          data.product().outputs(),
          (from, count) ->
              operations.dotProductChunk(out, x, weight, 0, data.product().inputs(), from, count));
    }

    /** The products, {@code weights × tokens × outputs}; NaN where Jlama writes nothing. */
    float[] outputs() {
      int size = data.product().tokens() * data.product().outputs();
      MemorySegment product = out.getMemorySegment().asSlice(0, (long) size * Float.BYTES);
      float[] all = new float[data.weights() * size];
      for (int i = 0; i < weights.size(); i++) {
        // All bits set are a NaN.
        product.fill((byte) -1);
        multiply(weights.get(i));
        MemorySegment.copy(product, ValueLayout.JAVA_FLOAT, 0, all, i * size, size);
      }
      return all;
    }
  }
}
