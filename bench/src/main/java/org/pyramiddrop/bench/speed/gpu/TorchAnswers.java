package org.pyramiddrop.bench.speed.gpu;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;
import org.pyramiddrop.bench.model.ModelInput;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.report.OutputFile;
import org.pyramiddrop.bench.speed.compare.PeerProcess;
import org.pyramiddrop.bench.speed.compare.RawNumbers;
import org.pyramiddrop.bench.speed.compare.Verdict;
import org.pyramiddrop.bench.speed.pruning.Phases;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
import org.pyramiddrop.bench.speed.pruning.PlanTimer;
import org.pyramiddrop.bench.timing.Rounds;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.Resolution;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * PyTorch's answers to the prompt that a model of ours answers: the same checkpoint, ids and pixel
 * values. They are compared first, then timed in turn with ours without drops.
 *
 * @param ours the answer without drops
 * @param newTokens of each answer, at least two
 * @param start starts a process, one for each mode
 * @param limit until a mode is ready: loaded, compiled, recorded
 */
record TorchAnswers(
    ModelOnDevice model,
    ModelInput input,
    RepeatedAnswer ours,
    Path checkpoint,
    int newTokens,
    int runs,
    Supplier<PeerProcess> start,
    Duration limit) {
  /**
   * How far the first token's logits may be apart, as a share of their deviation. Both sides round
   * to bfloat16, after other steps; an answer to another prompt is off by several deviations.
   */
  static final double BOUND = 0.2;

  ModelResult.Peer in(String mode) {
    String name = "PyTorch, " + mode;
    String versions = "no PyTorch";
    Path folder =
        OutputFile.temporaryFolder(Path.of(System.getProperty("java.io.tmpdir")), "gpu-answers");
    try (PeerProcess torch = start.get()) {
      versions = torch.versions();
      Path output = folder.resolve("logits.raw");
      JsonNode answered = torch.prepare(request(mode, folder, output), limit);
      Verdict verdict = check(answered, output);
      String did = answered.path("said").stringValue("");
      String said = versions + ": " + (did.isEmpty() ? "" : did + "; ") + verdict.said();
      return !verdict.agrees()
          ? new ModelResult.Peer(name, said + ", so it isn't timed", null, null)
          : timed(name, said, torch);
    } catch (PeerProcess.Failure e) {
      return new ModelResult.Peer(name, versions + ": " + e.getMessage(), null, null);
    } finally {
      OutputFile.deleteFolder(folder);
    }
  }

  private Verdict check(JsonNode answered, Path output) {
    int[] answer = ours.answer(newTokens);
    ours.prefill();
    float[] logits = ours.logits();
    if (!Files.isRegularFile(output)) {
      return Verdict.wrong("left no logits to compare");
    }
    Verdict near = Verdict.near(logits, RawNumbers.read(output), BOUND);
    return !near.agrees()
        ? Verdict.wrong("first logits disagree, " + near.said())
        : Verdict.ofAnswer(near, answer, answered.path("tokens"));
  }

  private ObjectNode request(String mode, Path folder, Path output) {
    List<Pixels> crops = input.image().crops();
    Path data = folder.resolve("pixels.raw");
    RawNumbers.write(data, crops.stream().map(Pixels::values).toArray(float[][]::new));
    Pixels first = crops.getFirst();
    Resolution size = input.image().size();
    int[] shape = {crops.size(), first.channels(), first.height(), first.width()};
    JsonMapper json = JsonMapper.shared();
    return json.createObjectNode()
        .put("op", "model")
        .put("way", mode)
        .put("model", checkpoint.toAbsolutePath().toString())
        .put("dtype", model.dtype().label())
        .put("data", data.toString())
        .put("tokens", newTokens)
        .put("output", output.toString())
        .set("picture", json.valueToTree(List.of(size.height(), size.width())))
        .set("pixels", json.valueToTree(shape))
        .set("ids", json.valueToTree(ours.ids()));
  }

  private ModelResult.Peer timed(String name, String said, PeerProcess torch) {
    List<List<Phases<Double>>> times =
        Rounds.of(1, runs)
            .run(List.of(() -> PlanTimer.timeFromPixels(ours, newTokens - 1), () -> phases(torch)));
    return new ModelResult.Peer(
        name,
        said,
        Phases.spreads(times.getLast()),
        Phases.ratios(times.getLast(), times.getFirst()));
  }

  private static Phases<Double> phases(PeerProcess torch) {
    List<Double> millis = torch.phases();
    List<Phase> phases = List.of(Phase.values());
    if (millis.size() != phases.size()) {
      throw new IllegalStateException(
          torch.name() + " told " + millis.size() + " times instead of 4");
    }
    return Phases.of(phases, phase -> millis.get(phases.indexOf(phase)));
  }
}
