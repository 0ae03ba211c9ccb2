package org.pyramiddrop.bench.model;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.bench.checkpoint.RandomNumbers;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.TextConfig;
import org.pyramiddrop.transformer.engine.Decoder;
import org.pyramiddrop.transformer.engine.KeyValueCache;
import org.pyramiddrop.transformer.engine.NextToken;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * The decode step right behind a prompt that a plan has pruned, with random keys and values in the
 * caches; it can be run again and again and recorded, since it writes the same rows each time.
 */
public final class RepeatedStep implements AutoCloseable {
  private final Resources owned = new Resources();
  private final Kernels kernels;
  private final Decoder decoder;
  private final Schedule schedule;
  private final int[] lengths;
  private final int id;
  private final float[] keys;
  private final float[] values;
  private final KeyValueCache cache;
  private final NextToken next;
  private final Tensor logits;

  /** Fills the caches to the lengths that the plan leaves in each stage. */
  public RepeatedStep(ModelOnDevice model, PromptShape shape, PruningPlan plan, long seed) {
    kernels = model.kernels();
    decoder = model.engine().decoder();
    TextConfig text = model.config().text();
    Heads heads = new Heads(text.heads(), text.keyValueHeads(), text.headSize());
    schedule = plan.schedule(text.layers());
    lengths = new int[schedule.stages()];
    Arrays.fill(lengths, shape.textTokens());
    for (int image : shape.images()) {
      int[] counts = schedule.counts(image);
      Arrays.setAll(lengths, stage -> lengths[stage] + counts[stage]);
    }
    id = Math.floorMod(seed, decoder.vocabulary());
    keys = RandomNumbers.floats(lengths[0] * heads.keyValueColumns(), seed);
    values = RandomNumbers.floats(keys.length, seed + 1);
    int[] capacities =
        IntStream.range(0, text.layers()).map(b -> lengths[schedule.stageOf(b)] + 1).toArray();
    try {
      cache = owned.add(new KeyValueCache(kernels, heads, capacities));
      for (int b = 0; b < text.layers(); b++) {
        int held = lengths[schedule.stageOf(b)];
        int size = held * heads.keyValueColumns();
        kernels.upload(Arrays.copyOf(keys, size), cache.layer(b).keys().rows(0, held));
        kernels.upload(Arrays.copyOf(values, size), cache.layer(b).values().rows(0, held));
      }
      next = owned.add(new NextToken(kernels, schedule, lengths));
      kernels.upload(new int[] {id}, next.id());
      next.moveTo(0);
      logits = owned.add(kernels.allocate(DType.FLOAT32, 1, decoder.vocabulary()));
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  /** Runs the step once, without waiting for the device. */
  public void run() {
    decoder.decode(List.of(new Decoder.Step(next, schedule, cache, logits)));
  }

  /** Rows that a layer's cache held before the step. */
  public int held(int layer) {
    return lengths[schedule.stageOf(layer)];
  }

  /** What the token is rotated by in a layer. */
  public int position(int layer) {
    return kernels.download(next.position(schedule.stageOf(layer)))[0];
  }

  public int id() {
    return id;
  }

  /** Keys that each layer's cache begins with, rows × key columns; each holds its first rows. */
  public float[] keys() {
    return keys.clone();
  }

  /** Values, likewise. */
  public float[] values() {
    return values.clone();
  }

  /** The logits that the last run came to. */
  public float[] output() {
    return kernels.download(logits);
  }

  @Override
  public void close() {
    owned.close();
  }
}
