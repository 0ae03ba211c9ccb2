package org.pyramiddrop.bench.speed.jmh;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.transformer.pruning.Positions;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;

/** A checkpoint's LLaMA decoder in double: every layer in full, drops behind it. */
final class DecoderReference {
  private static final double EPSILON = 1e-5;

  private final Path folder;
  private final CheckpointShape shape;
  private final Heads heads;

  DecoderReference(Path folder, CheckpointShape shape) {
    this.folder = folder;
    this.shape = shape;
    heads = new Heads(shape.heads(), shape.keyValueHeads(), shape.hidden() / shape.heads());
  }

  /** Queries, keys and values, rotated, and what comes behind them. */
  private final class Layer {
    private final Checkpoint checkpoint;
    private final String prefix;

    Layer(Checkpoint checkpoint, int index) {
      this.checkpoint = checkpoint;
      prefix = "language_model.model.layers." + index + ".";
    }

    double[] weights(String name) {
      return Reference.weights(checkpoint, prefix + name + ".weight");
    }

    double[] project(double[] normed, String name) {
      return Reference.multiply(normed, weights("self_attn." + name + "_proj"), shape.hidden());
    }

    double[] normed(double[] x) {
      return Reference.rmsNorm(x, weights("input_layernorm"), EPSILON);
    }

    double[] query(double[] normed, int[] positions) {
      double[] q = project(normed, "q");
      Reference.rotate(q, positions, heads.query(), heads.size());
      return q;
    }

    double[] keys(double[] normed, int[] positions) {
      double[] k = project(normed, "k");
      Reference.rotate(k, positions, heads.keyValue(), heads.size());
      return k;
    }

    double[] finish(double[] x, double[] attended) {
      double[] out = x.clone();
      Reference.add(
          out, Reference.multiply(attended, weights("self_attn.o_proj"), heads.queryColumns()));
      double[] normed = Reference.rmsNorm(out, weights("post_attention_layernorm"), EPSILON);
      double[] gate = Reference.multiply(normed, weights("mlp.gate_proj"), shape.hidden());
      double[] up = Reference.multiply(normed, weights("mlp.up_proj"), shape.hidden());
      for (int i = 0; i < gate.length; i++) {
        gate[i] = gate[i] / (1 + Math.exp(-gate[i])) * up[i];
      }
      Reference.add(out, Reference.multiply(gate, weights("mlp.down_proj"), shape.intermediate()));
      return out;
    }
  }

  /**
   * Runs a prompt with one image.
   *
   * @param embedded tokens × hidden
   * @param first where the image begins
   * @param count its tokens
   * @param layers how many run
   * @return hidden states of what is left
   */
  double[] prefill(float[] embedded, int first, int count, PruningPlan plan, int layers) {
    Schedule schedule = plan.schedule(shape.layers());
    double[] x = Reference.doubles(embedded);
    int[] positions = IntStream.range(0, x.length / shape.hidden()).toArray();
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      for (int b = 0; b < layers; b++) {
        Layer layer = new Layer(checkpoint, b);
        int tokens = positions.length;
        double[] normed = layer.normed(x);
        double[] q = layer.query(normed, positions);
        double[] k = layer.keys(normed, positions);
        int[] seen = IntStream.rangeClosed(1, tokens).toArray();
        double[] attended = Reference.attend(q, k, layer.project(normed, "v"), seen, heads);
        x = layer.finish(x, attended);
        int stage = schedule.stageOf(b);
        if (stage + 1 < schedule.stages() && schedule.firstLayer(stage + 1) == b + 1) {
          double[] last = Arrays.copyOfRange(q, q.length - heads.queryColumns(), q.length);
          int[] kept =
              Reference.highest(
                  Reference.scores(last, k, heads),
                  first,
                  schedule.counts(count)[stage],
                  schedule.counts(count)[stage + 1]);
          int[] rows =
              IntStream.concat(
                      IntStream.concat(IntStream.range(0, first), Arrays.stream(kept)),
                      IntStream.range(first + schedule.counts(count)[stage], tokens))
                  .toArray();
          x = Reference.rows(x, rows, shape.hidden());
          int[] before = positions;
          positions =
              schedule.positions() == Positions.RENUMBER
                  ? IntStream.range(0, rows.length).toArray()
                  : Arrays.stream(rows).map(r -> before[r]).toArray();
        }
      }
    }
    return x;
  }

  /** The last row's logits. */
  double[] logits(double[] x) {
    double[] last = Arrays.copyOfRange(x, x.length - shape.hidden(), x.length);
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      double[] norm = Reference.weights(checkpoint, "language_model.model.norm.weight");
      double[] head = Reference.weights(checkpoint, "language_model.lm_head.weight");
      return Reference.multiply(Reference.rmsNorm(last, norm, EPSILON), head, shape.hidden());
    }
  }

  /**
   * A decode step.
   *
   * @param keys what all layers' caches begin with; each holds the first rows
   * @param held how many, by layer
   * @param position what the token is rotated by, by layer
   * @return its logits
   */
  double[] step(
      int id, float[] keys, float[] values, IntUnaryOperator held, IntUnaryOperator position) {
    double[] x;
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      double[] table = Reference.weights(checkpoint, "language_model.model.embed_tokens.weight");
      x = Reference.rows(table, new int[] {id}, shape.hidden());
      for (int b = 0; b < shape.layers(); b++) {
        Layer layer = new Layer(checkpoint, b);
        double[] normed = layer.normed(x);
        int[] positions = {position.applyAsInt(b)};
        int rows = held.applyAsInt(b);
        double[] k = behind(keys, rows, layer.keys(normed, positions));
        double[] v = behind(values, rows, layer.project(normed, "v"));
        int[] seen = {rows + 1};
        double[] q = layer.query(normed, positions);
        x = layer.finish(x, Reference.attend(q, k, v, seen, heads));
      }
    }
    return logits(x);
  }

  private static double[] behind(float[] cached, int rows, double[] row) {
    double[] all = Arrays.copyOf(Reference.doubles(cached), (rows + 1) * row.length);
    System.arraycopy(row, 0, all, rows * row.length, row.length);
    return all;
  }
}
