package org.pyramiddrop.bench.gpu;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.pyramiddrop.bench.OutputFile;
import org.pyramiddrop.bench.compare.PeerProcess;
import org.pyramiddrop.bench.compare.RawNumbers;
import org.pyramiddrop.bench.compare.TorchSide;
import org.pyramiddrop.bench.compare.Verdict;
import org.pyramiddrop.loader.Pixels;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * PyTorch's answers to the prompt that a model of ours answers: the same checkpoint, ids and pixel
 * values. They are compared first, then timed in turn with ours without drops.
 *
 * @param checkpoint the model's folder
 * @param start starts a process, one for each way
 * @param limit until a way is ready: loaded, compiled, recorded
 */
record TorchAnswers(GpuModel ours, Path checkpoint, Supplier<TorchSide> start, Duration limit) {
  /**
   * How far the first token's logits may be apart, as a share of their deviation. Both sides round
   * to bfloat16, after other steps; an answer to another prompt is off by several deviations.
   */
  static final double BOUND = 0.2;

  /**
   * Compares and times.
   *
   * @param way as the other side's protocol names it
   */
  ModelResult.Peer in(String way) {
    String name = "PyTorch, " + way;
    String versions = "no PyTorch";
    Path folder = scratch();
    try (TorchSide torch = start.get()) {
      versions = torch.versions();
      Verdict verdict = check(torch, way, folder);
      String said = versions + ": " + verdict.said();
      return verdict instanceof Verdict.Differs
          ? new ModelResult.Peer(name, said + ", so it isn't timed", null, null)
          : timed(name, said, torch);
    } catch (PeerProcess.Failure e) {
      return new ModelResult.Peer(name, versions + ": " + e.getMessage(), null, null);
    } finally {
      OutputFile.deleteFolder(folder);
    }
  }

  private Verdict check(TorchSide torch, String way, Path folder) {
    int[] answer = ours.plain().answer(ours.setting().newTokens());
    ours.plain().prefill();
    float[] logits = ours.plain().logits();
    Path output = folder.resolve("logits.raw");
    JsonNode said = torch.prepare(request(way, folder, output), limit);
    if (!Files.isRegularFile(output)) {
      return new Verdict.Differs("left no logits to compare");
    }
    Verdict verdict = Verdict.near(logits, RawNumbers.read(output), BOUND);
    if (verdict instanceof Verdict.Differs) {
      return new Verdict.Differs("first logits disagree, " + verdict.said());
    }
    int same = 0;
    while (same < answer.length && said.path("tokens").path(same).asInt(-1) == answer[same]) {
      same++;
    }
    return new Verdict.Agrees(
        "first logits %s, the first %d of %d greedy tokens the same"
            .formatted(verdict.said(), same, answer.length));
  }

  private ObjectNode request(String way, Path folder, Path output) {
    List<Pixels> crops = ours.picture().crops();
    Path data = folder.resolve("pixels.raw");
    RawNumbers.write(data, values(crops));
    ObjectNode request =
        JsonMapper.shared()
            .createObjectNode()
            .put("op", "model")
            .put("way", way)
            .put("model", checkpoint.toAbsolutePath().toString())
            .put("dtype", ours.model().dtype().label())
            .put("data", data.toString())
            .put("tokens", ours.setting().newTokens())
            .put("output", output.toString());
    request
        .putArray("picture")
        .add(ours.picture().size().height())
        .add(ours.picture().size().width());
    Pixels first = crops.getFirst();
    request
        .putArray("pixels")
        .add(crops.size())
        .add(first.channels())
        .add(first.height())
        .add(first.width());
    ArrayNode ids = request.putArray("ids");
    for (int id : ours.plain().ids()) {
      ids.add(id);
    }
    return request;
  }

  private static float[] values(List<Pixels> crops) {
    int size = crops.getFirst().values().length;
    float[] all = new float[crops.size() * size];
    for (int i = 0; i < crops.size(); i++) {
      System.arraycopy(crops.get(i).values(), 0, all, i * size, size);
    }
    return all;
  }

  /** Runs both sides once a round, begun by either in turn; a first round doesn't count. */
  private ModelResult.Peer timed(String name, String said, TorchSide torch) {
    List<Phases.Run> own = new ArrayList<>();
    List<Phases.Run> theirs = new ArrayList<>();
    for (int round = 0; round <= ours.setting().runs(); round++) {
      Phases.Run mine;
      Phases.Run other;
      if (round % 2 == 0) {
        mine = ours.time();
        other = run(torch);
      } else {
        other = run(torch);
        mine = ours.time();
      }
      if (round > 0) {
        own.add(mine);
        theirs.add(other);
      }
    }
    return new ModelResult.Peer(name, said, Phases.of(theirs), Phases.ratios(own, theirs));
  }

  private static Phases.Run run(TorchSide torch) {
    List<Double> parts = torch.phases();
    if (parts.size() != 4) {
      throw new IllegalStateException(
          torch.name() + " told " + parts.size() + " times instead of 4");
    }
    return new Phases.Run(parts.get(0), parts.get(1), parts.get(2), parts.get(3));
  }

  private static Path scratch() {
    try {
      return Files.createTempDirectory("gpu-answers");
    } catch (IOException e) {
      throw new UncheckedIOException("no temporary folder: " + e.getMessage(), e);
    }
  }
}
