package org.pyramiddrop.bench.speed.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.bench.model.ModelInput;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.speed.compare.PeerProcess;
import org.pyramiddrop.bench.speed.compare.RawNumbers;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.loader.VisionConfig;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A toy LLaVA-NeXT on the CPU beside scripts that stand in for PyTorch. */
class TorchAnswersTest {
  private static final CheckpointShape TINY =
      new CheckpointShape(
          4, 64, 96, 4, 4, 512, new VisionConfig(32, 48, 2, 2, 56, 14, 3, 1e-5f, "quick_gelu"));
  private static final Duration LONG = Duration.ofMinutes(1);
  private static final int NEW_TOKENS = 5;

  @TempDir private Path temp;
  private Path folder;
  private ModelOnDevice model;
  private ModelInput input;
  private RepeatedAnswer ours;

  @BeforeEach
  void open() {
    folder = temp.resolve("tiny");
    RandomCheckpoint.write(folder, TINY.nextConfig(), DType.BFLOAT16, 1);
    model = ModelOnDevice.open(folder, Optional.empty(), ModelOnDevice.device("cpu"));
    input = ModelInput.random(model.config(), new Resolution(60, 100), 9, 11);
    ours = model.answer(input, PruningPlan.none(), NEW_TOKENS - 1);
  }

  @AfterEach
  void close() {
    ours.close();
    model.close();
  }

  /** Our first token's logits and all tokens. */
  private float[] logits() {
    ours.encode();
    ours.prefill();
    return ours.logits();
  }

  private String tokens() {
    return Arrays.stream(ours.answer(NEW_TOKENS))
        .mapToObj(Integer::toString)
        .collect(Collectors.joining(", "));
  }

  /** A side that keeps the request, leaves these logits, and takes n ms a part in its n-th run. */
  private PeerProcess computing(float[] logits, String tokens) {
    RawNumbers.write(temp.resolve("logits.raw"), logits);
    return side(
        """
        echo '{"torch": "1", "transformers": "2", "threads": 1}'
        n=0
        while read -r line; do
          case "$line" in
            *'"time"'*) n=$((n + 1)); echo "{\\"millis\\": [$n, $n, $n, $((n * 10))]}" ;;
            *)
              echo "$line" >'HERE/request.json'
              pixels=${line##*'"data":"'}; cp "${pixels%%'"'*}" 'HERE/pixels.raw'
              to=${line##*'"output":"'}; cp 'HERE/logits.raw' "${to%%'"'*}"
              echo '{"doing": "x"}'; echo '{"tokens": [TOKENS], "said": "8 pieces compiled"}' ;;
          esac
        done
        """
            .replace("TOKENS", tokens));
  }

  private PeerProcess side(String script) {
    try {
      Path file =
          Files.writeString(temp.resolve("side.py"), script.replace("HERE", temp.toString()));
      return PeerProcess.torch("sh", file, 1, "--device", "cuda");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private ModelResult.Peer peer(Duration limit, String script) {
    return new TorchAnswers(model, input, ours, folder, NEW_TOKENS, 3, () -> side(script), limit)
        .in("eager");
  }

  @Test
  void timesAPeerThatAgreesInTurnWithOurs() {
    float[] logits = logits();
    String tokens = tokens();
    ModelResult.Peer peer =
        new TorchAnswers(
                model, input, ours, folder, NEW_TOKENS, 3, () -> computing(logits, tokens), LONG)
            .in("eager");
    assertThat(peer.name()).isEqualTo("PyTorch, eager");
    assertThat(peer.said())
        .isEqualTo(
            "torch 1, transformers 2: 8 pieces compiled; first logits off by at most 0.0 of the deviation, the first 5 of"
                + " 5 greedy tokens the same");
    // The first of four runs doesn't count.
    assertThat(peer.millis())
        .isEqualTo(
            Results.phases(
                new Spread(3, 2, 4, 3),
                new Spread(3, 2, 4, 3),
                new Spread(3, 2, 4, 3),
                new Spread(30, 20, 40, 3)));
    assertThat(peer.ratios())
        .isNotNull()
        .extracting(ratios -> ratios.get(Phase.ANSWER).low(), InstanceOfAssertFactories.DOUBLE)
        .isPositive();
  }

  @Test
  void sendsThePromptTheImageAndAllCrops() throws IOException {
    float[] logits = logits();
    new TorchAnswers(model, input, ours, folder, NEW_TOKENS, 3, () -> computing(logits, "1"), LONG)
        .in("max-autotune");
    JsonNode request = JsonMapper.shared().readTree(Files.readString(temp.resolve("request.json")));
    assertThat(request.path("op").stringValue()).isEqualTo("model");
    assertThat(request.path("way").stringValue()).isEqualTo("max-autotune");
    assertThat(request.path("dtype").stringValue()).isEqualTo(model.dtype().label());
    assertThat(request.path("picture").toString()).isEqualTo("[60,100]");
    // 100×60 pixels need two tiles each way: 4×4 patches of the whole, then of the tiles' 8×8 the 4
    // rows in the middle that are not padding, each with a newline.
    assertThat(request.path("pixels").toString()).isEqualTo("[5,3,56,56]");
    int image = input.image().layout().tokens();
    assertThat(image).isEqualTo(16 + 4 * (8 + 1));
    List<Integer> ids = request.path("ids").valueStream().map(JsonNode::intValue).toList();
    assertThat(ids).hasSize(9 + image);
    assertThat(ids.subList(4, 4 + image)).containsOnly(448);
    assertThat(ids.subList(0, 4)).allMatch(id -> id < 448);
    assertThat(ids.subList(4 + image, ids.size())).hasSize(5).allMatch(id -> id < 448);
    float[] pixels = RawNumbers.read(temp.resolve("pixels.raw"));
    assertThat(pixels).hasSize(5 * 3 * 56 * 56);
    assertThat(Arrays.copyOfRange(pixels, 3 * 56 * 56, 2 * 3 * 56 * 56))
        .isEqualTo(input.image().crops().get(1).values());
  }

  @Test
  void doesNotTimeAPeerThatDisagrees() {
    float[] logits = logits();
    double deviation = deviation(logits);
    float[] near = logits.clone();
    near[17] += (float) (0.9 * TorchAnswers.BOUND * deviation);
    assertThat(
            new TorchAnswers(
                    model, input, ours, folder, NEW_TOKENS, 3, () -> computing(near, "1"), LONG)
                .in("eager")
                .millis())
        .isNotNull();
    float[] far = logits.clone();
    far[17] += (float) (1.1 * TorchAnswers.BOUND * deviation);
    ModelResult.Peer peer =
        new TorchAnswers(model, input, ours, folder, NEW_TOKENS, 3, () -> computing(far, "1"), LONG)
            .in("eager");
    assertThat(peer.millis()).isNull();
    assertThat(peer.ratios()).isNull();
    assertThat(peer.said())
        .startsWith(
            "torch 1, transformers 2: 8 pieces compiled; first logits disagree, element 17 is ")
        .endsWith("so it isn't timed");
  }

  @Test
  void logitsThatAreNoNumbersDisagree() {
    float[] logits = logits();
    logits[3] = Float.NaN;
    ModelResult.Peer peer =
        new TorchAnswers(
                model, input, ours, folder, NEW_TOKENS, 3, () -> computing(logits, "1"), LONG)
            .in("eager");
    assertThat(peer.said()).contains("disagree, element 3 is NaN");
  }

  private static double deviation(float[] values) {
    double mean = IntStream.range(0, values.length).mapToDouble(i -> values[i]).average().orElse(0);
    return Math.sqrt(
        IntStream.range(0, values.length)
            .mapToDouble(i -> (values[i] - mean) * (values[i] - mean))
            .average()
            .orElse(0));
  }

  @Test
  void saysWhyAPeerHasNoTimes() {
    String hello = "echo '{\"torch\": \"1\", \"threads\": 1}'; read -r line; ";
    assertThat(peer(LONG, "echo '{\"error\": \"has a torch that sees no GPU\"}'").said())
        .startsWith("no PyTorch: sh has a torch that sees no GPU");
    assertThat(peer(LONG, hello + "echo '{\"error\": \"BackendCompilerFailed: no\"}'").said())
        .isEqualTo("torch 1: PyTorch: BackendCompilerFailed: no");
    assertThat(peer(LONG, hello).said()).isEqualTo("torch 1: PyTorch: ended without an answer");
    assertThat(peer(LONG, hello + "echo '{\"tokens\": [1]}'; read -r line").said())
        .isEqualTo("torch 1: left no logits to compare, so it isn't timed");
  }

  @Test
  void endsAPeerThatIsNotReadyInTimeAndWhatItStarted() {
    long start = System.nanoTime();
    ModelResult.Peer peer =
        peer(
            Duration.ofSeconds(1),
            """
            echo '{"torch": "1", "threads": 1}'; read -r line
            echo '{"doing": "loading"}'; echo '{"doing": "compiling a step"}'; sleep 60 & wait
            """);
    assertThat(peer.said())
        .isEqualTo("torch 1: PyTorch: was not ready within 1 s, still compiling a step");
    assertThat((System.nanoTime() - start) / 1e9).isLessThan(30);
  }

  @Test
  void keepsWhatAPeerThatDiesLeavesOpen() {
    float[] logits = logits();
    RawNumbers.write(temp.resolve("logits.raw"), logits);
    ModelResult.Peer peer =
        peer(
            LONG,
            """
            echo '{"torch": "1", "threads": 1}'
            read -r line
            to=${line##*'"output":"'}; cp 'HERE/logits.raw' "${to%%'"'*}"
            echo '{"tokens": [1]}'
            read -r line; echo '{"millis": [1, 1, 1, 1]}'
            read -r line
            """);
    assertThat(peer.millis()).isNull();
    assertThat(peer.said()).isEqualTo("torch 1: PyTorch: ended without an answer");
  }
}
