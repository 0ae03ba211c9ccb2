package org.pyramiddrop.bench.checkpoint;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.SafetensorsWriter.Entry;
import org.pyramiddrop.loader.StoredType;
import tools.jackson.databind.json.JsonMapper;

/**
 * One tensor of a random checkpoint: uniform between {@code centre - spread} and {@code centre +
 * spread}.
 *
 * @param name its name, of the generation that LLaVA-1.5 was published in
 */
record WeightPlan(String name, List<Long> shape, float centre, float spread) {
  /**
   * The standard deviation of attention's scores: at 1 the softmax over hundreds of keys is so flat
   * that values average out, and an output says nothing of the attention before it.
   */
  private static final double SCORES = 3;

  /** What a tensor is, and so how it is drawn. */
  private enum Kind {
    NORM,
    BIAS,
    UNIT,
    /** Its rows have variance 1. */
    EMBEDDING,
    /** Maps inputs of variance 1 to outputs of variance 1. */
    MATRIX,
    /** Of queries or keys, whose products are to be peaked. */
    PEAKED,
    /** What is added to the residual stream shrinks with depth, so that it stays of order 1. */
    RESIDUAL;

    WeightPlan plan(String name, List<Long> shape, int layers) {
      double even = Math.sqrt(3.0 / (elements(shape) / shape.getFirst()));
      double spread =
          switch (this) {
            case NORM -> 0.1;
            case BIAS -> 0.02;
            case UNIT -> 1;
            case EMBEDDING -> Math.sqrt(3);
            case MATRIX -> even;
            case PEAKED -> Math.sqrt(SCORES) * even;
            case RESIDUAL -> 1 / Math.sqrt(2.0 * layers) * even;
          };
      return new WeightPlan(name, shape, this == NORM ? 1 : 0, (float) spread);
    }
  }

  /** Tensors of as many layers, whose number stands for {@code *}. */
  private record Block(int repeat, Map<String, Map<Kind, List<Long>>> tensors) {}

  private static long elements(List<Long> shape) {
    return shape.stream().mapToLong(Long::longValue).reduce(1, Math::multiplyExact);
  }

  long elements() {
    return elements(shape);
  }

  Entry entry(DType dtype) {
    // F32, F16 and BF16 are what the format calls them.
    String type = dtype.label().replace("loat", "").toUpperCase(Locale.ROOT);
    return new Entry(name, StoredType.valueOf(type), shape);
  }

  /** Draws its numbers, the same for a seed in whichever file it lies. */
  void draw(MemorySegment out, DType dtype, long seed) {
    RandomNumbers.fill(out, dtype, centre, spread, seed * 31 + name.hashCode());
  }

  /** All tensors of a model: those of {@code tensors.json}. */
  static List<WeightPlan> of(LlavaConfig config) {
    List<WeightPlan> all = new ArrayList<>();
    String text = ConfigFiles.filled("tensors.json", ConfigFiles.values(config));
    for (Block block : JsonMapper.shared().readValue(text, Block[].class)) {
      for (int i = 0; i < block.repeat; i++) {
        String layer = String.valueOf(i);
        block.tensors.forEach((name, shapes) ->
            shapes.forEach((kind, shape) ->
                all.add(kind.plan(name.replace("*", layer), shape, block.repeat))));
      }
    }
    all.removeIf(plan -> plan.name.equals("image_newline") && !config.anyResolution());
    return all;
  }
}
