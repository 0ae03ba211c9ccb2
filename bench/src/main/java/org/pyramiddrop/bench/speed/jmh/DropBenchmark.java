package org.pyramiddrop.bench.speed.jmh;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.Warmup;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.speed.DeviceScratch;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.VisionConfig;

/**
 * What a drop itself costs: ranking all keys for the last token's query, choosing half of the
 * image's tokens, gathering their rows; and what a cut before the decoder costs, beside the vision
 * tower that it follows: a ninth of the image's tokens stays.
 *
 * <p>Keys and hidden states take turns, so that they come from memory as behind a layer's products.
 * Each takes at most milliseconds: an iteration is half a second of them. Two seconds of warm-up
 * let the compiler settle; three virtual machines compile the loops anew.
 */
@BenchmarkMode(Mode.AverageTime)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 9, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 3, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
@SuppressWarnings("NullAway.Init")
public class DropBenchmark extends DeviceBenchmark {
  public enum Part {
    RANKING,
    SELECTION,
    GATHER,
    /** VisionZip's scores, choice and merging, of all crops. */
    VISION_ZIP,
    /** DivPrune's greedy choice. */
    MAX_MIN,
    /** CDPruner's relevance and greedy choice. */
    DETERMINANTAL
  }

  /** Patches of a crop. */
  static final int PATCHES = 576;

  /** Of how many image tokens a cut before the decoder keeps one: 64 of a crop's. */
  static final int SHARE = 9;

  /** How many of a crop's patches VisionZip merges others into: 10 of 576. */
  static int targets(int patches) {
    return Math.max(1, Math.round(patches * 10f / PATCHES));
  }

  @Param Part part = Part.RANKING;

  @Param({"576", "2880"})
  int imageTokens;

  @Param("BFLOAT16")
  DType dtype = DType.BFLOAT16;

  Kernels kernels;

  Heads heads;

  Tensor query;

  /** Keys, or hidden states to gather rows of; only what the part needs. */
  List<Tensor> inputs = List.of();

  Tensor scores;

  Indices chosen;

  /** What the last run gathered, or merged into. */
  Tensor gathered;

  /** The input that the last run read. */
  int turn;

  @Setup
  public void setUp() {
    CheckpointShape shape = modelSize().shape();
    heads = new Heads(shape.heads(), shape.keyValueHeads(), shape.hidden() / shape.heads());
    kernels = own(open(dtype));
    prepare(kernels, this::work);
  }

  private Runnable work(DeviceScratch scratch) {
    int tokens = imageTokens + ModelWork.TEXT_TOKENS;
    int half = imageTokens / 2;
    int hidden = modelSize().shape().hidden();
    query = scratch.random(1, hidden);
    scores = scratch.random(DType.FLOAT32, 1, tokens);
    chosen = scratch.indices(half);
    select();
    return switch (part) {
      case RANKING -> {
        inputs = inTurn(scratch, tokens, heads.keyValueColumns());
        yield () -> kernels.scoreTokens(query, heads, next(), scores);
      }
      case SELECTION -> this::select;
      case GATHER -> {
        inputs = inTurn(scratch, tokens, hidden);
        // Outputs take turns too: what is written has to reach memory as well.
        List<Tensor> outputs = inputs.stream().map(_ -> scratch.empty(half, hidden)).toList();
        yield () -> {
          Tensor input = next();
          gathered = outputs.get(turn);
          kernels.gatherRows(input, chosen, gathered);
        };
      }
      case VISION_ZIP -> visionZip(scratch);
      case MAX_MIN -> {
        inputs = inTurn(scratch, imageTokens, hidden);
        chosen = scratch.indices(imageTokens / SHARE);
        yield () -> kernels.selectDiverse(next(), chosen);
      }
      case DETERMINANTAL -> {
        inputs = inTurn(scratch, imageTokens, hidden);
        chosen = scratch.indices(imageTokens / SHARE);
        Tensor text = scratch.random(ModelWork.TEXT_TOKENS, hidden);
        scores = scratch.random(DType.FLOAT32, 1, imageTokens);
        yield () -> {
          Tensor input = next();
          kernels.relevance(input, text, scores);
          kernels.selectDeterminantal(input, scores, chosen);
        };
      }
    };
  }

  private Runnable visionZip(DeviceScratch scratch) {
    VisionConfig vision = modelSize().shape().vision();
    int width = vision.hiddenSize();
    int patches = Math.min(PATCHES, imageTokens);
    Heads own = new Heads(vision.heads(), vision.heads(), width / vision.heads());
    Tensor classQuery = scratch.random(1, width);
    Tensor features = scratch.random(patches + 1, width);
    Tensor received = scratch.random(DType.FLOAT32, 1, patches + 1);
    Tensor averaged = scratch.random(DType.FLOAT32, patches + 1, own.size());
    int count = targets(patches);
    int most = patches / SHARE - count;
    Tensor dominant = scratch.empty(most, width);
    gathered = scratch.empty(count, width);
    Indices places = scratch.indices(IntStream.rangeClosed(1, patches).toArray());
    Indices split = scratch.indices(patches);
    Indices targets = split.part(most, count);
    Indices others = split.part(most + count, patches - most - count);
    Indices into = scratch.indices(others.size());
    inputs = inTurn(scratch, patches + 1, width);
    return () -> {
      for (int crop = 0; crop < imageTokens / patches; crop++) {
        Tensor keys = next();
        kernels.scoreTokens(classQuery, own, keys, received);
        kernels.averageHeads(keys, own, averaged);
        kernels.splitTopK(received, places, most, split);
        kernels.gatherRows(features, split.part(0, most), dominant);
        kernels.nearest(averaged, targets, others, into);
        kernels.mergeRows(features, targets, others, into, gathered);
      }
    };
  }

  private void select() {
    int first = ModelWork.TEXT_TOKENS / 2;
    kernels.selectTopK(scores, first, imageTokens, chosen.size(), chosen, 0);
  }

  private List<Tensor> inTurn(DeviceScratch scratch, int rows, int columns) {
    List<Tensor> all = new ArrayList<>();
    int count = turns((long) rows * columns * kernels.dtype().bytes());
    for (int i = 0; i < count; i++) {
      all.add(scratch.random(rows, columns));
    }
    return all;
  }

  private Tensor next() {
    turn = (turn + 1) % inputs.size();
    return inputs.get(turn);
  }

  @Benchmark
  public void drop() {
    runAndWait();
  }
}
