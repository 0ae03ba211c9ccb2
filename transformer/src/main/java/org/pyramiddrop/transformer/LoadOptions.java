package org.pyramiddrop.transformer;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.HugePages;

/**
 * How a model is loaded.
 *
 * @param backend what runs it
 * @param dtype the type of its weights
 * @param threads threads of the CPU backend, at least 1
 * @param visionTower the folder of the CLIP model that a checkpoint in the layout of the original
 *     LLaVA repository names as its {@code mm_vision_tower}; null for all others
 * @param copy whether weights are copied into memory instead of mapped, so that the folder may
 *     change while the model is in use
 * @param weights how the matrices of the decoder's layers are held
 */
public record LoadOptions(
    Backend backend,
    WeightType dtype,
    int threads,
    @Nullable Path visionTower,
    boolean copy,
    WeightFormat weights) {

  /** Refuses fewer than one thread. */
  public LoadOptions {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, got " + threads);
    }
  }

  /** Options for a checkpoint whose weights are mapped. */
  public LoadOptions(Backend backend, WeightType dtype, int threads, @Nullable Path visionTower) {
    this(backend, dtype, threads, visionTower, false, WeightFormat.STORED);
  }

  /** Options for a checkpoint that holds all it needs. */
  public LoadOptions(Backend backend, WeightType dtype, int threads) {
    this(backend, dtype, threads, null);
  }

  /** The fastest backend, weights as they are in the checkpoint, a thread for each processor. */
  public static LoadOptions defaults() {
    return new LoadOptions(
        Backend.AUTO, WeightType.AUTO, Runtime.getRuntime().availableProcessors());
  }

  /** These options on another backend. */
  public LoadOptions withBackend(Backend newBackend) {
    return new LoadOptions(newBackend, dtype, threads, visionTower, copy, weights);
  }

  /** These options with weights of another type. */
  public LoadOptions withDtype(WeightType newDtype) {
    return new LoadOptions(backend, newDtype, threads, visionTower, copy, weights);
  }

  /** These options with another number of threads. */
  public LoadOptions withThreads(int newThreads) {
    return new LoadOptions(backend, dtype, newThreads, visionTower, copy, weights);
  }

  /**
   * These options with a vision tower from a folder, as {@code openai/clip-vit-large-patch14-336}
   * has it: its {@code config.json}, its {@code preprocessor_config.json} and, unless the
   * checkpoint holds the tower itself, its safetensors file. For checkpoints in the layout of the
   * original LLaVA repository.
   */
  public LoadOptions withVisionTower(Path newVisionTower) {
    return new LoadOptions(backend, dtype, threads, newVisionTower, copy, weights);
  }

  /**
   * These options with weights copied into memory or mapped. A copy takes as much memory of its own
   * as the safetensors files are long and the time to read them; the folder may then be changed or
   * deleted while the model is in use. Where there are {@link HugePages} a copy lies in them, and a
   * token of an answer takes less time; elsewhere it counts against Java's {@code
   * -XX:MaxDirectMemorySize}. Mapped files must stay as they are: see {@link Llava#load(Path,
   * LoadOptions)}.
   */
  public LoadOptions withCopy(boolean newCopy) {
    return new LoadOptions(backend, dtype, threads, visionTower, newCopy, weights);
  }

  /**
   * These options with the matrices of the decoder's layers in another format. They are converted
   * one after the other, on all processors, into memory of their own: what they are read from isn't
   * needed in memory any more, unless {@link #withCopy} has read it into there.
   */
  public LoadOptions withWeights(WeightFormat newWeights) {
    return new LoadOptions(backend, dtype, threads, visionTower, copy, newWeights);
  }
}
