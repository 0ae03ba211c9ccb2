package org.pyramiddrop.bench.speed.training;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.report.OutputFile;
import org.pyramiddrop.bench.report.OutputFile.BenchFolder;
import org.pyramiddrop.bench.speed.compare.PeerProcess;
import org.pyramiddrop.bench.speed.compare.RawNumbers;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.training.model.TrainedSample;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * PyTorch's step of the same samples, without drops; of a LoRA by PEFT.
 *
 * @param device as PyTorch calls it
 * @param dtype of weights and activations
 * @param loraRank none to train projector and decoder
 */
record TorchStep(
    Path model, String device, DType dtype, @Nullable Integer loraRank, boolean checkpointing) {
  private static final int NO_LABEL = -100;

  /** How far the first loss may be apart, relatively. */
  private double agreement() {
    return dtype == DType.FLOAT32 ? 1e-3 : 2e-2;
  }

  /**
   * Hands the samples over, and holds the first loss against ours.
   *
   * @throws IllegalStateException if they differ
   */
  void prepare(PeerProcess torch, int imageToken, RandomSamples samples, double loss) {
    List<int[]> ids = new ArrayList<>();
    List<int[]> labels = new ArrayList<>();
    for (TrainedSample sample : samples.samples()) {
      ids.add(expanded(sample, imageToken, i -> sample.ids()[i]));
      labels.add(
          expanded(sample, imageToken, i -> sample.answer()[i] ? sample.ids()[i] : NO_LABEL));
    }
    Path folder = OutputFile.temporaryFolder(BenchFolder.root(), "training");
    try {
      Path output = folder.resolve("loss.raw");
      double theirs = prepare(torch, ids, labels, samples, folder, output);
      if (!(Math.abs(theirs - loss) <= agreement() * Math.abs(loss))) {
        throw new IllegalStateException(
            "PyTorch's loss is %s and ours %s: nothing was timed".formatted(theirs, loss));
      }
    } finally {
      OutputFile.deleteFolder(folder);
    }
  }

  private double prepare(
      PeerProcess torch,
      List<int[]> ids,
      List<int[]> labels,
      RandomSamples samples,
      Path folder,
      Path output) {
    Path data = folder.resolve("pixels.raw");
    List<Pixels> pixels =
        samples.samples().stream().flatMap(sample -> sample.crops().getFirst().stream()).toList();
    Pixels one = pixels.getFirst();
    RawNumbers.write(data, pixels.stream().map(Pixels::values).toArray(float[][]::new));
    JsonMapper json = JsonMapper.shared();
    ObjectNode request = json.createObjectNode().put("op", "train");
    request.put("model", model.toAbsolutePath().toString());
    request.put("device", device).put("dtype", dtype.label());
    request.put("rank", loraRank).put("checkpointing", checkpointing);
    request.put("data", data.toString()).put("output", output.toString());
    request.set("ids", json.valueToTree(ids));
    request.set("labels", json.valueToTree(labels));
    request.set(
        "pixels",
        json.valueToTree(
            new int[] {
              samples.samples().size(), samples.crops(), one.channels(), one.height(), one.width()
            }));
    request.set(
        "picture", json.valueToTree(new int[] {samples.size().height(), samples.size().width()}));
    torch.prepare(request);
    return RawNumbers.read(output)[0];
  }

  /** Numbers of a sample's tokens, the image's as often as it has tokens. */
  private static int[] expanded(TrainedSample sample, int imageToken, IntUnaryOperator number) {
    int[] ids = sample.ids();
    return IntStream.range(0, ids.length)
        .flatMap(i ->
            IntStream.generate(() -> number.applyAsInt(i))
                .limit(ids[i] == imageToken ? sample.imageTokens() : 1))
        .toArray();
  }
}
