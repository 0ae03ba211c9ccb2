package org.pyramiddrop.bench.speed.jmh;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.Warmup;
import org.pyramiddrop.bench.checkpoint.RandomNumbers;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.VisionConfig;
import org.pyramiddrop.transformer.engine.Projector;
import org.pyramiddrop.transformer.engine.VisionTower;

/**
 * An image's way to the decoder: one layer of CLIP's tower over its 577 tokens, with the patch
 * embedding before it (two hundredths of the work, which is counted), and the projector.
 *
 * <p>Each takes tenths of a second and is timed by itself. The compiler is done within the first
 * two; five are thrown away. Virtual machines: two, as in {@link DecoderLayerBenchmark}.
 */
@Warmup(iterations = 5)
@Measurement(iterations = 15)
@SuppressWarnings("NullAway.Init")
public class VisionBenchmark extends DeviceBenchmark {
  public enum Part {
    /** Patch embedding and one layer. */
    TOWER_LAYER,
    /** From the tower's features to the decoder's embeddings. */
    PROJECTOR
  }

  @Param Part part = Part.TOWER_LAYER;

  @Param("BFLOAT16")
  DType dtype = DType.BFLOAT16;

  float[] pixels;
  Kernels kernels;

  /** What the tower comes to, tokens × its columns. */
  Tensor features;

  /** What the projector comes to, tokens × the decoder's hidden size. */
  Tensor embeddings;

  @Setup
  public void setUp() {
    ModelOnDevice model = model(dtype);
    kernels = model.kernels();
    VisionTower tower = model.engine().imageEncoder().tower();
    Projector projector = model.engine().imageEncoder().projector();
    VisionConfig vision = model.config().vision();
    int side = vision.imageSize();
    pixels = RandomNumbers.floats(vision.channels() * side * side, /* seed= */ 9);
    Tensor crop = own(tower.allocatePixels(1));
    kernels.upload(pixels, crop);
    features = own(kernels.allocate(tower.tokens(), tower.columns()));
    embeddings = own(kernels.allocate(tower.tokens(), model.engine().decoder().hiddenSize()));
    tower.encode(crop, () -> {}, features);
    prepare(
        kernels,
        switch (part) {
          case TOWER_LAYER -> () -> tower.encode(crop, () -> {}, features);
          case PROJECTOR -> () -> projector.project(features, embeddings);
        });
  }

  @Benchmark
  public void image() {
    runAndWait();
  }
}
