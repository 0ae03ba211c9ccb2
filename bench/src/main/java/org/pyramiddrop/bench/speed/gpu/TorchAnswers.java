package org.pyramiddrop.bench.speed.gpu;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.report.OutputFile;
import org.pyramiddrop.bench.speed.compare.PeerProcess;
import org.pyramiddrop.bench.speed.compare.RawNumbers;
import org.pyramiddrop.bench.speed.compare.Verdict;
import org.pyramiddrop.bench.speed.pruning.Phases;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
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
 * @param start starts a process, one for each mode
 * @param limit until a mode is ready: loaded, compiled, recorded
 */
record TorchAnswers(
    GpuPrompt prompt,
    RepeatedAnswer ours,
    Path checkpoint,
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
    Path folder = scratch();
    try (PeerProcess torch = start.get()) {
      versions = torch.versions();
      Verdict verdict = check(torch, mode, folder);
      String said = versions + ": " + verdict.said();
      return !verdict.agrees()
          ? new ModelResult.Peer(name, said + ", so it isn't timed", null, null)
          : timed(name, said, torch);
    } catch (PeerProcess.Failure e) {
      return new ModelResult.Peer(name, versions + ": " + e.getMessage(), null, null);
    } finally {
      OutputFile.deleteFolder(folder);
    }
  }

  private Verdict check(PeerProcess torch, String mode, Path folder) {
    int[] answer = ours.answer(prompt.newTokens());
    ours.prefill();
    float[] logits = ours.logits();
    Path output = folder.resolve("logits.raw");
    JsonNode said = torch.prepare(request(mode, folder, output), limit);
    if (!Files.isRegularFile(output)) {
      return Verdict.wrong("left no logits to compare");
    }
    Verdict near = Verdict.near(logits, RawNumbers.read(output), BOUND);
    return !near.agrees()
        ? Verdict.wrong("first logits disagree, " + near.said())
        : Verdict.ofAnswer(near, answer, said.path("tokens"));
  }

  private ObjectNode request(String mode, Path folder, Path output) {
    List<Pixels> crops = prompt.image().crops();
    Path data = folder.resolve("pixels.raw");
    RawNumbers.write(data, values(crops));
    Pixels first = crops.getFirst();
    Resolution size = prompt.image().size();
    int[] shape = {crops.size(), first.channels(), first.height(), first.width()};
    JsonMapper json = JsonMapper.shared();
    return json.createObjectNode()
        .put("op", "model")
        .put("way", mode)
        .put("model", checkpoint.toAbsolutePath().toString())
        .put("dtype", prompt.model().dtype().label())
        .put("data", data.toString())
        .put("tokens", prompt.newTokens())
        .put("output", output.toString())
        .set("picture", json.valueToTree(List.of(size.height(), size.width())))
        .set("pixels", json.valueToTree(shape))
        .set("ids", json.valueToTree(ours.ids()));
  }

  private static float[] values(List<Pixels> crops) {
    int size = crops.getFirst().values().length;
    float[] all = new float[crops.size() * size];
    for (int i = 0; i < crops.size(); i++) {
      System.arraycopy(crops.get(i).values(), 0, all, i * size, size);
    }
    return all;
  }

  private ModelResult.Peer timed(String name, String said, PeerProcess torch) {
    List<List<Phases<Double>>> runs =
        Rounds.of(1, prompt.runs()).run(List.of(() -> prompt.time(ours), () -> phases(torch)));
    return new ModelResult.Peer(
        name, said, Phases.spreads(runs.getLast()), Phases.ratios(runs.getLast(), runs.getFirst()));
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

  private static Path scratch() {
    try {
      return Files.createTempDirectory("gpu-answers");
    } catch (IOException e) {
      throw new UncheckedIOException("no temporary folder: " + e.getMessage(), e);
    }
  }
}
