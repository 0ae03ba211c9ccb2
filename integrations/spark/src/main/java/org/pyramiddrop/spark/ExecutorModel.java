package org.pyramiddrop.spark;

import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.FileAccess;
import org.pyramiddrop.loader.ModelFiles;
import org.pyramiddrop.transformer.Backend;
import org.pyramiddrop.transformer.LoadOptions;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.WeightFormat;
import org.pyramiddrop.transformer.WeightType;

/**
 * A model that executors ask: where it lies, and how each of them opens it. An executor opens it
 * when its first task wants it; all its tasks share it until its JVM ends. Mapped weights are in
 * memory once a machine, however many executors read them.
 *
 * @param folder the model's folder, at the same local path on every executor
 * @param visionTower the folder of its vision tower, for a checkpoint in the layout of the original
 *     LLaVA repository; null for all others
 * @param backend what runs it; {@link Backend#AUTO} is the GPU for a task that Spark gives one
 *     ({@code spark.task.resource.gpu.amount}), and for all others the CPU, with native products
 *     where its executor has them
 * @param dtype the type of its weights
 * @param threads threads of the CPU backend; 0 for as many as the executor has cores
 * @param copy whether weights are copied into memory instead of mapped
 * @param weights how the matrices of the decoder's layers are held
 * @param onDriver whether the driver has the folder too, and looks at it before any task starts
 */
public record ExecutorModel(
    String folder,
    @Nullable String visionTower,
    Backend backend,
    WeightType dtype,
    int threads,
    boolean copy,
    WeightFormat weights,
    boolean onDriver)
    implements Serializable {

  /** Refuses a negative number of threads, and a folder that is no local one. */
  public ExecutorModel {
    if (threads < 0) {
      throw new IllegalArgumentException(
          "threads must be 0 (the executor's cores) or more, got " + threads);
    }
    if (folder.contains("://")) {
      throw new IllegalArgumentException(
          "the model's folder must be a local one, since its weights are mapped, not "
              + folder
              + "; mount it, or let spark.archives unpack it on every executor");
    }
  }

  /** A model with its weights as they are in the checkpoint, mapped, on the device Spark gives. */
  public static ExecutorModel in(String folder) {
    return new ExecutorModel(
        folder, null, Backend.AUTO, WeightType.AUTO, 0, false, WeightFormat.STORED, true);
  }

  /** This model on a backend of your choice, whatever resources Spark gives a task. */
  public ExecutorModel withBackend(Backend newBackend) {
    return new ExecutorModel(
        folder, visionTower, newBackend, dtype, threads, copy, weights, onDriver);
  }

  /** This model with weights of another type. */
  public ExecutorModel withDtype(WeightType newDtype) {
    return new ExecutorModel(
        folder, visionTower, backend, newDtype, threads, copy, weights, onDriver);
  }

  /** This model on another number of CPU threads; 0 for as many as the executor has cores. */
  public ExecutorModel withThreads(int newThreads) {
    return new ExecutorModel(
        folder, visionTower, backend, dtype, newThreads, copy, weights, onDriver);
  }

  /** This model with a vision tower from a folder of its own. */
  public ExecutorModel withVisionTower(String newVisionTower) {
    return new ExecutorModel(
        folder, newVisionTower, backend, dtype, threads, copy, weights, onDriver);
  }

  /** This model with weights copied into memory or mapped. */
  public ExecutorModel withCopy(boolean newCopy) {
    return new ExecutorModel(
        folder, visionTower, backend, dtype, threads, newCopy, weights, onDriver);
  }

  /** This model with the matrices of its decoder's layers in another format. */
  public ExecutorModel withWeights(WeightFormat newWeights) {
    return new ExecutorModel(
        folder, visionTower, backend, dtype, threads, copy, newWeights, onDriver);
  }

  /**
   * This model where the driver has no such folder: a wrong one then fails the first task instead
   * of the call.
   */
  public ExecutorModel onExecutorsOnly() {
    return new ExecutorModel(folder, visionTower, backend, dtype, threads, copy, weights, false);
  }

  /**
   * Looks at the folder and at whether the plan fits its model. No weights are read.
   *
   * @throws CheckpointException if it is none of a model that can be run
   * @throws IllegalArgumentException if it isn't there, or the plan doesn't fit
   */
  void check(Options options) {
    if (!onDriver) {
      return;
    }
    if (!Files.isDirectory(path())) {
      throw new IllegalArgumentException(
          folder
              + ": no such folder on the driver; give a model's folder that driver and executors"
              + " have at the same path, or say ExecutorModel.onExecutorsOnly()");
    }
    try (ModelFiles files = ModelFiles.open(path(), visionTowerPath(), FileAccess.MAPPED)) {
      options.pruning().schedule(files.config().text().layers());
    }
  }

  Path path() {
    return Path.of(folder);
  }

  private @Nullable Path visionTowerPath() {
    return visionTower == null ? null : Path.of(visionTower);
  }

  /** How it is loaded on a device, by an executor with some cores. */
  LoadOptions loading(Backend device, int cores) {
    int used = threads == 0 ? cores : threads;
    return new LoadOptions(device, dtype, used, visionTowerPath(), copy, weights);
  }
}
